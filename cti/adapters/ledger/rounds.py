"""A round in SQL: all its rows, what other parts write beside it, then the fence, in the writer's transaction.

An empty list costs nothing.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from sqlalchemy import Connection

from cti.adapters.ledger.agents import put_agents, put_sources
from cti.adapters.ledger.beside import BesideRounds
from cti.adapters.ledger.breaches import delete_breaches, insert_breaches
from cti.adapters.ledger.calls import insert_births, set_ends, set_first_ends
from cti.adapters.ledger.commands import insert_commands, set_outcomes, set_results
from cti.adapters.ledger.dead_letters import insert_dead_letters
from cti.adapters.ledger.outbox import put_outbox
from cti.adapters.ledger.partitions import move_on
from cti.adapters.ledger.records import insert_records, upsert_records
from cti.adapters.ledger.snapshots import put_snapshots
from cti.adapters.ledger.timeline import insert_timeline
from cti.callers.requests import put_requests
from cti.dial.facts import put_facts, take_back_facts
from cti.dial.words import put_words
from cti.rows import DeadLetterRow, RecordRow, Round


class Asked(NamedTuple):
    """A round to be written. `without`: the parts that have failed beside it."""

    round_: Round
    without: Collection[str] = ()


def write_rounds(
    connection: Connection, rounds: Sequence[Asked], retention_ms: int, beside: BesideRounds
) -> Sequence[Sequence[str]]:
    """For each round the parts that were left out."""
    return [write_round(connection, asked.round_, retention_ms, beside, asked.without) for asked in rounds]


def write_round(
    connection: Connection, round_: Round, retention_ms: int, beside: BesideRounds, without: Collection[str] = ()
) -> Sequence[str]:
    """The parts that were left out. Raises `Fenced`, `PartFailed`; the transaction rolls back."""
    insert_timeline(connection, round_.timeline)
    insert_births(connection, round_.births)
    if round_.records:
        _write_records(connection, round_, recorded_ms(round_, retention_ms))
    insert_commands(connection, round_.commands)
    set_outcomes(connection, round_.outcomes)
    set_results(connection, round_.results)
    put_agents(connection, round_.agents)
    put_sources(connection, round_.sources)
    put_snapshots(connection, round_.snapshots, round_.snapshots_gone)
    insert_dead_letters(connection, [dated(row, retention_ms) for row in round_.dead_letters])
    if round_.outbox or round_.published:
        put_outbox(connection, round_.outbox, round_.published)
    put_facts(connection, round_.dial_facts)
    take_back_facts(connection, round_.dial_facts_gone)
    put_words(connection, round_.source_words)
    put_requests(connection, round_.callback_requests)
    left_out = beside.write(connection, round_, without) if beside else ()
    move_on(connection, round_.fences)
    return left_out


def latest_records(records: Sequence[RecordRow]) -> list[RecordRow]:
    """The highest revision of each call: one statement may not touch a row twice."""
    latest: dict[str, RecordRow] = {}
    for row in records:
        if row.call_id not in latest or latest[row.call_id].revision < row.revision:
            latest[row.call_id] = row
    return list(latest.values())


def recorded_ms(round_: Round, retention_ms: int) -> int | None:
    """When the round's records are written, by the log's clock; None: nothing in it is dated.

    Not before retention's own time: a clock that was set back would make them old at once.
    """
    latest_ms = max([row.appended_at_ms for row in round_.timeline], default=0)
    return max(latest_ms, retention_ms) if latest_ms else None


def dated(row: DeadLetterRow, retention_ms: int) -> DeadLetterRow:
    """The same of a dead letter."""
    return row if row.at_ms >= retention_ms else row._replace(at_ms=retention_ms)


def _write_records(connection: Connection, round_: Round, recorded_at_ms: int | None) -> None:
    latest = latest_records(round_.records)
    again = [row for row in latest if row.revision > 1]
    insert_records(connection, [row for row in latest if row.revision == 1])
    upsert_records(connection, again)
    first = set() if recorded_at_ms is None else {row.call_id for row in round_.records if row.revision == 1}
    ends = [(row.call_id, row.ended_at_ms) for row in latest]
    set_first_ends(connection, [(*end, recorded_at_ms) for end in ends if end[0] in first])
    set_ends(connection, [end for end in ends if end[0] not in first])
    delete_breaches(connection, [row.call_id for row in again])
    insert_breaches(connection, round_.breaches)
