"""The cluster's judge finds what it looks for: a history that is as it should be, and one with each fault."""

import dataclasses
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cti.core.times import rfc3339
from tests.faults.cluster import restarting, upgrading
from tests.faults.cluster.counters import counted
from tests.faults.cluster.holdings import Held, Still, Track
from tests.faults.cluster.journal import joined, read, written
from tests.faults.cluster.judging import NEVER, sound, verdict
from tests.faults.cluster.keeping import Copy, Kept, Letter, Ordered
from tests.faults.cluster.plan import DECK, ENGINE, TAKEN_OVER, planned
from tests.faults.cluster.scenarios import (
    BEYOND,
    FULL,
    Answer,
    Blind,
    failures,
    flooded,
    ordered_within,
    published_within,
)
from tests.faults.cluster.standard import Broken, Fact, judged, unjustified
from tests.faults.diary import CallKept, Diary

SOURCE, CALL, SUBJECT = "/switches/f-00", "a1b2", "call-1"
NAME = (SOURCE, SUBJECT)
BEGAN_MS = 1_700_000_000_000
FACTS: list[tuple[str, int, dict[str, str]]] = [
    ("offered", 0, {"connection": "c1", "direction": "inbound"}),
    ("delivered", 100, {"connection": "a0", "device": "800"}),
    ("established", 12_600, {"connection": "a0", "device": "800"}),
    ("held", 13_000, {"heldConnection": "c1", "holdingDevice": "800"}),
    ("retrieved", 30_000, {"heldConnection": "c1", "holdingDevice": "800"}),
    ("connectionCleared", 31_000, {"connection": "c1", "releasingDevice": "+86"}),
    ("callCleared", 31_000, {}),
]
ORDER = {"id": "o-1", "command": "promptAgent", "call": CALL, "rule": "RING-2", "issued_at": "t"}


def diary_of_one() -> Diary:
    """A client that is sure of one call, which broke RING-1 and RING-2."""
    call = CallKept(BEGAN_MS)
    for number, (kind, at_ms, data) in enumerate(FACTS):
        call.happened(kind, f"e-{number}", BEGAN_MS + at_ms, data)
        call.acknowledged.add(f"e-{number}")
    diary = Diary({NAME: call}, {"mark"})
    diary.order(ORDER | {"valid_for_ms": 900})
    diary.stand("3:7")
    return diary


def record_of_one() -> dict[str, object]:
    breaches = [
        {"rule": "RING-1", "offer": 0, "hold": None, "limit": 12, "actual": 12.5},
        {"rule": "RING-2", "offer": None, "hold": None, "limit": 12, "actual": 12.5},
        {"rule": "HOLD-2", "offer": None, "hold": 0, "limit": 1, "actual": 0},
    ]
    return {
        "call": CALL, "source": SOURCE, "subject": SUBJECT, "opened_at": rfc3339(BEGAN_MS),
        "ended_at": rfc3339(BEGAN_MS + 31_000), "answered_at": rfc3339(BEGAN_MS + 12_600), "outcome": "answered",
        "hold_s": 17, "talk_s": 18.4, "offers": [{}], "holds": [{}], "breaches": breaches,
    }  # fmt: skip


def kept_of_one() -> Kept:
    """A product that has all of it, once."""
    return Kept(
        timelines={NAME: [f"e-{number}" for number in range(len(FACTS))]},
        records=[record_of_one()],
        letters=[Letter(SOURCE, "e-1", "id_conflict", "mark")],
        orders=[Ordered("o-1", CALL, "RING-2", "0:0:0:e-2", "done", 1, 2, "{...}")],
        revisions={CALL: 2},
        breaches=Counter({CALL: 3}),
        partitions=[Held(3, 2, 7, "engine-x")],
        owners={"engine-x"},
        ends={3: 7},
        copies=[Copy("commands", "o-1", 5, ORDER), Copy("calls.records", f"{CALL}:2", 6, {})],
    )


def test_a_history_that_is_as_it_should_be_is_sound() -> None:
    figures = verdict(diary_of_one(), kept_of_one())
    assert sound(figures) == [], figures
    assert figures["acked"] == len(FACTS)


def lose_an_event(diary: Diary, kept: Kept) -> None:
    kept.timelines[NAME].remove("e-4")


def lose_an_event_that_was_also_sent_with_other_content(diary: Diary, kept: Kept) -> None:
    kept.timelines[NAME].remove("e-1")


def keep_an_event_twice(diary: Diary, kept: Kept) -> None:
    kept.timelines[NAME].append("e-4")


def record_twice(diary: Diary, kept: Kept) -> None:
    kept.records.append(record_of_one() | {"call": "another", "breaches": []})


def record_another_end(diary: Diary, kept: Kept) -> None:
    kept.records[0] = record_of_one() | {"ended_at": rfc3339(BEGAN_MS)}


def show_two_bodies(diary: Diary, kept: Kept) -> None:
    diary.order(ORDER | {"issued_at": "later"})


def publish_another_body(diary: Diary, kept: Kept) -> None:
    kept.copies.append(Copy("commands", "o-1", 9, ORDER | {"issued_at": "later"}))


def order_a_cause_twice(diary: Diary, kept: Kept) -> None:
    kept.orders.append(kept.orders[0]._replace(id="o-2"))
    kept.copies.append(Copy("commands", "o-2", 9, ORDER | {"id": "o-2"}))


def show_an_order_that_was_never_committed(diary: Diary, kept: Kept) -> None:
    diary.order(ORDER | {"id": "o-3", "rule": "RING-1"})


def blame_without_a_reason(diary: Diary, kept: Kept) -> None:
    kept.records[0]["breaches"][0]["offer"] = 1


def blame_for_another_number_of_notices(diary: Diary, kept: Kept) -> None:
    kept.records[0]["breaches"][2]["limit"] = 2


def fail_to_blame(diary: Diary, kept: Kept) -> None:
    del kept.records[0]["breaches"][1]
    kept.breaches[CALL] = 2


def list_more_breaches(diary: Diary, kept: Kept) -> None:
    kept.breaches[CALL] = 4


def leave_a_call_without_a_record(diary: Diary, kept: Kept) -> None:
    kept.records[0] = record_of_one() | {"subject": "call-2"}


def leave_a_partition_to_nobody(diary: Diary, kept: Kept) -> None:
    kept.partitions[0] = kept.partitions[0]._replace(owner="engine-gone")


def leave_a_partition_unread(diary: Diary, kept: Kept) -> None:
    kept.ends[3] = 8


def leave_a_partition_out(diary: Diary, kept: Kept) -> None:
    kept.ends[4] = 0


def set_an_event_aside(diary: Diary, kept: Kept) -> None:
    kept.letters.append(Letter(SOURCE, "e-4", "poison", None))


def forget_a_conflict(diary: Diary, kept: Kept) -> None:
    kept.letters.clear()


def take_a_conflict(diary: Diary, kept: Kept) -> None:
    kept.conflicts_taken.add("mark")


def publish_nothing(diary: Diary, kept: Kept) -> None:
    kept.copies[:] = [Copy("commands", "o-1", 5, ORDER)]


def publish_what_was_never_committed(diary: Diary, kept: Kept) -> None:
    kept.copies.append(Copy("calls.records", f"{CALL}:3", 6, {}))


SPOILED: list[tuple[Callable[[Diary, Kept], None], set[str]]] = [
    (lose_an_event, {"acked_missing"}),
    (lose_an_event_that_was_also_sent_with_other_content, {"acked_missing"}),
    (keep_an_event_twice, {"events_twice"}),
    (record_twice, {"records_duplicate"}),
    (record_another_end, {"records_wrong"}),
    (show_two_bodies, {"ids_with_two_bodies"}),
    (publish_another_body, {"ids_with_two_bodies"}),
    (order_a_cause_twice, {"causes_with_two_ids"}),
    (show_an_order_that_was_never_committed, {"orders_unknown"}),
    (blame_without_a_reason, {"false_breaches", "missing_breaches"}),
    (blame_for_another_number_of_notices, {"false_breaches"}),
    (fail_to_blame, {"missing_breaches"}),
    (list_more_breaches, {"breaches_unlike_records"}),
    (leave_a_call_without_a_record, {"calls_stuck", "stuck", "breaches"}),
    (leave_a_partition_to_nobody, {"partitions_stuck", "stuck"}),
    (leave_a_partition_unread, {"partitions_stuck", "stuck"}),
    (leave_a_partition_out, {"partitions_stuck", "stuck"}),
    (set_an_event_aside, {"dead_letters_else"}),
    (forget_a_conflict, {"conflicts_missing"}),
    (take_a_conflict, {"conflicts_taken"}),
    (publish_nothing, {"copies_missing"}),
    (publish_what_was_never_committed, {"copies_unknown"}),
]


@pytest.mark.parametrize(("spoil", "found"), SPOILED, ids=[spoil.__name__ for spoil, _ in SPOILED])
def test_every_fault_is_found_and_no_other(spoil: Callable[[Diary, Kept], None], found: set[str]) -> None:
    diary, kept = diary_of_one(), kept_of_one()
    spoil(diary, kept)
    assert set(sound(verdict(diary, kept))) == found


def test_every_count_can_fail() -> None:
    assert set[str]().union(*(found for _, found in SPOILED)) >= NEVER


def test_a_trial_in_which_nothing_happened_is_not_sound() -> None:
    assert "acked" in sound(verdict(Diary(), Kept()))


# -- the standard, from event times alone ------------------------------------------------------------------------------

RING: list[Fact] = [("delivered", 0, {"connection": "a0", "device": "800"})]
ANSWER: list[Fact] = [*RING, ("established", 1_000, {"connection": "a0", "device": "800"})]


@pytest.mark.parametrize(
    ("facts", "broken"),
    [
        ([*RING, ("established", 12_000, {"connection": "a0", "device": "800"})], set()),
        (
            [*RING, ("established", 12_001, {"connection": "a0", "device": "800"})],
            {Broken("RING-1", offer=0), Broken("RING-2")},
        ),
        ([*RING, ("diverted", 500, {"connection": "a0", "cause": "callNotAnswered"})], {Broken("RING-1", offer=0)}),
        ([*RING, ("diverted", 500, {"connection": "a0", "cause": "redirected"})], set()),
        ([*RING, ("callCleared", 12_500, {})], {Broken("RING-1", offer=0)}),
        ([*ANSWER, ("held", 2_000, {}), ("retrieved", 62_000, {})], set()),
        ([*ANSWER, ("held", 2_000, {}), ("callCleared", 62_001, {})], {Broken("HOLD-3", hold=0)}),
        ([*ANSWER, ("connectionCleared", 3_000, {"connection": "a0", "releasingDevice": "800"})], {Broken("END-1")}),
        (
            [
                *ANSWER,
                ("connectionCleared", 3_000, {"connection": "a0", "releasingDevice": "800", "releaseReason": "silent"}),
            ],
            set(),
        ),
        ([*ANSWER, ("connectionCleared", 3_000, {"connection": "c1", "releasingDevice": "+86"})], set()),
    ],
)
def test_what_a_calls_own_times_say(facts: list[Fact], broken: set[Broken]) -> None:
    assert judged(facts).broken == broken


def test_a_notice_is_owed_every_fifteen_seconds_but_not_at_the_very_end() -> None:
    for hold_ms, owed in ((0, 0), (15_000, 0), (15_001, 1), (30_000, 1), (60_001, 4)):
        assert judged([("held", 0, {}), ("retrieved", hold_ms, {})]).owed == [owed]
    told = judged([("held", 0, {}), ("retrieved", 31_000, {})])
    breach = {"rule": "HOLD-2", "hold": 0, "limit": 2, "actual": 1}
    assert not unjustified(breach, told)
    for wrong in ({"hold": 1}, {"limit": 3}, {"actual": 2}):
        assert unjustified(breach | wrong, told)


# -- what else is counted ----------------------------------------------------------------------------------------------


def test_a_plan_is_settled_by_its_seed_and_every_tenth_is_a_takeover() -> None:
    plan = planned(200, 1)
    assert plan == planned(200, 1) != planned(200, 2)
    assert [n for n, fault in enumerate(plan) if fault.kind == TAKEN_OVER] == list(range(9, 200, 10))
    assert all(fault.victim == ENGINE for fault in plan[9::10])
    for start in range(0, 200, 10):
        assert sorted((one.victim, one.kind) for one in plan[start : start + 9]) == sorted(DECK)


def test_refused_commits_are_read_from_the_metrics() -> None:
    text = (
        '# TYPE ringback_commits_failed_total counter\nringback_commits_failed_total{reason="fenced"} 3.0\n'
        'ringback_commits_failed_created{reason="fenced"} 1.7e+09\n'
        'ringback_commits_failed_total{reason="ledger_away"} 1.0\n'
    )
    assert counted(text) == {"fenced": 3, "ledger_away": 1}


def test_a_standstill_lasts_from_the_last_move_of_one_owner_to_the_first_of_the_next() -> None:
    track = Track(Held(0, 1, 5, "a"), 10.0)
    looks = [(1, 6, "a", 11.0), (1, 6, "a", 12.0), (2, 6, "b", 14.0), (2, 6, "b", 15.0), (2, 9, "b", 16.0)]
    found = [track.seen(Held(0, epoch, at, owner), when) for epoch, at, owner, when in looks]
    assert found == [None, None, None, None, Still(0, 11.0, 16.0, by_silence=True)]
    assert track.seen(Held(0, 3, 9, ""), 17.0) is None
    assert track.seen(Held(0, 4, 10, "c"), 18.0) == Still(0, 16.0, 18.0, by_silence=False)
    assert track.seen(Held(0, 5, 11, ""), 19.0) is None, "its last move, seen together with its letting go"
    assert track.seen(Held(0, 6, 12, "d"), 20.0) == Still(0, 19.0, 20.0, by_silence=False)


def test_a_journal_is_read_as_it_was_written(tmp_path: Path) -> None:
    diary = diary_of_one()
    diary.answers["events 202"] += 1
    written(diary, tmp_path / "diary.json")
    again = read(tmp_path / "diary.json")
    assert dataclasses.asdict(again) == dataclasses.asdict(diary)
    assert joined([again, Diary()]) == diary


# -- one server away ---------------------------------------------------------------------------------------------------

BLIND = Blind(BEGAN_MS, BEGAN_MS + 10_000)
HELD = Answer(503, "log_busy", "No answer within 5 s", "2")
NOT_HELD = Answer(503, "log_busy", f"256 {FULL}", "2")


@pytest.mark.parametrize(
    ("answers", "unfit", "not_held"),
    [
        ([HELD] * 256 + [NOT_HELD] * BEYOND, 0, BEYOND),
        ([HELD] * (256 + BEYOND), 0, 0),
        ([HELD, HELD._replace(retry_after=None), Answer(202, "", "", None), Answer(0, "TimeoutError", "", None)], 3, 0),
    ],
)
def test_a_flood_is_held_up_to_the_bound_and_everybody_is_told_when_to_come_again(
    answers: list[Answer], unfit: int, not_held: int
) -> None:
    told = flooded(answers)
    assert (told["flood_unfit"], told["flood_not_held"]) == (unfit, not_held)


@pytest.mark.parametrize(
    ("issued_ms", "state", "found"),
    [(5_000, "done", 1), (5_000, "overtaken", 0), (400, "done", 0), (-1, "done", 0), (10_001, "done", 0)],
)
def test_a_command_issued_while_the_log_was_away_is_found(issued_ms: int, state: str, found: int) -> None:
    order = Ordered("o-1", CALL, "HOLD-2", "0:1:0:e-3", state, BEGAN_MS, BEGAN_MS + issued_ms, "{...}")
    assert ordered_within([order], BLIND) == found


@pytest.mark.parametrize(
    ("topic", "at_ms", "decided_ms", "found"),
    [
        ("commands", 5_000, 4_000, 1),
        ("calls.records", 5_000, 4_000, 1),
        ("commands", 5_000, -1, 0),
        ("calls.records", 11_000, 4_000, 0),
    ],
)
def test_a_copy_of_what_cannot_have_been_committed_is_found(
    topic: str, at_ms: int, decided_ms: int, found: int
) -> None:
    told = {"issued_at" if topic == "commands" else "ended_at": rfc3339(BEGAN_MS + decided_ms)}
    assert published_within([Copy(topic, "x", BEGAN_MS + at_ms, told)], BLIND) == found


@pytest.mark.parametrize("spoiled", ["restarts", "orders_while_blind", "copies_uncommitted", "flood_unfit", "stuck"])
def test_each_figure_of_a_scenario_can_fail(spoiled: str) -> None:
    good = verdict(diary_of_one(), kept_of_one()) | dict.fromkeys(
        ("ended_alone", "stopped_badly", "restarts", "orders_while_blind", "copies_uncommitted", "flood_unfit"), 0
    )
    assert failures("ledger-away", good) == []
    assert failures("ledger-away", good | {spoiled: 1}) == [spoiled]
    assert failures("broker-away", good | {"flood_not_held": BEYOND - 1}) == ["flood_not_held"]


def figures_of(more: dict[str, Any]) -> dict[str, Any]:
    return verdict(diary_of_one(), kept_of_one()) | {"ended_alone": 0, "stopped_badly": 0} | more


@pytest.mark.parametrize(
    ("name", "value"),
    [("stuck", 1), *((name, 1) for name in upgrading.MUST_BE_0), *((name, 0) for name in upgrading.MUST_NOT_BE_0)],
)
def test_each_figure_of_an_upgrade_can_fail(name: str, value: int) -> None:
    zeros, others = dict.fromkeys(upgrading.MUST_BE_0, 0), dict.fromkeys(upgrading.MUST_NOT_BE_0, 9)
    good = figures_of({**zeros, **others, "copies": 0})
    assert upgrading.failures(good) == []
    assert upgrading.failures(good | {name: value}) == [name]


@pytest.mark.parametrize(
    ("name", "value"),
    [("takeovers", 1), ("restarts_bad", 1), ("commits_failed", {"fenced": 1}), ("handovers", 0), ("copies_missing", 1)],
)
def test_each_figure_of_a_rolling_restart_can_fail(name: str, value: object) -> None:
    good = figures_of({"takeovers": 0, "restarts_bad": 0, "commits_failed": {}, "handovers": 5, "restarts": 6})
    assert restarting.failures(good) == []
    assert restarting.failures(good | {name: value}) == [name]
