"""What an entry of the log is, and who ingests it."""

from cti.core.identity import key_of
from cti.engine.gathering import KEYS_KEPT, Gathering, hash_of
from cti.engine.ingest import conclude_late, ingest_agent, ingest_call
from cti.engine.snapshot import ingest_switch
from cti.ports import Appending, Entry, EventLog
from schemas.envelope import Event, Refused, event_of, times_problem
from schemas.reasons import DeadLetter, Ignored


def ingest(work: Gathering, event_log: EventLog, entry: Entry, event: Event | str) -> None:
    """Advance by one entry. `event` is the result of `event_in` for it."""
    if entry.unfit is not None:
        work.dead_letter(entry, *entry.unfit)
    elif isinstance(event, str):
        work.dead_letter(entry, DeadLetter.INVALID, event)
    elif entry.event is None and not _belongs(work.partitions, event_log, entry, event):
        work.dead_letter(entry, DeadLetter.WRONG_PARTITION, "the record's key is not that of the event in it")
    elif (problem := _misplaced_or_mistimed(event_log, entry, event)) is not None:
        work.dead_letter(entry, *problem)
    elif event_log.kinds > 1 and event_log.passes_on(entry.partition):
        key = key_of(entry.tenant, event.source, event.subject)
        work.passing.append(Appending(entry.tenant, key, entry.body, event, everywhere=True))
    elif event.family == "switch":
        if event.kind == "switchSnapshot":
            conclude_late(work)  # it is held against the calls as they are
        ingest_switch(work, entry, event, event_log.partition_of)
    elif event.family == "agent" and event.known:
        ingest_agent(work, entry, event)
    elif event.family == "agent":
        work.telemetry.ignored(Ignored.UNKNOWN_TYPE if event.version < 2 else Ignored.NEWER_VERSION)
    else:
        ingest_call(work, entry, event)


def _misplaced_or_mistimed(event_log: EventLog, entry: Entry, event: Event) -> tuple[DeadLetter, str] | None:
    """Check what the HTTP API checks for its clients: on Kafka, integrators write to the log themselves."""
    if entry.event is not None or event_log.kinds == 1:
        return None  # whatever is in an SQL log came through the HTTP API
    if event.family == "switch" and not (entry.copied or event_log.passes_on(entry.partition)):
        return DeadLetter.WRONG_PARTITION, f"{event.kind} belongs in the topic of switch events"
    problem = times_problem(event, entry.appended_at_ms)
    return None if problem is None else (DeadLetter.BAD_TIME, problem.detail)


def _belongs(partitions: dict[tuple[int, str], int], event_log: EventLog, entry: Entry, event: Event) -> bool:
    """Whether an event is in the partition of its key; an event that concerns all partitions may be in any."""
    if event.family == "switch":
        return True
    known = (hash_of(entry.tenant, event.source, event.subject), event.family)
    partition = partitions.get(known)
    if partition is None:
        if len(partitions) >= KEYS_KEPT:
            partitions.clear()
        key = key_of(entry.tenant, event.source, event.subject)
        partition = partitions[known] = event_log.partition_of(key, event.family)
    return partition == entry.partition


def event_in(entry: Entry) -> Event | str:
    """The entry's event, or the reason why it cannot be read as one."""
    if entry.event is not None:
        return entry.event
    if entry.unfit is not None:
        return entry.unfit[1]
    try:
        return event_of(entry.body)
    except Refused as refused:
        return str(refused)
