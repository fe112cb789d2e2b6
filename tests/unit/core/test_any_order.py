"""Any history in any order: nothing raises, the same set gives the same call, its intervals are well formed."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cti.core.call import advance, fold
from cti.core.call_reuse import begins_again
from cti.core.call_state import Call, Hold, Offer, Phase, Wait
from cti.core.dues import dues
from cti.core.facts import Fact, fact, in_order
from cti.core.record import measure, record_of
from schemas.records import CallRecord
from tests.unit.core import stories
from tests.unit.core.stories import ALL, CALLER, SUBJECT, WHO, ms

LEGS = {"c": {"connection": "c"}, "a": stories.FIRST, "b": stories.SECOND, "x": {"connection": "x", "device": "9000"}}
KINDS = (
    *("offered", "queued", "delivered", "established", "diverted", "failed", "connectionCleared", "callCleared"),
    *("held", "retrieved", "muted", "unmuted", "silenceDetected", "speechDetected", "digitsGenerated"),
    *("transferred", "conferenced", "stale", "lost", "originated"),
)


@st.composite
def facts(draw: st.DrawFn) -> Fact:
    """Anything a switch may say of a few legs within a minute, sensible or not."""
    kind, leg = draw(st.sampled_from(KINDS)), draw(st.sampled_from(sorted(LEGS)))
    data: dict[str, Any] = dict(LEGS[leg])
    if kind == "offered":
        data |= {"calling": CALLER, "direction": draw(st.sampled_from(["inbound", "inbound", "outbound", "internal"]))}
    elif kind == "queued":
        data |= {"queue": draw(st.sampled_from(["billing", "faults"]))}
    elif kind == "diverted":
        data |= {"cause": draw(st.sampled_from(["callNotAnswered", "redirected", "callRejected"]))}
    elif kind in ("held", "retrieved"):
        data |= {"heldConnection": leg, "holdingDevice": draw(st.sampled_from(["8001", "8002", CALLER]))}
    elif kind == "connectionCleared":
        data |= {"releasingDevice": draw(st.sampled_from(["8001", CALLER, "network"]))}
    elif kind in ("transferred", "conferenced"):
        new = draw(st.sampled_from([leg, f"{leg}-{draw(st.integers(0, 10**9))}"]))
        data |= {"resultingCall": draw(st.sampled_from([SUBJECT, "call-2"])), "connections": {leg: new}}
    elif kind == "digitsGenerated":
        data |= {"digits": "1"}
    at = draw(st.integers(0, 60)) + draw(st.sampled_from([0, 0, 0.001, 0.5]))
    sequence = draw(st.sampled_from([None, 1, 2]))
    return fact(ms(at), sequence, f"e{draw(st.integers(0, 10**9))}", kind, 0, data)


histories = st.builds(
    list.__add__,
    st.sampled_from([[], [stories.offered(-9.0)], stories.answered_call()[:4]]),
    st.lists(facts(), min_size=1, max_size=24, unique_by=lambda one: one.id),
)


@settings(max_examples=70)
@given(histories, st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(history: list[Fact], chance: Random) -> None:
    shuffled = list(history)
    chance.shuffle(shuffled)
    assert fold(SUBJECT, shuffled) == fold(SUBJECT, history)


@settings(max_examples=60)
@given(histories)
def test_advancing_one_by_one_is_folding(history: list[Fact]) -> None:
    call = Call(SUBJECT)
    for one in in_order(history):
        if begins_again(call, one):
            assert fold(SUBJECT, history).beyond[0] is one
            return
        ended = call
        call, _ = advance(call, one)
        if ended.phase is Phase.ENDED and ended.ended_by == "callCleared" and not ended.tentative.clock_stepped:
            absent = ended.tentative._replace(absent_ms=call.tentative.absent_ms)  # that a snapshot lacked it is noted
            assert replace(call, extras=ended.extras) == replace(ended, tentative=absent), "an ended call moved"
    assert call == fold(SUBJECT, history).call


@settings(max_examples=70)
@given(histories, st.floats(0, 61), st.randoms(use_true_random=False))
def test_a_snapshot_that_lacked_the_call_is_a_fact_among_others(
    history: list[Fact], at_s: float, chance: Random
) -> None:
    """Whenever it arrives: the call ends with its latest fact before it, or goes on with one of after it."""
    marked = [*history, stories.said(at_s, "stale", name="snapshot")]
    shuffled = list(marked)
    chance.shuffle(shuffled)
    assert fold(SUBJECT, shuffled) == fold(SUBJECT, marked)
    call = fold(SUBJECT, marked).call
    if call.ended_by == "stale":
        assert call.ended_ms == call.latest_ms or call.latest_ms == 0
        before = call.tentative.before
        assert before is None or before.phase is not Phase.ENDED


@settings(max_examples=70)
@given(histories)
def test_what_a_call_lived_is_well_formed(history: list[Fact]) -> None:
    call = fold(SUBJECT, history).call
    lived: tuple[Offer | Hold | Wait, ...] = (*call.offers, *call.holds, *call.waits)
    for one in lived:
        assert one.end_ms is None or one.at_ms <= one.end_ms
        assert call.phase is not Phase.ENDED or one.end_ms is not None
    assert _apart(call.holds), "holds of one call never overlap"
    assert _apart(call.waits)
    assert len({leg.id for leg in call.legs}) == len(call.legs)
    assert len({one.cause for one in call.offers}) == len(call.offers)
    assert all((offer.result is None) is (offer.end_ms is None) for offer in call.offers)


def _apart(intervals: Sequence[Hold | Wait]) -> bool:
    return all(one.end_ms is not None and one.end_ms <= later.at_ms for one, later in pairwise(intervals))


@settings(max_examples=60)
@given(histories)
def test_every_end_makes_a_valid_record_with_sound_breaches(history: list[Fact]) -> None:
    call = fold(SUBJECT, [*history, stories.cleared(61.0)]).call
    if call.phase is not Phase.ENDED:
        return
    told = record_of(WHO, call, measure(call, stories.book(), ()), (), stories.book().name, 1)
    CallRecord.model_validate(told)
    for breach in told["breaches"]:
        if breach["limit"] is not None and breach["rule"] not in ("HOLD-2", "RING-1"):
            assert breach["actual"] > breach["limit"]
    alone = [(place, one) for place, one in enumerate(call.offers) if not one.together]
    late = [place for place, one in alone if one.end_ms and one.end_ms - one.at_ms > 12_000]
    named = [breach["offer"] for breach in told["breaches"] if breach["rule"] == "RING-1"]
    assert not call.inbound or set(late) <= set(named), "every ring-limit breach is recorded"


@settings(max_examples=60)
@given(histories, st.integers(0, 90))
def test_what_is_due_is_told_once_and_never_before_its_cause(history: list[Fact], now_s: int) -> None:
    call = fold(SUBJECT, history).call
    found = dues(call, stories.rules(ALL), (), ms(now_s))
    names = [(due.rule.id, due.rule.entry, due.cause, due.n) for due in found]
    assert len(names) == len(set(names))
    lived: tuple[Offer | Hold | Wait, ...] = (*call.offers, *call.holds, *call.waits)
    began = {one.cause: one.at_ms for one in lived}
    assert all(due.due_ms >= began.get(due.cause, 0) for due in found)
