"""Commands: unique by id, in the order of their numbers; an outcome never replaces a final state."""

from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, and_, bindparam, func, select

from cti.adapters.ledger.tables import LIVE, UNANSWERED, calls, commands
from cti.adapters.ledger.totals import counted_with
from cti.rows import CommandRow, OutcomeRow, ResultRow, TotalsFilter
from cti.sql import bulk
from cti.sql.point import rows_of

FINAL = frozenset({"done", "refused", "unanswered", "overtaken"})
insert_commands = bulk.insertion(commands, tail="ON CONFLICT (id) DO NOTHING")
_set_outcomes = bulk.update(
    commands, [commands.c.id], [commands.c.state, commands.c.reason], only="commands.state IN ('open', 'accepted')"
)
_set_results = bulk.update(
    commands,
    [commands.c.tenant, commands.c.source, commands.c.id],
    [commands.c.state, commands.c.reason],
    only="commands.state IN ('open', 'accepted')",
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
_SELECT = " ".join(("SELECT", ", ".join(commands.columns.keys()), "FROM commands WHERE"))
_BY_ID = f"{_SELECT} tenant = ? AND id = ?"
_OPEN = (
    f"{_SELECT} state IN ('open', 'accepted') AND tenant = ? AND source = ? AND expires_at_ms > ?"
    " ORDER BY issued_at_ms, partition, no LIMIT ?"
)


def set_outcomes(connection: Connection, outcomes: Sequence[OutcomeRow]) -> None:
    """Write outcomes. Of several for one command the first final one counts, else the last."""
    latest: dict[str, OutcomeRow] = {}
    for outcome in outcomes:
        if outcome.id not in latest or latest[outcome.id].state not in FINAL:
            latest[outcome.id] = outcome
    _set_outcomes(connection, [(outcome.id, outcome.state, outcome.reason) for outcome in latest.values()])


def set_results(connection: Connection, results: Sequence[ResultRow]) -> None:
    """Settle commands by (tenant, source, id); an unknown id changes nothing. The first final state wins."""
    latest: dict[tuple[str, str, str], ResultRow] = {}
    for result in results:
        if result[:3] not in latest or latest[result[:3]].state not in FINAL:
            latest[result[:3]] = result
    _set_results(connection, [result[:5] for result in latest.values()])


def live_commands(connection: Connection, partition: int, after: int, last: int) -> list[CommandRow]:
    """The commands of a partition's live calls that were born after `after`, up to `last`."""
    found = connection.execute(_OF_LIVE, {"of_partition": partition, "after": after, "last": last})
    return [CommandRow._make(row) for row in found]


def commands_of_calls(connection: Connection, call_ids: Sequence[str]) -> list[CommandRow]:
    """In the order of sending."""
    query = select(commands).where(commands.c.call_id.in_(call_ids)).order_by(commands.c.partition, commands.c.no)
    return [CommandRow._make(row) for row in connection.execute(query)]


def command(connection: Connection, tenant: str, command_id: str) -> CommandRow | None:
    found = rows_of(connection, _BY_ID, tenant, command_id)
    return CommandRow._make(found[0]) if found else None


def open_commands(connection: Connection, tenant: str, source: str, now_ms: float, limit: int) -> list[CommandRow]:
    """Without a final result and not expired, by the time of issue; within a partition by number."""
    return [CommandRow._make(row) for row in rows_of(connection, _OPEN, tenant, source, int(now_ms), limit)]


def commands_after(connection: Connection, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
    """Commands after each partition's number, in any state; every partition has a fair share of `limit`."""
    if not marks:
        return []
    share = max(1, limit // len(marks))
    values = [value for mark in marks.items() for value in (*mark, share)]
    found = rows_of(connection, _pages_after(len(marks)), *values)
    return sorted((CommandRow._make(row) for row in found), key=lambda row: (row.partition, row.no))


@cache
def _pages_after(partitions: int) -> str:
    """One page a partition. UNION ALL takes an ordered SELECT only as a subquery."""
    page = f"{_SELECT} partition = ? AND no > ? ORDER BY no LIMIT ?"
    return " UNION ALL ".join(" ".join(("SELECT * FROM (", page, f") AS page_{n}")) for n in range(partitions))


def intervention_counts(
    connection: Connection, tenant: str, wanted: TotalsFilter
) -> list[tuple[str, str, str, str | None, int]]:
    """(rule, command, state, reason, count) of what was due in the window, in calls of the direction and the queue."""
    kinds = (commands.c.rule, commands.c.command, commands.c.state, commands.c.reason)
    query = select(*kinds, func.count()).where(commands.c.tenant == tenant).group_by(*kinds)
    query = query.where(*counted_with(commands.c.source, commands.c.due_at_ms, commands.c.call_id, wanted))
    counted = [(rule, name, state, reason, count) for rule, name, state, reason, count in connection.execute(query)]
    return sorted(counted, key=lambda row: (row[:3], row[3] or ""))


def unanswered_calls(connection: Connection, partition: int) -> list[str]:
    """Ids of a partition's calls that have ended while a command of theirs is still open."""
    # Made distinct here: a DISTINCT sends SQLite through all commands ever sent instead of the few open ones.
    query = (
        select(commands.c.call_id)
        .join(calls, calls.c.call_id == commands.c.call_id)
        .where(UNANSWERED, commands.c.partition == partition, calls.c.ended_at_ms.is_not(None))
    )
    return sorted(set(connection.scalars(query)))
