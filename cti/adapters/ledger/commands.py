"""Commands: unique by id, in the order of their numbers; an outcome never replaces a final state."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, and_, bindparam, func, select, union_all

from cti.adapters.ledger import bulk
from cti.adapters.ledger.tables import LIVE, UNANSWERED, calls, commands
from cti.rows import CommandRow, OutcomeRow

FINAL = frozenset({"done", "refused", "unanswered", "overtaken", "observed"})
insert_commands = bulk.insertion(commands, tail="ON CONFLICT (id) DO NOTHING")
_set_outcomes = bulk.update(
    commands, [commands.c.id], [commands.c.state, commands.c.reason], only="commands.state IN ('open', 'accepted')"
)
_OF_LIVE = (
    select(commands)
    .join(calls, and_(calls.c.call_id == commands.c.call_id))
    .where(
        LIVE,
        calls.c.partition == bindparam("of_partition"),
        calls.c.born > bindparam("after"),
        calls.c.born <= bindparam("last"),
    )
    .order_by(commands.c.partition, commands.c.no)
)


def set_outcomes(connection: Connection, outcomes: Sequence[OutcomeRow]) -> None:
    """Of several for one command the first final one counts, else the last."""
    latest: dict[str, OutcomeRow] = {}
    for outcome in outcomes:
        if outcome.id not in latest or latest[outcome.id].state not in FINAL:
            latest[outcome.id] = outcome
    _set_outcomes(connection, [(outcome.id, outcome.state, outcome.reason) for outcome in latest.values()])


def live_commands(connection: Connection, partition: int, after: int, last: int) -> list[CommandRow]:
    """Of the live calls of a partition born behind `after` up to `last`."""
    found = connection.execute(_OF_LIVE, {"of_partition": partition, "after": after, "last": last})
    return [CommandRow._make(row) for row in found]


def commands_of_calls(connection: Connection, call_ids: Sequence[str]) -> list[CommandRow]:
    """In the order of sending."""
    query = select(commands).where(commands.c.call_id.in_(call_ids)).order_by(commands.c.partition, commands.c.no)
    return [CommandRow._make(row) for row in connection.execute(query)]


def command(connection: Connection, tenant: str, command_id: str) -> CommandRow | None:
    query = select(commands).where(commands.c.tenant == tenant, commands.c.id == command_id)
    row = connection.execute(query).first()
    return None if row is None else CommandRow._make(row)


def open_commands(connection: Connection, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
    """Without a final result and not expired, by the time of issue; within a partition by number."""
    query = (
        select(commands)
        .where(
            UNANSWERED,
            commands.c.tenant == tenant,
            commands.c.source == source,
            commands.c.expires_at_ms > int(now_ms),
        )
        .order_by(commands.c.issued_at_ms, commands.c.partition, commands.c.no)
        .limit(limit)
    )
    return [CommandRow._make(row) for row in connection.execute(query)]


def commands_after(connection: Connection, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
    """Behind each partition's number, of whatever state; a fair share of `limit` for every partition."""
    if not marks:
        return []
    share = max(1, limit // len(marks))
    pages = [
        select(commands)
        .where(commands.c.partition == partition, commands.c.no > mark)
        .order_by(commands.c.no)
        .limit(share)
        .subquery()
        for partition, mark in sorted(marks.items())
    ]
    found = connection.execute(union_all(*[select(page) for page in pages]))
    return sorted((CommandRow._make(row) for row in found), key=lambda row: (row.partition, row.no))


def intervention_counts(
    connection: Connection, tenant: str, from_ms: int | None, to_ms: int | None
) -> list[tuple[str, str, str, str | None, int]]:
    """(rule, command, state, reason, count) of what was due in the window."""
    kinds = (commands.c.rule, commands.c.command, commands.c.state, commands.c.reason)
    query = select(*kinds, func.count()).where(commands.c.tenant == tenant).group_by(*kinds)
    if from_ms is not None:
        query = query.where(commands.c.due_at_ms >= from_ms)
    if to_ms is not None:
        query = query.where(commands.c.due_at_ms < to_ms)
    counted = [(rule, name, state, reason, count) for rule, name, state, reason, count in connection.execute(query)]
    return sorted(counted, key=lambda row: (row[:3], row[3] or ""))


def unanswered_calls(connection: Connection) -> list[str]:
    """Ids of calls that have ended while a command of theirs is still open."""
    # Made distinct here: a DISTINCT sends SQLite through all commands ever sent instead of the few open ones.
    query = (
        select(commands.c.call_id)
        .join(calls, calls.c.call_id == commands.c.call_id)
        .where(UNANSWERED, calls.c.ended_at_ms.is_not(None))
    )
    return sorted(set(connection.scalars(query)))
