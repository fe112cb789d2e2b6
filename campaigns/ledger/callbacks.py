"""Callbacks, and the campaigns that take them."""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, func, or_, select, tuple_, update

from campaigns.core.promises import Kept
from campaigns.core.reasons import CampaignState
from campaigns.ledger.rows import CallbackRow, CampaignRow, ContactRow
from campaigns.ledger.tables import OPEN, callbacks, campaigns, contacts, imports
from cti.sql.bulk import insertion

TAKING = frozenset({CampaignState.RUNNING.value, CampaignState.PAUSED.value})
"""States of a campaign that takes callbacks."""
OPEN_PROMISE = "open"
PROMISES = (OPEN_PROMISE, *(kept.value for kept in Kept))

_put = insertion(callbacks)
_make = insertion(campaigns, tail="ON CONFLICT (id) DO NOTHING RETURNING id")


class Found(NamedTuple):
    """A callback with its contact and campaign."""

    callback: CallbackRow
    contact: ContactRow
    campaign: CampaignRow


# -- campaigns that stand ----------------------------------------------------------------------------------------------


def _like(row: CampaignRow) -> list[ColumnElement[bool]]:
    columns = campaigns.c
    same = ("tenant", "switch", "trunk_group", "queue", "channels", "kind")
    return [
        columns[name].is_(None) if getattr(row, name) is None else columns[name] == getattr(row, name) for name in same
    ]


def standing(connection: Connection, row: CampaignRow, made_after_ms: int) -> list[str]:
    """Campaigns like this one that take callbacks, the newest first."""
    query = select(campaigns.c.id).where(*_like(row), campaigns.c.state.in_(sorted(TAKING)))
    query = query.where(campaigns.c.made_at_ms > made_after_ms)
    return list(connection.scalars(query.order_by(campaigns.c.made_at_ms.desc(), campaigns.c.id).limit(10)))


def standing_ever(connection: Connection, row: CampaignRow) -> int:
    """How many like it there are."""
    return connection.scalar(select(func.count()).select_from(campaigns).where(*_like(row))) or 0


def make_campaign(connection: Connection, row: CampaignRow) -> bool:
    """False: another of this id is there."""
    return bool(_make.returning(connection, [row]))


def import_taken(connection: Connection, campaign: str) -> bool:
    """Whether contacts of its import are called: it was not withdrawn."""
    mine = (imports.c.campaign == campaign, imports.c.no == 1)
    return connection.scalar(select(imports.c.state).where(*mine)) == "done"


def count_contact(connection: Connection, campaign: str, no: int) -> None:
    """One more row that was received and accepted. The campaign's row is locked."""
    more = {name: imports.c[name] + 1 for name in ("received", "accepted", "contacts")}
    connection.execute(update(imports).where(imports.c.campaign == campaign, imports.c.no == no).values(more))


# -- callbacks ---------------------------------------------------------------------------------------------------------


def put(connection: Connection, row: CallbackRow) -> None:
    """A new one; its contact is there."""
    _put(connection, [row])


def read(connection: Connection, tenant: str, callback: str) -> CallbackRow | None:
    """None: the tenant has none of that id."""
    query = select(callbacks).where(callbacks.c.id == callback, callbacks.c.tenant == tenant)
    row = connection.execute(query).one_or_none()
    return None if row is None else CallbackRow._make(row)


def of_request(connection: Connection, tenant: str, request: str) -> CallbackRow | None:
    """What a row of the call side has become."""
    query = select(callbacks).where(callbacks.c.tenant == tenant, callbacks.c.request == request)
    row = connection.execute(query).one_or_none()
    return None if row is None else CallbackRow._make(row)


class Open(NamedTuple):
    """A callback that is not over, and how its contact stands."""

    id: str
    state: str
    next_at_ms: int
    waits_for: str | None


def open_for(connection: Connection, tenant: str, number: str) -> list[Open]:
    """Callbacks of this number that are not over."""
    of = (contacts.c.state, contacts.c.next_at_ms, contacts.c.waits_for)
    query = select(callbacks.c.id, *of).join(contacts, contacts.c.id == callbacks.c.contact)
    query = query.where(callbacks.c.tenant == tenant, callbacks.c.number == number, OPEN)
    return [Open._make(row) for row in connection.execute(query.order_by(callbacks.c.id))]


def open_count(connection: Connection, campaign: str, most: int) -> int:
    """Callbacks of a campaign that are not over, counted up to `most`."""
    some = select(contacts.c.id).where(contacts.c.campaign == campaign, OPEN).limit(most).subquery()
    return connection.scalar(select(func.count()).select_from(some)) or 0


def found(connection: Connection, tenant: str, callback: str) -> Found | None:
    """None: the tenant has none of that id."""
    row = connection.execute(_whole().where(callbacks.c.id == callback, callbacks.c.tenant == tenant)).one_or_none()
    return None if row is None else _found(tuple(row))


def page(
    connection: Connection,
    tenant: str,
    *,
    promise: str | None,
    switches: frozenset[str] | None,
    after: tuple[int, str] | None,
    limit: int,
) -> list[Found]:
    """By the time that was asked for, after (due_at_ms, id). `switches` None: of any."""
    query = _whole().where(callbacks.c.tenant == tenant)
    if promise == OPEN_PROMISE:
        query = query.where(contacts.c.promise.is_(None), OPEN)
    elif promise is not None:
        query = query.where(contacts.c.promise == promise)
    if switches is not None:
        query = query.where(campaigns.c.switch.in_(sorted(switches)))
    if after is not None:
        query = query.where(
            or_(callbacks.c.due_at_ms > after[0], tuple_(callbacks.c.due_at_ms, callbacks.c.id) > after)
        )
    query = query.order_by(callbacks.c.due_at_ms, callbacks.c.id).limit(limit)
    return [_found(tuple(row)) for row in connection.execute(query)]


def _whole() -> Select[tuple[object, ...]]:
    both = callbacks.join(contacts, contacts.c.id == callbacks.c.contact)
    joined = both.join(campaigns, campaigns.c.id == callbacks.c.campaign)
    return select(*callbacks.c, *contacts.c, *campaigns.c).select_from(joined)


def _found(values: tuple[object, ...]) -> Found:
    own, of_contact = len(CallbackRow._fields), len(ContactRow._fields)
    return Found(
        CallbackRow._make(values[:own]),
        ContactRow._make(values[own : own + of_contact]),
        CampaignRow._make(values[own + of_contact :]),
    )
