"""A round in SQL: all its rows, what other parts write beside it, then the fence, in the writer's transaction.

An empty list costs nothing.
"""

from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from cti.adapters.ledger.agents import put_agents, put_sources
from cti.adapters.ledger.breaches import delete_breaches, insert_breaches
from cti.adapters.ledger.calls import insert_births, set_ends
from cti.adapters.ledger.commands import insert_commands, set_outcomes
from cti.adapters.ledger.dead_letters import insert_dead_letters
from cti.adapters.ledger.outbox import put_outbox
from cti.adapters.ledger.partitions import move_on
from cti.adapters.ledger.records import insert_records, upsert_records
from cti.adapters.ledger.timeline import insert_timeline
from cti.rows import RecordRow, Round

Beside = Callable[[Connection, Round], None]
"""What another part writes in a round's transaction. It may run again after a rollback."""


def write_rounds(connection: Connection, rounds: Sequence[Round], beside: Sequence[Beside] = ()) -> Sequence[None]:
    for round_ in rounds:
        write_round(connection, round_, beside)
    return [None] * len(rounds)


def write_round(connection: Connection, round_: Round, beside: Sequence[Beside] = ()) -> None:
    """Raises `Fenced`; the transaction rolls back."""
    insert_timeline(connection, round_.timeline)
    insert_births(connection, round_.births)
    if round_.records:
        _write_records(connection, round_)
    insert_commands(connection, round_.commands)
    set_outcomes(connection, round_.outcomes)
    put_agents(connection, round_.agents)
    put_sources(connection, round_.sources)
    insert_dead_letters(connection, round_.dead_letters)
    if round_.outbox or round_.published:
        put_outbox(connection, round_.outbox, round_.published)
    for write in beside:
        write(connection, round_)
    move_on(connection, round_.fences)


def latest_records(records: Sequence[RecordRow]) -> list[RecordRow]:
    """The highest revision of each call: one statement may not touch a row twice."""
    latest: dict[str, RecordRow] = {}
    for row in records:
        if row.call_id not in latest or latest[row.call_id].revision < row.revision:
            latest[row.call_id] = row
    return list(latest.values())


def _write_records(connection: Connection, round_: Round) -> None:
    latest = latest_records(round_.records)
    again = [row for row in latest if row.revision > 1]
    insert_records(connection, [row for row in latest if row.revision == 1])
    upsert_records(connection, again)
    set_ends(connection, [(row.call_id, row.ended_at_ms) for row in latest])
    delete_breaches(connection, [row.call_id for row in again])
    insert_breaches(connection, round_.breaches)
