"""Timelines: one small row an event, by call and position; a call's state is their fold."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, select

from cti.adapters.ledger.bulk import Insertion
from cti.adapters.ledger.tables import LIVE, calls, timeline
from cti.rows import TimelineRow

_ORDER = (timeline.c.partition, timeline.c.born, timeline.c.position, timeline.c.n)
_OF_ITS_CALL = and_(timeline.c.partition == calls.c.partition, timeline.c.born == calls.c.born)
insert_timeline = Insertion(timeline)

# IN instead of a join: SQLite's planner would look through all calls of the slice again for every event.
_BORN_LIVE = select(calls.c.born).where(
    LIVE,
    calls.c.partition == bindparam("partition"),
    calls.c.born > bindparam("after"),
    calls.c.born <= bindparam("last"),
)
_LIVE = (
    select(timeline)
    .where(timeline.c.partition == bindparam("partition"), timeline.c.born.in_(_BORN_LIVE))
    .order_by(*_ORDER)
)
_OF_CALLS = (
    select(timeline)
    .join(calls, _OF_ITS_CALL)
    .where(calls.c.call_id.in_(bindparam("call_ids", expanding=True)))
    .order_by(*_ORDER)
)


def live_timelines(connection: Connection, partition: int, after: int, last: int) -> list[TimelineRow]:
    """Of the live calls of a partition born behind `after` up to `last`, in order."""
    found = connection.execute(_LIVE, {"partition": partition, "after": after, "last": last})
    return [TimelineRow._make(row) for row in found]


def timelines(connection: Connection, call_ids: Sequence[str]) -> list[TimelineRow]:
    """Of these calls, in order."""
    return [TimelineRow._make(row) for row in connection.execute(_OF_CALLS, {"call_ids": call_ids})]
