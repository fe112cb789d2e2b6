"""When dialling rests by itself: a trunk fault, a queue that nobody answers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.reasons import Disposition
from campaigns.dialler.spikes import FAILURES, LOOKED_AT, QUEUE_RESTS_MS, is_queue_free, is_spike, queue_rests_until_ms
from campaigns.ledger.rows import AttemptRow
from tests.campaigns.dialler.rows import START_MS, attempt_row, campaign_row, contact_row

CONTACT = contact_row(campaign_row(queue="billing"), 1)


def ended(
    disposition: Disposition | None, digits: str | None = None, ended_s: int = 0, channel: str = "auto"
) -> AttemptRow:
    word, at_ms = None if disposition is None else disposition.value, START_MS + ended_s * 1_000
    return attempt_row(CONTACT, 1, disposition=word, digits=digits, ended_at_ms=at_ms, channel=channel, step="over")


def of(failed: int, well: int) -> list[AttemptRow]:
    return [ended(Disposition.CONGESTION)] * failed + [ended(Disposition.NO_ANSWER)] * well


@pytest.mark.parametrize(
    ("failed", "well", "spike"), [(25, 25, True), (24, 26, False), (49, 0, False), (50, 0, True), (0, 500, False)]
)
def test_half_of_the_last_fifty_is_a_spike(failed: int, well: int, spike: bool) -> None:
    assert is_spike(of(failed, well), 50) is spike


def test_only_the_last_fifty_count() -> None:
    assert not is_spike([*of(0, 30), *of(60, 0)], 50)
    assert is_spike([*of(0, 25), *of(60, 0)], 50)


@pytest.mark.parametrize("disposition", list(Disposition))
def test_each_failure_counts_and_nothing_else(disposition: Disposition) -> None:
    assert is_spike([ended(disposition)] * LOOKED_AT, 100) is (disposition in FAILURES)


def test_messages_words_and_orders_that_rang_nowhere_are_no_calls() -> None:
    others = [ended(Disposition.FAILED_OTHER, channel=channel) for channel in ("sms", "fax", "person")]
    assert not is_spike([*others * 20, ended(None), *of(49, 0)], 1)
    assert is_spike([*others * 20, ended(None), *of(50, 0)], 100)


@pytest.mark.parametrize(("percent", "spike"), [(20, True), (21, False), (101, False)])
def test_the_operator_sets_the_share(percent: int, spike: bool) -> None:
    assert is_spike(of(10, 40), percent) is spike


def test_above_a_hundred_there_is_no_spike() -> None:
    assert not is_spike(of(50, 0), 101)


@given(st.lists(st.sampled_from([None, *Disposition]), max_size=120), st.integers(1, 101))
def test_a_spike_needs_its_failures_among_fifty_calls(words: list[Disposition | None], percent: int) -> None:
    calls = [word for word in words if word is not None][:LOOKED_AT]
    share = sum(word in FAILURES for word in calls) / LOOKED_AT
    assert is_spike([ended(word) for word in words], percent) == (len(calls) == LOOKED_AT and share * 100 >= percent)


DROPPED = [ended(Disposition.NO_AGENT, "0", ended_s=at_s) for at_s in (90, 60, 30)]
ANSWERED = ended(Disposition.REACHED, "10", ended_s=45)


def test_three_who_pressed_0_in_vain_rest_the_queue_for_a_quarter_of_an_hour() -> None:
    until_ms = START_MS + 90_000 + QUEUE_RESTS_MS
    assert queue_rests_until_ms(DROPPED) == until_ms
    assert not is_queue_free(DROPPED, until_ms - 1)
    assert is_queue_free(DROPPED, until_ms)


def test_calls_between_that_asked_for_nobody_change_nothing() -> None:
    between = [ended(Disposition.REACHED, "1"), ended(Disposition.NO_ANSWER), ended(Disposition.WRONG_PARTY, "02")]
    assert not is_queue_free([DROPPED[0], *between, *DROPPED[1:]], START_MS)


@pytest.mark.parametrize("rows", [[], DROPPED[:2], [*DROPPED[:2], ANSWERED, DROPPED[2]], [ANSWERED, *DROPPED]])
def test_fewer_or_one_who_was_answered_leave_it_free(rows: list[AttemptRow]) -> None:
    assert is_queue_free(rows, START_MS)
