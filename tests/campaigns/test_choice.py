"""Which number comes next: who is silenced, and what is sent where nobody may be called."""

from dataclasses import replace

from campaigns.core.choice import Choice, call_meanwhile, next_call, silenced
from campaigns.core.reasons import Channel, Disposition
from tests.campaigns.cases import FIRST, SECOND, campaign, contact, outage, tried

CALLS, BOTH = campaign(), outage()
BARRED = frozenset({FIRST})


def test_whose_only_number_is_barred_is_silenced() -> None:
    assert silenced(replace(contact(), barred=BARRED), CALLS)


def test_who_has_another_number_or_no_barred_one_is_not() -> None:
    assert not silenced(replace(contact(FIRST, SECOND), barred=BARRED), CALLS)
    assert not silenced(contact(), CALLS)
    assert not silenced(replace(contact(), phones=()), CALLS)


def test_who_has_no_number_is_not_silenced_by_the_list() -> None:
    assert not silenced(replace(contact(), phones=(), barred=BARRED), CALLS)


def test_to_whom_a_message_can_still_go_is_not_silenced() -> None:
    assert not silenced(replace(contact(), barred=BARRED), BOTH)


def test_an_important_customer_without_a_callable_number_waits_for_the_message() -> None:
    found = replace(contact(important=True), barred=BARRED)
    assert next_call(found, BOTH) == Choice(found.phones[0], Channel.SMS)
    assert call_meanwhile(found, BOTH) is None


def test_an_important_customer_alone_is_called_meanwhile_by_a_number_that_is_not_retired() -> None:
    found = tried(contact(FIRST, SECOND, important=True), BOTH, Disposition.INVALID_NUMBER)
    assert call_meanwhile(found, BOTH) == Choice(found.phones[1], Channel.AUTO)
    assert call_meanwhile(replace(found, important=False), BOTH) is None
