"""Sums over records: one aggregate query, from which the indicators are made."""

from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, and_, case, cast, func, literal_column, select

from cti.adapters.ledger.tables import records
from cti.core.indicators import SHORT_ABANDON_MS
from cti.rows import Totals, TotalsFilter

HALF_HOUR_MS = 1_800_000

_R = records.c
_ANSWERED = _R.outcome == "answered"
_ABANDONED = _R.outcome == "abandoned"
_INBOUND = _R.direction.is_(None) | (_R.direction == "inbound")  # a call without a direction came in
# How long the caller waited for an answer, or in vain; estimated where an older release wrote the record.
_tried_ms = func.coalesce(
    _R.tried_ms, case((_R.queued == 1, _R.wait_ms), else_=_R.ended_at_ms - _R.talk_ms - _R.opened_at_ms)
)


def totals(
    connection: Connection, tenant: str, wanted: TotalsFilter, by: str, service_ms: int, ring_ms: int
) -> list[Totals]:
    """Totals of the calls opened in the window, by "none", "queue", "agent" or "half_hour", in their order."""
    group = _group(by)
    query = select(group, *_sums(service_ms, ring_ms)).where(_R.tenant == tenant)
    if by != "none":
        query = query.group_by(group)
    query = query.where(*_in_window(_R.source, _R.opened_at_ms, wanted), *_of_kind(wanted))
    rows = [(str(row[0]), *(int(value or 0) for value in row[1:])) for row in connection.execute(query)]
    return sorted(Totals._make(row) for row in rows if by == "none" or row[1])


def _in_window(
    source: ColumnElement[str], at_ms: ColumnElement[int], wanted: TotalsFilter
) -> list[ColumnElement[bool]]:
    """Sources and time, as far as they are asked for."""
    asked: list[ColumnElement[bool]] = []
    if wanted.sources is not None:
        asked.append(source.in_(sorted(wanted.sources)))
    if wanted.from_ms is not None:
        asked.append(at_ms >= wanted.from_ms)
    if wanted.to_ms is not None:
        asked.append(at_ms < wanted.to_ms)
    return asked


def _of_kind(wanted: TotalsFilter) -> list[ColumnElement[bool]]:
    """Direction and queue, as far as they are asked for."""
    asked = []
    if wanted.direction is not None:
        asked.append(_INBOUND if wanted.direction == "inbound" else _R.direction == wanted.direction)
    if wanted.queue is not None:
        asked.append(_R.queue == wanted.queue)
    return asked


def counted_with(
    source: ColumnElement[str], at_ms: ColumnElement[int], call_id: ColumnElement[str], wanted: TotalsFilter
) -> list[ColumnElement[bool]]:
    """Conditions for rows beside the records: in the window, and of calls that have ended and are of the direction and
    the queue where these are asked for.

    A scalar subquery is looked up by its key for each row; an EXISTS is joined, and reads all records ever made.
    """
    window, asked = _in_window(source, at_ms, wanted), _of_kind(wanted)
    if not asked:
        return window
    found = select(literal_column("1")).where(_R.call_id == call_id, *asked).correlate_except(records).scalar_subquery()
    return [*window, found.is_not(None)]


def _group(by: str) -> ColumnElement[Any]:
    match by:
        case "none":
            return literal_column("''")
        case "queue":
            return func.coalesce(_R.queue, literal_column("''"))
        case "agent":
            return func.coalesce(_R.agent, literal_column("''"))
        case "half_hour":
            return _R.opened_at_ms - _R.opened_at_ms % literal_column(str(HALF_HOUR_MS))
    raise ValueError(f"totals by {by!r}")


def _count(condition: ColumnElement[bool]) -> ColumnElement[int]:
    return func.sum(case((condition, literal_column("1", Integer)), else_=literal_column("0", Integer)))


def _sum(column: ColumnElement[Any], condition: ColumnElement[bool] | None = None) -> ColumnElement[int]:
    counted = column if condition is None else case((condition, column), else_=literal_column("0", Integer))
    return cast(func.sum(counted), records.c.wait_ms.type)


def _sums(service_ms: int, ring_ms: int) -> list[ColumnElement[int]]:
    """The columns of `Totals` after `group`, in its order."""
    return [
        func.count(),
        _count(_ANSWERED),
        _count(_ABANDONED),
        _count(_R.outcome == "failed"),
        _count(_R.outcome == "lost"),
        _count(_R.outcome == "stale"),
        _count(and_(_ABANDONED, _R.queued == 1)),
        _count(and_(_ABANDONED, _INBOUND, _tried_ms <= SHORT_ABANDON_MS)),
        _count(and_(_ANSWERED, _INBOUND, _tried_ms <= service_ms)),
        _count(and_(_ANSWERED, _R.answer_ms <= ring_ms)),
        _count(and_(_ANSWERED, _R.answer_ms.is_not(None))),
        _sum(_R.wait_ms, and_(_ANSWERED, _INBOUND)),
        _sum(_R.talk_ms),
        _sum(_R.hold_ms),
        _sum(_R.transfers),
        _sum(_R.notices_owed),
        _sum(_R.notices_played),
        _count(and_(_ANSWERED, _INBOUND)),
        _count(and_(_ABANDONED, _INBOUND)),
    ]
