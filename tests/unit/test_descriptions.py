"""A call that was described before is described from what came since, and never otherwise than from all of it."""

import json
import random

import pytest

from cti.descriptions import KEPT_MAX, Descriptions
from cti.rows import CallRow, StoredCall, TimelineRow
from cti.wiring import read_book

BOOK = read_book("power-95598")
NOW_MS = 10_000_000
HOLD = {"connection": "c", "heldConnection": "c", "holdingDevice": "801"}
SECOND = {"connection": "b", "device": "802", "agent": "1002"}
KINDS = [("held", HOLD), ("digitsGenerated", {"connection": "c", "digits": "1"}), ("retrieved", HOLD),
         ("delivered", SECOND), ("diverted", SECOND)]  # fmt: skip


def event(position: int, kind: str, data: object, at_ms: int | None = None) -> TimelineRow:
    at = position * 1000 if at_ms is None else at_ms
    return TimelineRow(0, 1, position, 0, at, at, position, kind, f"e{position}", position, json.dumps(data))


def timeline(count: int) -> list[TimelineRow]:
    agent = {"connection": "a", "device": "801", "agent": "1001"}
    opened = [
        event(1, "offered", {"connection": "c", "calling": "+8613800131234", "direction": "inbound"}),
        event(2, "delivered", agent),
        event(3, "established", agent),
    ]
    return [*opened, *(event(n, *KINDS[n % len(KINDS)]) for n in range(4, count + 1))]


def stored(events: list[TimelineRow], call_id: str = "call") -> StoredCall:
    return StoredCall(CallRow(call_id, 1, "t", "/s", "subject", 0, 0, 1, 0, "inbound"), events, [], None)


def kept_of(events: list[TimelineRow]) -> Descriptions:
    descriptions = Descriptions(BOOK, events_min=5)
    descriptions.whole(stored(events), NOW_MS)
    return descriptions


@pytest.mark.parametrize("seed", range(20))
def test_what_came_since_gives_what_all_of_it_gives(seed: int) -> None:
    dice, events = random.Random(seed), timeline(60)
    at = dice.randrange(6, 30)
    descriptions = kept_of(events[:at])
    while at < len(events):
        more = dice.randrange(0, 9)
        kept = descriptions.kept("call")
        assert kept is not None
        assert kept.events == at
        told = descriptions.since(kept, stored(events[at : at + more]), len(events[: at + more]), NOW_MS)
        assert told == Descriptions(BOOK).whole(stored(events[: at + more]), NOW_MS)
        at = min(at + more, len(events))


def test_an_event_that_comes_late_needs_a_fold_anew() -> None:
    descriptions = kept_of(timeline(20))
    kept = descriptions.kept("call")
    assert kept is not None
    late = event(21, "queued", {"connection": "c", "queue": "faults"}, at_ms=1500)
    assert descriptions.since(kept, stored([late]), 21, NOW_MS) is None


def test_a_timeline_that_is_not_what_it_was_needs_a_fold_anew() -> None:
    descriptions = kept_of(timeline(20))
    kept = descriptions.kept("call")
    assert kept is not None
    assert descriptions.since(kept, stored([]), 19, NOW_MS) is None, "an event has gone"
    assert descriptions.since(kept, stored([]), 0, NOW_MS) is None, "the timeline is no longer kept"
    assert descriptions.since(kept, stored([event(22, *KINDS[0])]), 22, NOW_MS) is None, "not all of what came is here"


def test_the_next_incarnation_is_not_this_call() -> None:
    events = timeline(20)
    events.append(event(21, "callCleared", {}))
    descriptions = kept_of(events)
    kept = descriptions.kept("call")
    assert kept is not None
    again = event(22, "offered", {"connection": "c", "calling": "2", "direction": "inbound"}, at_ms=21_000 + 400_000)
    assert descriptions.since(kept, stored([again]), 22, NOW_MS) is None


def test_few_folds_are_kept_and_none_of_small_calls() -> None:
    descriptions = Descriptions(BOOK, events_min=5)
    descriptions.whole(stored(timeline(4), "small"), NOW_MS)
    assert descriptions.kept("small") is None
    for n in range(3 * KEPT_MAX):
        descriptions.whole(stored(timeline(6), f"call-{n}"), NOW_MS)
    there = [n for n in range(3 * KEPT_MAX) if descriptions.kept(f"call-{n}") is not None]
    assert there == list(range(2 * KEPT_MAX, 3 * KEPT_MAX))
