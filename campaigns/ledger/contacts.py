"""Contacts: those that are due, those with a deadline, and what a turn writes over them."""

from collections.abc import Collection, Sequence
from operator import attrgetter
from typing import NamedTuple

from sqlalchemy import Connection, Integer, bindparam, exists, literal_column, select, update

from campaigns.errors import Stale
from campaigns.ledger.compiled import FIRST
from campaigns.ledger.rows import ContactRow, HoursClassRow
from campaigns.ledger.tables import FAR, OPEN, OPEN_STATES, WAITS, contacts, hours_classes, live_numbers
from cti.sql.bulk import Bulk, insertion, selection, slices
from cti.sql.point import Prepared, rows_of

_WRITTEN = (  # by a turn; what a contact was imported with stays
    "state", "round", "decided_upto", "handed_over", "promise_date", "hours_class", "next_at_ms", "deadline_at_ms",
    "notice_out_by_ms", "notice_out_ms", "notice_missed", "waits_for", "why", "settled", "promise",
)  # fmt: skip
_written = attrgetter(*_WRITTEN)
_COLUMNS = ", ".join(column.name for column in contacts.columns)
_OPEN = ", ".join(f"'{state}'" for state in OPEN_STATES)  # word for word as in the partial indexes
_FROM = ("SELECT", _COLUMNS, "FROM campaign_contacts WHERE campaign = ? AND state IN (", _OPEN, ")")
_DUE = " ".join((*_FROM, "AND hours_class = ? ORDER BY next_at_ms, no LIMIT ?"))
_DEADLINE = " ".join((*_FROM, "AND deadline_at_ms <= ? ORDER BY deadline_at_ms LIMIT ?"))
_NEXT_DEADLINE = " ".join(("SELECT min(deadline_at_ms)", *_FROM[2:]))
_SETTINGS = ", ".join(f"{name} = given.{name}" for name in _WRITTEN)
_SET = ("campaign_contacts SET", _SETTINGS, ", version = given.version + 1 FROM")
_replace = Bulk(
    "UPDATE",
    " ".join(_SET),
    [contacts.c.id, contacts.c.version, *(contacts.c[name] for name in _WRITTEN)],
    "AND campaign_contacts.id = given.id AND campaign_contacts.version = given.version",
)
_read = selection(contacts, [contacts.c.id])
_lock = selection(
    contacts, [contacts.c.id], [contacts.c.id, contacts.c.version], "ORDER BY id", "FOR UPDATE OF campaign_contacts"
)
_put = insertion(contacts)
_put_classes = insertion(hours_classes, tail="ON CONFLICT (campaign, hours_class) DO NOTHING")


class Due(NamedTuple):
    """`next_at_ms`: when the next of these classes is due; None: none is."""

    rows: list[ContactRow]
    next_at_ms: int | None


def due(connection: Connection, campaign: str, classes: Collection[str], now_ms: int, limit: int) -> Due:
    """Those of some hours classes to be looked at now, at most `limit`: who goes first, then the longest due."""
    found: list[ContactRow] = []
    for hours_class in sorted(classes):
        found += map(ContactRow._make, rows_of(connection, _DUE, campaign, hours_class, limit + 1))
    rows = [row for row in found if row.next_at_ms <= now_ms]
    rows.sort(key=lambda row: (not row.hours_class.endswith(FIRST), row.next_at_ms, row.no))
    later = [row.next_at_ms for row in found if row.next_at_ms > now_ms]
    next_at_ms = now_ms if len(rows) > limit else min(later, default=FAR)
    return Due(rows[:limit], next_at_ms if next_at_ms < FAR else None)


def with_deadline(connection: Connection, campaign: str, now_ms: int, limit: int) -> list[ContactRow]:
    """Those on which a deadline acts, the longest past first."""
    return [ContactRow._make(row) for row in rows_of(connection, _DEADLINE, campaign, now_ms, limit)]


def next_deadline_ms(connection: Connection, campaign: str) -> int | None:
    """When a deadline acts on a contact next."""
    found = rows_of(connection, _NEXT_DEADLINE, campaign)[0][0]
    return None if found is None or found >= FAR else int(found)


def not_final(connection: Connection, campaign: str, limit: int) -> list[ContactRow]:
    """Some contacts that are not final."""
    found = connection.execute(select(contacts).where(contacts.c.campaign == campaign, OPEN).limit(limit))
    return [ContactRow._make(row) for row in found]


def read(connection: Connection, ids: Collection[str]) -> list[ContactRow]:
    return [ContactRow._make(row) for row in _read.returning(connection, [(contact,) for contact in sorted(ids)])]


def put(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Insert new ones."""
    _put(connection, rows)


def put_classes(connection: Connection, rows: Collection[HoursClassRow]) -> None:
    """Insert those that are new."""
    _put_classes(connection, sorted(rows))


def lock(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Lock contacts in the order of their ids. Raises Stale where one has another version by now."""
    versions = {row.id: row.version for row in rows}
    found = dict(_lock.returning(connection, [(contact,) for contact in sorted(versions)]))
    if found != versions:
        raise Stale("contacts")


def replace(connection: Connection, rows: Sequence[ContactRow]) -> None:
    """Write contacts over those of the version that these were made from, which rises by one. Raises Stale."""
    given = [(row.id, row.version, *_written(row)) for row in sorted(rows, key=lambda row: row.id)]
    if _replace(connection, given) != len(given):
        raise Stale("contacts")


def look_at_some(connection: Connection, campaign: str, after_no: int, now_ms: int, limit: int) -> int | None:
    """Let up to `limit` waiting contacts be looked at now, those after a number: what they wait for may hold no more.
    Returns the last number; None: there are no more. The contacts are locked in the order of their ids.
    """
    mine = (contacts.c.campaign == campaign, contacts.c.state == literal_column("'waiting'"), contacts.c.no > after_no)
    some = select(contacts.c.no).where(*mine).order_by(contacts.c.no).limit(limit)
    numbers = connection.scalars(some).all()
    if not numbers:
        return None
    later = (*mine, contacts.c.no <= numbers[-1], ~WAITS, contacts.c.next_at_ms > now_ms)
    locked = select(contacts.c.id).where(*later).order_by(contacts.c.id).with_for_update()
    changed = update(contacts).where(contacts.c.id.in_(locked))
    connection.execute(changed.values(next_at_ms=now_ms, version=contacts.c.version + 1))
    return None if len(numbers) < limit else numbers[-1]


_busy = exists().where(live_numbers.c.tenant == contacts.c.tenant, live_numbers.c.number == contacts.c.waits_for)
_in_vain = Prepared(
    select(contacts)
    .where(contacts.c.tenant == bindparam("tenant"), contacts.c.campaign == bindparam("campaign"), WAITS, ~_busy)
    .limit(bindparam("most", type_=Integer))
)


def waiting_in_vain(connection: Connection, tenant: str, campaign: str, limit: int) -> list[ContactRow]:
    """Those that wait for a number which is not busy."""
    found = _in_vain.rows(connection, tenant=tenant, campaign=campaign, most=limit)
    return [ContactRow._make(row) for row in found]


def wake(connection: Connection, tenant: str, numbers: Collection[str], now_ms: int) -> int:
    """Those that wait for these numbers are due now; how many. Locked in the order of their ids."""
    woken = 0
    for some in slices(sorted(numbers)):
        which = (contacts.c.tenant == tenant, contacts.c.waits_for.in_(some), WAITS)
        query = select(contacts).where(*which).order_by(contacts.c.id).with_for_update()
        rows = [ContactRow._make(row) for row in connection.execute(query)]
        replace(connection, [row._replace(waits_for=None, next_at_ms=now_ms) for row in rows])
        woken += len(rows)
    return woken
