"""Timelines: one small row an event, by call and position; a call's state is their fold."""

from collections.abc import Sequence

from pydantic_core import to_json
from sqlalchemy import Connection, and_, bindparam, func, literal_column, select, tuple_

from cti.adapters.ledger.tables import calls, timeline
from cti.rows import CallRow, TimelineRow
from cti.sql.bulk import Insertion
from cti.sql.point import rows_of

_ORDER = (timeline.c.partition, timeline.c.born, timeline.c.position, timeline.c.n)
_OF_ITS_CALL = and_(timeline.c.partition == calls.c.partition, timeline.c.born == calls.c.born)
insert_timeline = Insertion(timeline)

# The calls as a list, not as a query: by a join either planner reads all days, or all calls again for every event.
_OF_PARTITION = ("SELECT", ", ".join(timeline.columns.keys()), "FROM timeline WHERE partition = ? AND born")
_IN_ORDER = "ORDER BY partition, born, position, n"
_BORN_POSTGRESQL = " ".join((*_OF_PARTITION, "= ANY (?::int8[])", _IN_ORDER))
_BORN_SQLITE = " ".join((*_OF_PARTITION, "IN (SELECT value FROM json_each(?))", _IN_ORDER))
_OF_CALLS = (
    select(timeline)
    .join(calls, _OF_ITS_CALL)
    .where(calls.c.timeline_kept == literal_column("1"))  # on PostgreSQL rows go later, by the day
    .where(calls.c.call_id.in_(bindparam("call_ids", expanding=True)))
    .order_by(*_ORDER)
)


def timelines_of(connection: Connection, partition: int, born: Sequence[int]) -> list[TimelineRow]:
    """The timelines of calls that were born in a partition, in order, whether kept or not."""
    if connection.dialect.name == "postgresql":
        found = rows_of(connection, _BORN_POSTGRESQL, partition, list(born))
    else:
        found = rows_of(connection, _BORN_SQLITE, partition, to_json(born).decode())
    return [TimelineRow._make(row) for row in found]


def timeline_after(connection: Connection, row: CallRow, after: tuple[int, int], limit: int) -> list[TimelineRow]:
    """Events of a call after (position, n), in that order, while its timeline is kept."""
    kept = select(calls.c.call_id).where(calls.c.call_id == row.call_id, calls.c.timeline_kept == literal_column("1"))
    query = (
        select(timeline)
        .where(timeline.c.partition == row.partition, timeline.c.born == row.born)
        .where(tuple_(timeline.c.position, timeline.c.n) > tuple_(*after))
        .where(kept.exists())
        .order_by(timeline.c.position, timeline.c.n)
        .limit(limit)
    )
    return [TimelineRow._make(found) for found in connection.execute(query)]


def events_kept(connection: Connection, row: CallRow) -> int:
    """How many events of a call are kept."""
    kept = select(calls.c.call_id).where(calls.c.call_id == row.call_id, calls.c.timeline_kept == literal_column("1"))
    query = (
        select(func.count())
        .select_from(timeline)
        .where(timeline.c.partition == row.partition, timeline.c.born == row.born)
        .where(kept.exists())
    )
    return connection.execute(query).scalar_one()


def timelines(connection: Connection, call_ids: Sequence[str]) -> list[TimelineRow]:
    """The timelines of these calls, in order."""
    return [TimelineRow._make(row) for row in connection.execute(_OF_CALLS, {"call_ids": call_ids})]
