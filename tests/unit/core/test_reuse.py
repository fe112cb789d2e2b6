"""One call id, several calls: what begins the next one, and what only looks like it."""

import pytest

from cti.core.call import fold
from cti.core.facts import Fact
from tests.unit.core.stories import CALLER, SECOND, SUBJECT, answered_call, answers, cleared, offered, rings, said

OTHER_CALLER = "+8679186269999"
TALKING = [offered(), rings(2.0), answers(4.0)]


def opens(at_s: float, kind: str = "offered", **data: str) -> Fact:
    return said(at_s, kind, {"connection": "c", "calling": CALLER, "direction": "inbound", **data})


def calls(*facts: Fact) -> list[tuple[str | None, int]]:
    """How each call of these facts ended, and how many seconds after the first opening."""
    ends, rest = [], tuple(facts)
    start = min(fact.at_ms for fact in facts)
    while rest:
        call, rest = fold(SUBJECT, rest)
        ends.append((call.ended_by, 0 if call.ended_ms is None else round((call.ended_ms - start) / 1000)))
    return ends


@pytest.mark.parametrize(
    "second",
    [
        opens(304.001),
        opens(1_800.0, calling=OTHER_CALLER),
        opens(10.0, calling=OTHER_CALLER),
        opens(304.001, connection="c2"),
        said(304.001, "offered", {"calling": ""}),
    ],
)
def test_a_second_opening_ends_the_call_that_nobody_cleared(second: Fact) -> None:
    assert calls(*TALKING, second) == [("stale", 4), (None, 0)]
    assert calls(second, *reversed(TALKING)) == [("stale", 4), (None, 0)], "in any order"


@pytest.mark.parametrize(
    "opening",
    [
        opens(304.0),  # not longer
        opens(10.0, calling="079186261234"),  # the same caller, written without his country
        opens(10.0, calling=""),
        opens(400.0, "serviceInitiated", connection="b", calling="8001"),  # a leg that joins
        opens(400.0, "originated", connection="b", calling="8001"),
        said(400.0, "queued", {"connection": "c"}),
        rings(400.0, SECOND),
    ],
)
def test_what_is_no_second_opening(opening: Fact) -> None:
    assert calls(*TALKING, opening) == [(None, 0)]


def test_the_first_leg_that_goes_on_is_no_second_opening() -> None:
    dials = [opens(0.0, "serviceInitiated", calling="8001", direction="outbound"),
             opens(400.0, "originated", calling=CALLER, direction="outbound")]  # fmt: skip
    assert calls(*dials) == [(None, 0)]


@pytest.mark.parametrize("mark", ["stale", "lost"])
def test_after_a_snapshot_that_lacked_the_call_an_opening_begins_again_at_once(mark: str) -> None:
    gone = said(100.0, mark)
    assert calls(*TALKING, gone, opens(110.0)) == [(mark, 4), (None, 0)]
    assert calls(opens(110.0), gone, *TALKING) == [(mark, 4), (None, 0)]
    assert calls(*TALKING, gone, opens(90.0)) == [(mark, 90)], "an opening of before it is no other call's"
    assert calls(*TALKING, gone, rings(110.0, SECOND)) == [(None, 0)], "he rings on: the snapshot was wrong"
    assert calls(*TALKING, gone, rings(400.001, SECOND)) == [(mark, 4), (None, 0)], "the opening was not seen"


def test_facts_between_the_snapshot_and_the_opening_are_the_first_calls() -> None:
    gone, late = said(100.0, "stale"), said(105.0, "digitsGenerated", {"digits": "1"})
    assert calls(*TALKING, gone, late, opens(110.0)) == [("stale", 105), (None, 0)]


def test_a_call_that_was_cleared_after_the_snapshot_is_not_reused_for_300_s() -> None:
    first = [*TALKING, said(100.0, "stale"), cleared(150.0)]
    assert calls(*first, opens(200.0)) == [("callCleared", 150)]
    assert calls(*first, opens(450.001)) == [("callCleared", 150), (None, 0)]


def test_after_a_snapshot_that_lacked_a_cleared_call_an_opening_begins_again_at_once() -> None:
    first, gone = [*TALKING, cleared(100.0)], said(110.0, "stale")
    for facts in ([*first, gone, opens(200.0)], [opens(200.0), gone, *reversed(first)]):
        assert calls(*facts) == [("callCleared", 100), (None, 0)]
    earlier = said(50.0, "stale")  # the call went on
    assert calls(*first, earlier, opens(200.0)) == [("callCleared", 100)]
    assert calls(*first, earlier, gone, opens(200.0)) == [("callCleared", 100), (None, 0)]
    assert calls(*first, said(100.0, "stale"), opens(100.001)) == [("callCleared", 100), (None, 0)]
    assert calls(*first, opens(105.0), gone) == [("callCleared", 100)], "the snapshot came after this opening"
    assert calls(*first, gone, rings(200.0, SECOND)) == [("callCleared", 100)], "the opening was not seen"
    assert calls(*first, said(110.0, "lost"), opens(200.0)) == [("callCleared", 100)], "silence says nothing of an end"


def test_after_a_snapshot_that_lacked_a_call_whose_clock_stepped_an_opening_begins_again_at_once() -> None:
    first, digits = [cleared(1.0), opens(10.0), rings(12.0)], said(30.0, "digitsGenerated", {"digits": "1"})
    assert calls(*first, opens(50.0)) == [("callCleared", 49)], "the same caller, nothing said"
    assert calls(*first, said(20.0, "stale"), opens(50.0)) == [("callCleared", 11), (None, 0)]
    assert calls(*first, said(20.0, "stale"), digits, opens(50.0)) == [("callCleared", 29), (None, 0)]


def test_what_waits_for_the_opening_goes_over_with_it() -> None:
    facts = [*answered_call(end_s=100.0), said(450.0, "callCleared", {}), opens(480.0)]
    folded = fold(SUBJECT, facts)
    assert [fact.kind for fact in folded.beyond] == ["offered", "callCleared"]
    assert fold(SUBJECT, folded.beyond).call.tentative.clock_stepped
