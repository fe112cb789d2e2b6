"""Checks of the Kafka topics. Pure: facts in, findings out."""

from collections.abc import Collection, Iterator, Mapping, Sequence

from cti.adapters.event_log_kafka.inspection import KafkaFacts, TopicFacts
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import UNLIMITED, Topics, enough, fits, kept_topic, wanted_topics
from cti.adapters.log_clock import RESET_MS
from cti.cli.doctor_findings import Finding, fault, ok, warning
from cti.cli.doctor_ledger import SKEW_MAX_MS, Reach
from cti.topics import Topic

SETTING_OF = {
    "min.insync.replicas": "RINGBACK_KAFKA_MIN_INSYNC",
    "retention.ms": "RINGBACK_KAFKA_RETENTION_DAYS",
}


def judge_topics(facts: KafkaFacts, options: KafkaOptions, parts: Sequence[Topic] = ()) -> Iterator[Finding]:
    """One finding if all is well, otherwise one for each fault. `parts`: their topics, which a part makes when it
    begins: one that is not there yet is no fault.
    """
    wrong = False
    for part in parts:
        name = options.prefix + part.name
        if (there := facts.topics.get(name)) is not None:
            partitions, configuration = kept_topic(options)
            faults = [
                *_partitions(name, there, partitions, [name] if part.is_read else ()),
                *_replicas(name, there, options),
                *_configuration(name, there.configuration, configuration),
            ]
            wrong = wrong or bool(faults)
            yield from faults
    for name, (partitions, configuration) in wanted_topics(options).items():
        topic = facts.topics.get(name)
        found = [_missing(name, facts, options)] if topic is None else [
            *_partitions(name, topic, partitions),
            *_replicas(name, topic, options),
            *_configuration(name, topic.configuration, configuration),
        ]  # fmt: skip
        wrong = wrong or bool(found)
        yield from found
    if not wrong:
        summary = f"{len(facts.topics)} topics, replication {options.replication}, min.insync {options.min_insync}"
        yield ok("topics", summary)


def _missing(name: str, facts: KafkaFacts, options: KafkaOptions) -> Finding:
    check = f"topic {name}"
    if facts.brokers < options.replication:
        found = f"not there, and {facts.brokers} brokers cannot hold {options.replication} replicas"
        mend = "add brokers, or tell RINGBACK_KAFKA_REPLICATION and RINGBACK_KAFKA_MIN_INSYNC otherwise"
        return fault(check, found, "there", mend)
    return warning(
        check, "not there", "there", "the first start makes it; if there was one, look for what became of it"
    )


def _partitions(name: str, topic: TopicFacts, wanted: int, exact: Collection[str] = ()) -> Iterator[Finding]:
    check = f"topic {name}"
    if not fits(name, topic.partitions, wanted, exact):
        mend = (
            "before the first start: set RINGBACK_KAFKA_PARTITIONS to the topic's count; if partitions were added to a "
            "topic in use, which nobody can take back: begin anew, with another RINGBACK_KAFKA_PREFIX and database"
        )
        yield fault(check, f"{topic.partitions} partitions", str(wanted), mend)
    if topic.leaderless:
        found = f"{topic.leaderless} partitions without a leader"
        yield fault(check, found, "none", "bring the brokers back that hold their replicas")


def _replicas(name: str, topic: TopicFacts, options: KafkaOptions) -> Iterator[Finding]:
    check = f"topic {name}"
    if topic.replicas < options.replication:
        mend = "reassign the partitions to more brokers (kafka-reassign-partitions), or tell RINGBACK_KAFKA_REPLICATION"
        yield fault(check, f"replication factor {topic.replicas}", str(options.replication), mend)
    if topic.in_sync < min(options.min_insync, topic.replicas):
        found = f"a partition has {topic.in_sync} replicas in sync: nothing can be written there"
        yield fault(check, found, f"{options.min_insync} at least", "bring the other brokers back")
    elif topic.in_sync < topic.replicas:
        found = f"a partition has {topic.in_sync} of {topic.replicas} replicas in sync"
        yield warning(check, found, "all", "look at the brokers: one is away, or cannot follow")


def _configuration(name: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    check = f"topic {name}"
    for key, value in wanted.items():
        has = found.get(key, "nothing")
        if not enough(key, has, value):
            setting = f", or tell {SETTING_OF[key]} otherwise" if key in SETTING_OF else ""
            mend = (
                f"kafka-configs --alter --entity-type topics --entity-name {name} --add-config {key}={value}{setting}"
            )
            yield fault(check, f"{key}={has}", value, mend)
    size = found.get("retention.bytes", UNLIMITED)
    if size != UNLIMITED:
        mend = f"kafka-configs --alter --entity-type topics --entity-name {name} --delete-config retention.bytes"
        yield warning(check, f"retention.bytes={size}: what is unread may go by size", UNLIMITED, mend)


def judge_log_clock(facts: KafkaFacts, now_ms: float, *, running: bool) -> Finding:
    """By the last mark in the topic `clock`; a running process leaves one every 10 s. Nothing is written to find out,
    so a clock that runs ahead shows only while processes run, and by more than the marks' distance.
    """
    check, mend = "clock of the log", "let NTP (chrony, timesyncd) set this machine's clock and the brokers'"
    if facts.mark_ms is None:
        return ok(check, "no process has left a mark yet")
    age_ms = now_ms - facts.mark_ms
    if age_ms < -SKEW_MAX_MS:
        return warning(
            check, f"{-age_ms:.0f} ms ahead of this machine's, or more", f"within {SKEW_MAX_MS:.0f} ms", mend
        )
    if running and age_ms > 2 * RESET_MS + SKEW_MAX_MS:
        found = f"the last mark is {age_ms / 1000:.0f} s old by this machine's clock, and engines run"
        return warning(check, found, f"a mark every {RESET_MS / 1000:.0f} s", mend)
    return ok(check, f"agrees with this machine's, as far as a mark of {max(age_ms, 0) / 1000:.0f} s ago tells")


def reaches_of(
    facts: KafkaFacts, options: KafkaOptions, positions: Mapping[int, int], shares: Mapping[float, float]
) -> list[Reach]:
    """`shares`: by moment, the share of the retention that lies between it and now."""
    found = []
    for partition, end in facts.ends.items():
        position = positions.get(partition, 0)
        aged = [share for moment, share in shares.items() if position < facts.newer[moment].get(partition, 0)]
        unread = position < end
        found.append(
            Reach(partition, position, facts.firsts[partition], end, max(aged, default=0.0) if unread else 0.0)
        )
    topics = Topics(options.prefix, options.partitions)
    gone = [n for n in range(topics.count) if positions.get(n, 0) and topics.tp(n).topic not in facts.topics]
    return found + [Reach(partition, positions[partition], 0, 0, 0.0) for partition in gone]
