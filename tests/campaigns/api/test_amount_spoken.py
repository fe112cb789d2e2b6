"""What an attempt shows as spoken was heard: not what was only ordered to be said."""

from typing import Any

import pytest

from campaigns.api.attempt import shown_decision
from tests.campaigns.dialler.rows import START_MS, attempt_row, campaign_row, contact_row

ANSWERED: dict[str, Any] = {"answered_at_ms": START_MS + 8_000}


def spoken(kind: str = "arrears", **attempt: Any) -> str | None:
    campaign = campaign_row(kind=kind)
    row = attempt_row(contact_row(campaign, 1), 1, amount_spoken="123.84", **attempt)
    found: str | None = shown_decision(campaign, row, in_full=False).get("amount_spoken")
    return found


@pytest.mark.parametrize("kind", ["arrears", "billing"])
def test_behind_a_gate_it_is_spoken_once_the_right_person_has_said_so(kind: str) -> None:
    assert spoken(kind, **ANSWERED, digits="1") == "123.84"
    assert spoken(kind, **ANSWERED, digits="31") == "123.84"
    for digits in (None, "", "2", "3"):
        assert spoken(kind, **ANSWERED, digits=digits) is None, digits


@pytest.mark.parametrize("machine", ["machine", "faxOrModem"])
def test_no_machine_hears_it(machine: str) -> None:
    assert spoken(**ANSWERED, machine=machine) is None


def test_nobody_has_heard_it_where_nobody_answered() -> None:
    assert spoken() is None
    assert spoken(rang_at_ms=START_MS + 1_000, disposition="noAnswer") is None


def test_an_agent_who_spoke_had_it_on_his_screen_and_a_message_that_left_has_it() -> None:
    assert spoken(channel="agent", **ANSWERED) == "123.84"
    assert spoken(channel="agent") is None
    assert spoken("billing", channel="sms", sent_at_ms=START_MS) == "123.84"
    assert spoken("billing", channel="sms", decision="not_dialled") is None
