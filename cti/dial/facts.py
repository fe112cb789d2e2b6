"""Facts of dialled calls: written by the engine's rounds, deleted by the dialler once it has acted on them."""

from collections.abc import Sequence

from sqlalchemy import Connection

from cti.dial.rows import DialFact
from cti.dial.tables import facts
from cti.sql.bulk import Bulk
from cti.sql.point import rows_of

_KEY = ("tenant", "commandid", "call_id")
_NAMES = DialFact._fields
_GIVEN = [facts.c[name] for name in _NAMES]
_CHANGED = [name for name in _NAMES if name not in (*_KEY, "revision")]
_SELECT = ("SELECT", ", ".join(f"given.{name}" for name in _NAMES), ", dial_orders.switch, dial_orders.lane")
_PUT = ("INTO dial_facts (", ", ".join(_NAMES), ", switch, lane)", *_SELECT, "FROM dial_orders,")
_WHERE = (
    "AND dial_orders.id = given.commandid AND dial_orders.tenant = given.tenant",
    # Another switch's events say nothing of it: its key may be bound to that switch alone.
    "AND dial_orders.source = given.source",
    # An order that clears a call, or asks about one, did not make it. A message has no call.
    "AND dial_orders.command = CASE given.call_id WHEN '' THEN 'sendMessage' ELSE 'makeCall' END",
)
_SET = (
    "ON CONFLICT (tenant, commandid, call_id) DO UPDATE SET",
    ", ".join(f"{name} = excluded.{name}" for name in _CHANGED),
    ", revision = CASE WHEN excluded.revision > dial_facts.revision THEN excluded.revision",
    "ELSE dial_facts.revision + 1 END",
)
_OF_LANE = " ".join(
    ("SELECT", ", ".join(_NAMES), "FROM dial_facts WHERE tenant = ? AND switch = ? AND lane = ?",
     "ORDER BY appended_at_ms, commandid, call_id LIMIT ?")
)  # fmt: skip
_upsert = Bulk("INSERT", " ".join(_PUT), _GIVEN, " ".join((*_WHERE, *_SET)))
# The revision is compared with that of the row itself: one that is written meanwhile has another, and stays.
_KEYED = [facts.c[name] for name in (*_KEY, "revision")]
_ROW = ", ".join(column.name for column in _KEYED)
_OLD = ("FROM dial_facts WHERE (", _ROW, ") IN (SELECT", _ROW, "FROM")
_take_back = Bulk(
    "DELETE", f"FROM dial_facts WHERE ({', '.join(_KEY)}) IN (SELECT {', '.join(_KEY)} FROM", _KEYED[:3], ")"
)
_delete = Bulk("DELETE", " ".join(_OLD), _KEYED, ")")
_UNLOCKED = ") ORDER BY tenant, commandid, call_id FOR UPDATE SKIP LOCKED"
_lock = Bulk("SELECT", " ".join((_ROW, *_OLD)), _KEYED, _UNLOCKED)


def put_facts(connection: Connection, said: Sequence[DialFact]) -> None:
    """Write what is known of calls, over what was known; of several for one call the last stands.

    What is of no order of its tenant and source that makes a call (or, without a call id, sends a message) is not kept.
    The revision given should rise over a call's life (as the log's positions do), so that one that was acknowledged
    never comes again; the stored one rises in any case.
    """
    latest = {(row.tenant, row.commandid, row.call_id): row for row in said}
    _upsert(connection, [latest[key] for key in sorted(latest)])


def take_back_facts(connection: Connection, keys: Sequence[tuple[str, str, str]]) -> None:
    """Delete facts of (tenant, commandid, call id): the order turned out to be another call's."""
    _take_back(connection, sorted(keys))


def acknowledge(connection: Connection, read: Sequence[DialFact]) -> None:
    """Delete those that were not written again since they were read, nor are being written: a dialler waits for no
    round, so that the two cannot wait for one another.
    """
    rows: Sequence[tuple[object, ...]] = [(row.tenant, row.commandid, row.call_id, row.revision) for row in read]
    if connection.dialect.name != "sqlite":  # which has one writer
        rows = _lock.returning(connection, rows)
    _delete(connection, rows)


def read_facts(connection: Connection, tenant: str, switch: str, lane: str, limit: int) -> list[DialFact]:
    """Those of a lane's orders, the first appended first."""
    return [DialFact._make(row) for row in rows_of(connection, _OF_LANE, tenant, switch, lane, limit)]
