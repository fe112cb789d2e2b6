"""PostgreSQL: the parts of the timeline, one for each day (UTC) of appending; made ahead, dropped when not needed.

What belongs to no day that was made (a clock that is far off, a simulated time) is kept by the part `timeline_default`;
there retention deletes row by row.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import structlog
from sqlalchemy import BigInteger, Connection, column, exists, extract, false, func, or_, select, table, text
from sqlalchemy.exc import OperationalError

from cti.adapters.ledger.tables import KEPT, LIVE, calls
from cti.sql.point import rows_of

DAY_MS = 86_400_000
DAYS_AHEAD = 3  # a weekend without a successful turn of retention
LOCK_MS = 200  # the lock blocks all writers; a long read must not extend that
ANOTHER_AT_IT = 7_246_226  # an advisory lock: one process makes days at a time

# Reading the bounds of a part waits for a transaction that changes it; each new day changes the default part.
_PARTS = (
    "SELECT part.relname, pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits"
    " JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = 'timeline'::regclass"
    " AND part.relname <> 'timeline_default'"
)
_BOUNDS = re.compile(r"FROM \((?:MINVALUE|'(-?\d+)')\) TO \('(-?\d+)'\)")
_DEFAULT = table("timeline_default", column("appended_at_ms", BigInteger))
# For each partition apart: PostgreSQL would read all of a GROUP BY.
_LAST_BORN = "SELECT partition, (SELECT max(born) FROM {} WHERE partition = partitions.partition) FROM partitions"

log = structlog.get_logger()


class Day(NamedTuple):
    """A part of the timeline: what was appended from `from_ms` (None: from ever) until before `to_ms`."""

    name: str
    from_ms: int | None
    to_ms: int


def days(connection: Connection) -> list[Day]:
    """All parts but the default one, oldest first."""
    found = [(name, _BOUNDS.search(bounds)) for name, bounds in rows_of(connection, _PARTS)]
    parts = [Day(name, None if cut[1] is None else int(cut[1]), int(cut[2])) for name, cut in found if cut is not None]
    return sorted(parts, key=lambda day: day.to_ms)


def make_days(connection: Connection, now_ms: int | None = None) -> None:
    """The part of today and of DAYS_AHEAD days more, where they are missing. `now_ms`: the server's clock if None."""
    if connection.dialect.name != "postgresql":
        return
    today_ms = (_server_ms(connection) if now_ms is None else now_ms) // DAY_MS * DAY_MS
    wanted = [today_ms + n * DAY_MS for n in range(DAYS_AHEAD + 1)]
    if not _uncovered(connection, wanted):
        return
    if not connection.scalar(select(func.pg_try_advisory_xact_lock(ANOTHER_AT_IT))):
        return
    for from_ms in _uncovered(connection, wanted):
        if not _by_default(connection, from_ms):
            _make(connection, from_ms)


def _server_ms(connection: Connection) -> int:
    return int(connection.execute(select(extract("epoch", func.clock_timestamp()) * 1000)).scalar_one())


def _uncovered(connection: Connection, wanted: Sequence[int]) -> list[int]:
    """Those days, by their first ms, that no part covers."""
    known = days(connection)
    return [at for at in wanted if not any(day.to_ms > at and (day.from_ms or 0) < at + DAY_MS for day in known)]


def _by_default(connection: Connection, from_ms: int) -> bool:
    """Whether the default part has rows of a day: then it keeps those that will come, too."""
    at = _DEFAULT.c.appended_at_ms
    within = exists().where(at >= from_ms, at < from_ms + DAY_MS)
    return bool(connection.scalar(select(within.select_from(_DEFAULT))))


def _make(connection: Connection, from_ms: int) -> None:
    """Made apart and then attached: that holds up no writer, as making it in its place would."""
    name = f"timeline_{datetime.fromtimestamp(from_ms / 1000, UTC):%Y%m%d}"
    bounds = f"FROM ({from_ms}) TO ({from_ms + DAY_MS})"
    _try(
        connection,
        f"CREATE TABLE {name} (LIKE timeline INCLUDING ALL)",
        f"ALTER TABLE timeline ATTACH PARTITION {name} FOR VALUES {bounds}",
    )


def unneeded_day(connection: Connection, before_ms: int) -> str | None:
    """The oldest part, if it ends by then and no call whose timeline is kept began before its end."""
    if connection.dialect.name != "postgresql":
        return None
    for day in days(connection)[:1]:
        if day.to_ms <= before_ms and not _is_needed(connection, day.name):
            return day.name
    return None


def _is_needed(connection: Connection, name: str) -> bool:
    lasts = [row for row in rows_of(connection, _LAST_BORN.format(name)) if row[1] is not None]
    born = or_(false(), *[(calls.c.partition == partition) & (calls.c.born <= last) for partition, last in lasts])
    kept = [exists().where(state, born).select_from(calls) for state in (LIVE, KEPT)]
    return any(connection.scalar(select(table)) for table in kept)


def drop_days(connection: Connection, names: Sequence[str]) -> Sequence[bool]:
    """Whether each part was dropped; a part that is being read stays until the next time."""
    return [_try(connection, f"DROP TABLE IF EXISTS {name}") for name in names]


def _try(connection: Connection, *statements: str) -> bool:
    """Do these if the locks for them are to be had at once; retention comes again in a minute."""
    try:
        with connection.begin_nested():  # a refusal must not undo what is written beside it
            before = connection.scalar(text("SELECT current_setting('lock_timeout')"))  # an upgrade waits longer
            for statement in (
                f"SET LOCAL lock_timeout = {LOCK_MS}",
                *statements,
                f"SET LOCAL lock_timeout = '{before}'",
            ):
                connection.execute(text(statement))
    except OperationalError as error:
        log.warning("retention waits", action="retention_failed", why=str(error.orig))
        return False
    return True
