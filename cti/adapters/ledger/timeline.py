"""Timelines: one small row an event, by call and position; a call's state is their fold."""

from collections.abc import Sequence

from sqlalchemy import Connection, and_, bindparam, select

from cti.adapters.ledger.bulk import insertion
from cti.adapters.ledger.tables import LIVE, calls, timeline
from cti.ports import TimelineRow

_ORDER = (timeline.c.partition, timeline.c.born, timeline.c.position, timeline.c.n)
_OF_ITS_CALL = and_(timeline.c.partition == calls.c.partition, timeline.c.born == calls.c.born)
insert_timeline = insertion(timeline)

_LIVE = (
    select(timeline)
    .join(calls, _OF_ITS_CALL)
    .where(
        LIVE,
        calls.c.partition == bindparam("partition"),
        calls.c.born > bindparam("after"),
        calls.c.born <= bindparam("last"),
    )
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
