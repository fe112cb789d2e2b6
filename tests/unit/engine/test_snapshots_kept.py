"""Which snapshots are kept, and which of them a call was missing from."""

import pytest

from cti.core.facts import Fact, fact
from cti.engine import snapshots_kept
from cti.engine.snapshots_kept import SNAPSHOTS_MAX, Kept, Snapshot, kept_with, lacked_before_openings, lacked_between


def snapshot(at_ms: int, *calls: str) -> Snapshot:
    return Snapshot(f"s{at_ms}", at_ms, frozenset(calls))


def kept_of(*snapshots: Snapshot) -> Kept:
    kept: Kept = ()
    for each in snapshots:
        kept = kept_with(kept, each)
    return kept


def said(at_ms: int, kind: str) -> Fact:
    return fact(at_ms, None, f"{kind}{at_ms}", kind, 0, {})


def test_they_are_in_order_of_time_and_each_is_there_once() -> None:
    kept = kept_of(snapshot(20), snapshot(10), snapshot(30), snapshot(20))
    assert [each.at_ms for each in kept] == [10, 20, 30]


def test_the_oldest_go_first() -> None:
    kept = kept_of(*(snapshot(at_ms) for at_ms in range(SNAPSHOTS_MAX + 2)))
    assert [each.at_ms for each in kept] == list(range(2, SNAPSHOTS_MAX + 2))
    assert kept_with(kept, snapshot(1)) == kept, "older than all of them"


def test_they_name_a_limited_number_of_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshots_kept, "NAMED_MAX", 3)
    kept = kept_of(snapshot(10, "a", "b"), snapshot(20, "a"), snapshot(30, "a"))
    assert [each.at_ms for each in kept] == [20, 30]
    assert [each.at_ms for each in kept_with(kept, snapshot(40, *"abcde"))] == [40], "the newest stays"


def test_a_call_was_missing_from_the_last_one_before() -> None:
    kept = kept_of(snapshot(10), snapshot(20), snapshot(30, "7"))
    found = [lacked_between(kept, "7", *between) for between in ((5, 40), (5, 20), (5, 10), (10, 20), (20, 40))]
    assert [each and each.at_ms for each in found] == [20, 10, None, None, None]


def test_a_stand_in_opens_another_call_only_300_s_later() -> None:
    kept = kept_of(snapshot(10), snapshot(1_000))
    facts = [
        said(1, "offered"),
        said(5, "held"),
        said(1_001, "queued"),
        said(300_011, "queued"),
        said(1_001, "offered"),
    ]
    assert [each.at_ms for each in lacked_before_openings(kept, "7", 1, facts)] == [10, 1_000]
