"""The judgement: what the clients are sure of, against what the product keeps. Pure, so that it can be tried itself."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.faults.cluster.keeping import Kept
from tests.faults.cluster.standard import LIVED, Broken, judged, unjustified
from tests.faults.diary import CallName, Diary
from tests.faults.judge import wrong

EXAMPLES_MAX = 5
WORK = frozenset({"acked", "calls", "records", "orders", "copies", "breaches"})
"""How much was done: each must be above 0."""
NEVER = frozenset(
    {
        "acked_missing", "events_twice", "records_duplicate", "records_wrong", "ids_with_two_bodies",
        "causes_with_two_ids", "conflicts_taken", "conflicts_missing", "dead_letters_else", "orders_unknown",
        "false_breaches", "missing_breaches", "breaches_unlike_records", "calls_stuck", "partitions_stuck", "stuck",
        "copies_unknown", "copies_missing",
    }
)  # fmt: skip
"""What must not happen: each must be 0."""
OF_TOPICS = frozenset({"copies", "copies_unknown", "copies_missing"})
"""Of these, what only a site with topics has."""


def verdict(diary: Diary, kept: Kept, earlier: bool = False) -> dict[str, Any]:
    """Every figure that can be told from these two."""
    return {
        "acked": diary.acknowledged,
        "calls": len(diary.calls),
        "records": len(kept.records),
        "orders": len(kept.orders),
        **_events(diary, kept),
        **_records(diary, kept, earlier),
        **_orders(diary, kept),
        **_stuck(diary, kept),
        **_copies(kept),
    }


def _events(diary: Diary, kept: Kept) -> dict[str, Any]:
    """Each acknowledged event is in its call's timeline, or was set aside; none is there twice."""
    aside = {(one.source, one.event_id) for one in kept.letters if one.mark is None}
    marks = {one.mark for one in kept.letters}
    missing = sum(
        event_id not in told and (name[0], event_id) not in aside
        for name, call in diary.calls.items()
        for told in [set(kept.timelines.get(name, ()))]
        for event_id in call.acknowledged
    )
    ours = [one for one in kept.letters if one.mark is None]
    return {
        "acked_missing": missing,
        "events_twice": sum(len(ids) - len(set(ids)) for ids in kept.timelines.values()),
        "conflicts": len(diary.conflicts),
        "conflicts_taken": len(kept.conflicts_taken),
        "conflicts_missing": len(diary.conflicts - marks),
        "dead_letters_else": len(ours),
        "dead_letters_else_first": [f"{one.reason}: {one.source} {one.event_id}" for one in ours[:EXAMPLES_MAX]],
    }


def _records(diary: Diary, kept: Kept, earlier: bool = False) -> dict[str, Any]:
    """One a call, which says what its script says, and blames it for what its own times bear out."""
    by_name: dict[CallName, list[Mapping[str, Any]]] = {}
    for record in kept.records:
        by_name.setdefault((record["source"], record["subject"]), []).append(record)
    false = missing = lived = 0
    rules = Counter[str]()
    for name, call in diary.calls.items():
        if name not in by_name or not call.complete:
            continue
        told, found = judged(call.facts), by_name[name][0]["breaches"]
        rules.update(breach["rule"] for breach in found)
        false += sum(unjustified(breach, told) for breach in found)
        lived += sum(breach["rule"] == LIVED for breach in found)
        missing += len(told.broken - {Broken(one["rule"], one["offer"], one["hold"]) for one in found})
    return {
        "records_duplicate": sum(len(found) - 1 for found in by_name.values()),
        "records_wrong": sum(
            wrong(one, by_name[name][0], earlier) for name, one in diary.calls.items() if name in by_name
        ),
        "breaches": rules.total(),
        "breaches_by_rule": dict(sorted(rules.items())),
        "false_breaches": false,
        "missing_breaches": missing,
        "breaches_unlike_records": sum(
            kept.breaches[record["call"]] != len(record["breaches"]) for record in kept.records
        ),
    }


def _orders(diary: Diary, kept: Kept) -> dict[str, int]:
    """One id a cause, one body an id, and none that was not committed."""
    ids: dict[tuple[str, str, str], set[str]] = {}
    for one in kept.orders:
        ids.setdefault((one.call, one.rule, one.occurrence), set()).add(one.id)
    bodies: dict[str, set[str]] = {}
    for copy in kept.copies:
        if copy.topic == "commands":
            bodies.setdefault(copy.id, set()).add(json.dumps(copy.body, sort_keys=True))
    for name, body in diary.orders.items():
        bodies.setdefault(name, set()).add(json.dumps(body, sort_keys=True))
    two = {name for name, several in bodies.items() if len(several) > 1}
    return {
        "orders_seen": len(diary.orders),
        "ids_with_two_bodies": len(two | diary.orders_changed),
        "causes_with_two_ids": sum(len(some) > 1 for some in ids.values()),
        "orders_unknown": len(diary.orders.keys() - {one.id for one in kept.orders}),
    }


def _stuck(diary: Diary, kept: Kept) -> dict[str, int]:
    """Calls that have ended and have no record; partitions that nobody owns, or that were not read to their end."""
    recorded = {(record["source"], record["subject"]) for record in kept.records}
    calls = sum(call.complete and name not in recorded for name, call in diary.calls.items())
    known = {one.partition for one in kept.partitions}
    partitions = len(kept.ends.keys() - known) + sum(
        one.owner not in kept.owners or one.position < kept.ends.get(one.partition, 0) for one in kept.partitions
    )
    open_calls = sum(not call.complete for call in diary.calls.values())
    return {
        "calls_unfinished": open_calls,
        "calls_stuck": calls,
        "partitions_stuck": partitions,
        "stuck": calls + partitions,
    }


def _copies(kept: Kept) -> dict[str, int]:
    """What integrators read from the topics is what was committed, all of it."""
    orders = {one.id for one in kept.orders if one.body != "{}"}
    told = {copy.id for copy in kept.copies if copy.topic == "commands"}
    revisions = [copy.id.rsplit(":", 1) for copy in kept.copies if copy.topic == "calls.records"]
    latest = {f"{call}:{revision}" for call, revision in kept.revisions.items()}
    beyond = sum(int(revision) > kept.revisions.get(call, 0) for call, revision in revisions)
    return {
        "copies": len(kept.copies),
        "copies_unknown": len(told - orders) + beyond,
        "copies_missing": len(orders - told) + len(latest - {":".join(one) for one in revisions}),
    }


def sound(figures: Mapping[str, Any]) -> list[str]:
    """The figures that are not as they must be."""
    idle = [name for name in WORK if not figures.get(name)]
    happened = [name for name in NEVER if figures.get(name) != 0]
    return sorted(idle + happened)
