"""Contacts of an import that a sample is taken of."""

from collections.abc import Collection
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from campaigns.ledger.tables import FAR, OPEN, contacts
from cti.sql.bulk import slices


class Framed(NamedTuple):
    """A contact. `items`: JSON."""

    id: str
    no: int
    account: str
    items: str


def contacts_after(connection: Connection, campaign: str, import_no: int, after: int, limit: int) -> list[Framed]:
    """Those that the import brought, in order, whatever has become of them."""
    columns = contacts.c
    of_import = columns.hours_class.startswith(f"{import_no}|", autoescape=True)
    query = select(columns.id, columns.no, columns.account, columns["items"])
    query = query.where(columns.campaign == campaign, columns.no > after, of_import)
    return [Framed._make(row) for row in connection.execute(query.order_by(columns.no).limit(limit))]


def cancel(connection: Connection, ids: Collection[str], state: str, why: str) -> None:
    """Those of them that are not final become so."""
    closed = {
        "state": state, "why": why, "next_at_ms": FAR, "deadline_at_ms": FAR, "waits_for": None,
        "version": contacts.c.version + 1,
    }  # fmt: skip
    for some in slices(sorted(ids)):
        connection.execute(update(contacts).where(contacts.c.id.in_(some), OPEN).values(closed))
