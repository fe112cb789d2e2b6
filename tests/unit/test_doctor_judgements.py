"""What the doctor makes of facts: each fault is found, and health is said to be health."""

from collections.abc import Iterable
from dataclasses import replace

import pytest
from pydantic_core import to_json

from campaigns.topics.names import TOPICS
from cti.adapters.event_log_kafka.inspection import KafkaFacts, TopicFacts
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import wanted_topics
from cti.adapters.ledger.inspection import LedgerFacts, SqliteWriting
from cti.cli.doctor_findings import Finding, Level, as_text, is_healthy
from cti.cli.doctor_kafka import judge_log_clock, judge_topics, reaches_of
from cti.cli.doctor_ledger import (
    Reach,
    judge_clock,
    judge_dead_letters,
    judge_owners,
    judge_partitions,
    judge_reach,
    judge_schema,
    judge_server,
    judge_sqlite,
)
from cti.cli.doctor_profile import judge_rules, needs_of
from cti.leases.ports import Holding, Holdings
from cti.rows import SourceRow, SwitchRow
from cti.wiring import read_book

OPTIONS = KafkaOptions("broker:9092", partitions=2)
BOOK = read_book("power-95598")
FACTS = LedgerFacts("postgresql", "16.2", 160_002, frozenset({"calls"}), "0003", "0003", frozenset({"0002", "0003"}))
NOW_MS = 1_772_000_000_000.0


def levels(findings: Iterable[Finding]) -> list[str]:
    """The levels, and that each that is not well says what is wanted and how to mend it."""
    found = list(findings)
    assert all(one.found and (one.level is Level.OK or (one.wanted and one.mend)) for one in found), as_text(found)
    return [one.level.value for one in found]


# -- the ledger --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "level"),
    [
        (FACTS, "ok"),
        (replace(FACTS, revision="0002"), "warning"),
        (replace(FACTS, revision=None, tables=frozenset()), "warning"),
        (replace(FACTS, revision=None), "fault"),
        (replace(FACTS, revision="0009"), "fault"),
    ],
)
def test_the_schema_is_this_release_s_or_it_is_said(facts: LedgerFacts, level: str) -> None:
    assert levels([judge_schema(facts)]) == [level]


def test_an_old_server_is_a_fault_and_a_wrong_clock_a_warning() -> None:
    assert levels(judge_server(FACTS)) == ["ok"]
    assert levels(judge_server(replace(FACTS, version_number=140_011, server_ahead_ms=-500.0))) == ["fault", "ok"]
    assert levels([judge_clock("clock", ahead_ms) for ahead_ms in (501.0, -501.0)]) == ["warning", "warning"]


def test_an_sqlite_file_is_safe_and_writable_or_it_is_said() -> None:
    assert levels(judge_sqlite("wal", SqliteWriting("wal", 2), "")) == ["ok"]
    assert levels(judge_sqlite("wal", SqliteWriting("wal", 1), "")) == ["fault"]
    assert levels(judge_sqlite("wal", None, "attempt to write a readonly database")) == ["fault"]
    assert levels(judge_sqlite("delete", None, "")) == ["warning"]


def test_the_number_of_partitions_is_fixed_for_life() -> None:
    assert levels([judge_partitions({}, 4, "X"), judge_partitions({0: 5}, 1, "X")]) == ["ok", "ok"]
    assert levels([judge_partitions({0: 5, 1: 9}, 1, "RINGBACK_PARTITIONS")]) == ["fault"]


def owned(*owners: str) -> list[Holding]:
    return [Holding(partition, 3, owner) for partition, owner in enumerate(owners)]


@pytest.mark.parametrize(
    ("before", "after", "owners", "told"),
    [
        ({"a": 7, "b": 1}, {"a": 11, "b": 5}, ("a", "b"), {"engines": "ok", "owners": "ok"}),
        ({"a": 7, "b": 1}, {"a": 11, "b": 1}, ("a", "a"), {"engines": "ok", "owners": "ok"}),  # b is silent: see below
        ({"a": 7}, {"a": 11}, ("a", ""), {"engines": "ok", "owners": "fault"}),
        ({"a": 7}, {"a": 11}, ("a", "gone"), {"engines": "ok", "owners": "fault"}),
        ({"a": 7}, {"a": 7}, ("a", "a"), {"engines": "warning", "owners": "fault"}),
        ({}, {"new": 1}, ("new", "new"), {"engines": "ok", "owners": "ok"}),
        ({}, {}, ("a", "a"), {"engines": "warning"}),
    ],
)
def test_silent_engines_and_unread_partitions_are_found(
    before: dict[str, int], after: dict[str, int], owners: tuple[str, ...], told: dict[str, str]
) -> None:
    found = list(judge_owners(Holdings(before, owned(*owners)), Holdings(after, owned(*owners))))
    levels(found)
    assert {one.check: one.level.value for one in found} == told
    assert any(one.level is Level.WARNING for one in found) == (after == {} or before.items() & after.items() != set())


def test_what_the_log_no_longer_holds_or_soon_will_not_is_found() -> None:
    assert levels(judge_reach([Reach(0, 10, 3, 10, 0.0), Reach(1, 5, 5, 900, 0.49)])) == ["ok"]
    assert levels(judge_reach([Reach(0, 10, 3, 20, 0.5)])) == ["warning"]
    assert levels(judge_reach([Reach(0, 10, 3, 20, 0.95)])) == ["fault"]
    assert levels(judge_reach([Reach(0, 10, 11, 20, 0.0), Reach(1, 30, 0, 20, 0.0)])) == ["fault", "fault"]
    assert levels(judge_reach([])) == []


def test_dead_letters_that_wait_are_counted_by_reason() -> None:
    assert levels([judge_dead_letters({})]) == ["ok"]
    told = judge_dead_letters({"invalid": 2, "poison": 1})
    assert levels([told]) == ["warning"]
    assert "3 wait: invalid 2, poison 1" in told.found


# -- Kafka -------------------------------------------------------------------------------------------------------------


def cluster(brokers: int = 3, **changed: dict[str, str] | int) -> KafkaFacts:
    """Topics as they are wanted, but for what is changed of the topic of calls."""
    topics = {
        name: TopicFacts(partitions, 3, 3, 0, {**configuration, "retention.bytes": "-1"})
        for name, (partitions, configuration) in wanted_topics(OPTIONS).items()
    }
    calls = topics["ringback.calls.events"]
    more = changed.pop("configuration", {})
    assert isinstance(more, dict)
    topics["ringback.calls.events"] = replace(calls, configuration={**calls.configuration, **more}, **changed)
    return KafkaFacts(brokers, topics, {}, {}, {}, None)


def test_topics_as_they_are_wanted_are_one_good_finding() -> None:
    assert levels(judge_topics(cluster(), OPTIONS)) == ["ok"]


def test_topics_of_parts_are_judged_where_they_are() -> None:
    """A payment in a partition that nobody reads would be lost; a letter in one more is read by whoever reads it."""
    facts = cluster()
    calls = facts.topics["ringback.calls.events"]
    for topic in TOPICS:
        name = f"ringback.{topic.name}"
        there = {**facts.topics, name: calls}
        assert levels(judge_topics(replace(facts, topics=there), OPTIONS, TOPICS)) == ["ok"]
        there[name] = replace(calls, partitions=OPTIONS.partitions + 1)
        wanted = ["fault"] if topic.is_read else ["ok"]
        assert levels(judge_topics(replace(facts, topics=there), OPTIONS, TOPICS)) == wanted
        there[name] = replace(calls, in_sync=1)
        [one] = judge_topics(replace(facts, topics=there), OPTIONS, TOPICS)
        assert (one.level.value, one.check) == ("fault", f"topic {name}")
    assert levels(judge_topics(facts, OPTIONS, TOPICS)) == ["ok"], "no process has begun to use them"


def test_partitions_that_were_added_where_no_key_is_looked_for_are_no_fault() -> None:
    facts = cluster()
    records = facts.topics["ringback.calls.records"]
    more = {**facts.topics, "ringback.calls.records": replace(records, partitions=9)}
    assert levels(judge_topics(replace(facts, topics=more), OPTIONS)) == ["ok"]
    fewer = {**facts.topics, "ringback.calls.records": replace(records, partitions=1)}
    assert levels(judge_topics(replace(facts, topics=fewer), OPTIONS)) == ["fault"]


@pytest.mark.parametrize(
    ("changed", "level", "named"),
    [
        ({"partitions": 3}, "fault", "3 partitions"),
        ({"leaderless": 1}, "fault", "without a leader"),
        ({"replicas": 2, "in_sync": 2}, "fault", "replication factor 2"),
        ({"in_sync": 1}, "fault", "1 replicas in sync"),
        ({"in_sync": 2}, "warning", "2 of 3 replicas"),
        ({"configuration": {"message.timestamp.type": "CreateTime"}}, "fault", "CreateTime"),
        ({"configuration": {"cleanup.policy": "compact"}}, "fault", "compact"),
        ({"configuration": {"min.insync.replicas": "1"}}, "fault", "min.insync.replicas=1"),
        ({"configuration": {"retention.ms": "3600000"}}, "fault", "retention.ms=3600000"),
        ({"configuration": {"retention.bytes": "1000"}}, "warning", "retention.bytes=1000"),
    ],
)
def test_a_topic_that_is_otherwise_is_named_with_what_it_has(changed: dict[str, int], level: str, named: str) -> None:
    [one] = judge_topics(cluster(**changed), OPTIONS)
    assert levels([one]) == [level]
    assert one.check == "topic ringback.calls.events"
    assert named in one.found


def test_what_is_kept_longer_or_more_safely_is_not_wrong() -> None:
    for more in ({"retention.ms": "-1"}, {"retention.ms": "999999999999"}, {"min.insync.replicas": "3"}):
        assert levels(judge_topics(cluster(configuration=more), OPTIONS)) == ["ok"]
    one_broker = replace(OPTIONS, replication=1, min_insync=1)
    assert is_healthy(judge_topics(cluster(brokers=1), one_broker))


def test_missing_topics_are_made_by_the_first_start_where_there_are_brokers_enough() -> None:
    nothing = KafkaFacts(3, {}, {}, {}, {}, None)
    assert set(levels(judge_topics(nothing, OPTIONS))) == {"warning"}
    assert set(levels(judge_topics(replace(nothing, brokers=2), OPTIONS))) == {"fault"}


def test_the_log_s_clock_is_judged_by_the_last_mark() -> None:
    facts = cluster()
    assert levels([judge_log_clock(facts, NOW_MS, running=True)]) == ["ok"]
    for age_ms, running, level in (
        (9_000, True, "ok"),
        (-600, False, "warning"),
        (60_000, True, "warning"),
        (60_000, False, "ok"),
    ):
        found = judge_log_clock(replace(facts, mark_ms=int(NOW_MS) - age_ms), NOW_MS, running=running)
        assert levels([found]) == [level], age_ms


def test_unread_records_are_dated_by_where_a_moment_falls() -> None:
    facts = replace(
        cluster(), firsts={0: 5, 1: 0, 2: 0}, ends={0: 50, 1: 9, 2: 9}, newer={1.0: {0: 30, 1: 9, 2: 0}, 2.0: {0: 10}}
    )
    reaches = reaches_of(facts, OPTIONS, {0: 20, 1: 9, 2: 4}, {1.0: 0.5, 2.0: 0.9})
    assert [one.aged for one in reaches] == [0.5, 0.0, 0.0]
    assert next(iter(reaches_of(facts, OPTIONS, {0: 6}, {1.0: 0.5, 2.0: 0.9}))).aged == 0.9
    assert reaches[0][:4] == (0, 20, 5, 50)


# -- profile and switches ----------------------------------------------------------------------------------------------


def switch(**declared: object) -> SwitchRow:
    return SwitchRow("city", "pbx-1", "/switches/pbx-1", to_json(declared).decode())


def test_a_topic_that_is_gone_under_a_ledger_is_a_fault() -> None:
    facts = cluster()
    kept = {name: topic for name, topic in facts.topics.items() if name != "ringback.calls.events"}
    gone = replace(facts, topics=kept)
    assert levels(judge_reach(reaches_of(gone, OPTIONS, {0: 0, 3: 0}, {}))) == []
    [one] = judge_reach(reaches_of(gone, OPTIONS, {0: 0, 3: 17, 4: 5}, {}))
    assert (one.level, one.found) == ("fault", "partition 3: read to 17, the log ends at 0")


def test_rules_are_held_against_what_a_switch_says_it_reports() -> None:
    kinds = sorted(frozenset[str]().union(*needs_of(BOOK).values()))
    commands = ["deflectCall", "playMessage", "promptAgent", "setAgentState", "setRingTimeout"]
    able = switch(commands=commands, facts=kinds, if_other_ready=True)
    assert levels(judge_rules(BOOK, [able], [])) == ["ok"]
    few = switch(commands=commands, facts=["offered", "callCleared"], if_other_ready=True)
    [told] = judge_rules(BOOK, [few], [])
    assert levels([told]) == ["warning"]
    assert "HOLD-2 lacks" in told.found
    sent = SourceRow("city", "/switches/pbx-1", 0, " ".join(kinds))
    assert levels(judge_rules(BOOK, [few], [sent])) == ["ok"]


def test_a_switch_that_can_do_nothing_or_says_nothing_is_told_of() -> None:
    assert levels(judge_rules(BOOK, [], [])) == ["warning"]
    assert levels(judge_rules(BOOK, [switch(commands=[])], [])) == ["ok", "warning"]


def test_findings_are_read_by_people_and_programs() -> None:
    findings = [judge_dead_letters({}), judge_dead_letters({"poison": 1})]
    told = as_text(findings).splitlines()
    assert told[0].startswith("ok")
    assert len(told) == 4
    assert is_healthy(findings)
    assert not is_healthy([*findings, Finding("x", Level.FAULT, "a", "b", "c")])
