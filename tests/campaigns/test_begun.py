"""With whom something was begun: a campaign that drains goes on with such alone."""

from dataclasses import replace

import pytest

from campaigns.core.contact import Attempt, Step, begun
from campaigns.core.decide import Close, Dial, decide
from campaigns.core.reasons import CampaignState, Channel, Disposition, State, Why
from tests.campaigns.cases import FIRST, HOUR, NINE, campaign, contact, world
from tests.campaigns.cases import tried as tried_once


def tried(step: Step, channel: Channel = Channel.AUTO, *, counted: bool = False, rang: bool = False) -> bool:
    attempt = Attempt(1, 1, channel, FIRST, NINE, step, counted=counted, rang=rang)
    return begun(contact(attempts=(attempt,)))


def test_with_whom_nothing_happened_nothing_was_begun() -> None:
    assert not begun(contact())


def test_a_person_works_on_it() -> None:
    assert begun(contact(state=State.PERSON))


@pytest.mark.parametrize("step", [Step.OPEN, Step.HELD])
def test_a_call_that_may_be_under_way(step: Step) -> None:
    assert tried(step)


def test_a_call_that_is_over_counts_where_it_rang_or_counted() -> None:
    assert tried(Step.OVER, counted=True)
    assert tried(Step.OVER, rang=True)
    assert not tried(Step.OVER), "no such number: nobody was rung"


def test_a_message_that_left_counts_and_one_that_did_not_does_not() -> None:
    assert tried(Step.OVER, Channel.SMS)
    assert not tried(Step.NOT_DIALLED, Channel.SMS)
    assert not tried(Step.NOT_DIALLED, rang=True, counted=True)


def test_one_of_several_is_enough() -> None:
    rang = Attempt(2, 1, Channel.AUTO, FIRST, NINE, Step.OVER, rang=True)
    nowhere = replace(rang, n=1, step=Step.NOT_DIALLED, rang=False)
    assert begun(contact(attempts=(nowhere, rang)))
    assert not begun(contact(attempts=(nowhere,)))


def test_a_campaign_that_drains_goes_on_with_whom_it_began_alone() -> None:
    drains = campaign(state=CampaignState.DRAINING)
    assert decide(contact(), drains, world(NINE), NINE) == Close(State.CANCELLED, Why.CAMPAIGN_DRAINING)
    busy = tried_once(contact(), drains, Disposition.BUSY)
    assert isinstance(decide(busy, drains, world(NINE + HOUR), NINE + HOUR), Dial)
