"""Attempts, and the refusals between them."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from campaigns.errors import Stale
from campaigns.ledger.rows import AttemptRow, RefusalRow
from campaigns.ledger.tables import attempts, refusals
from cti.sql.bulk import insertion, selection, update

_KEYS = [attempts.c.contact, attempts.c.n]
_OTHERS = [column for column in attempts.columns if column.name not in ("contact", "n")]
_of = selection(attempts, [attempts.c.contact])
_put = insertion(attempts, tail="ON CONFLICT DO NOTHING RETURNING contact")
_replace = update(attempts, _KEYS, _OTHERS)
_put_refusals = insertion(refusals, tail="ON CONFLICT DO NOTHING")


def of_contacts(connection: Connection, ids: Collection[str]) -> dict[str, list[AttemptRow]]:
    """All attempts of each contact, in order."""
    found: dict[str, list[AttemptRow]] = {contact: [] for contact in ids}
    for row in sorted(_of.returning(connection, [(contact,) for contact in sorted(found)])):
        found[row[0]].append(AttemptRow._make(row))
    return found


def put(connection: Connection, rows: Sequence[AttemptRow]) -> None:
    """New ones. Raises Stale where one is there already."""
    if len(_put.returning(connection, rows)) != len(rows):
        raise Stale("attempts")


def replace(connection: Connection, rows: Sequence[AttemptRow]) -> None:
    """Write over what is there; their contacts are locked. Raises Stale where one is missing."""
    if _replace(connection, rows_by_key(rows)) != len(rows):
        raise Stale("attempts")


def rows_by_key(rows: Sequence[AttemptRow]) -> list[tuple[object, ...]]:
    """Keys first: they are the first columns."""
    return [tuple(row) for row in sorted(rows, key=lambda row: (row.contact, row.n))]


def put_refusals(connection: Connection, rows: Sequence[RefusalRow]) -> None:
    """Write refusals. Of two with the same instant and reason the first stays."""
    _put_refusals(connection, sorted(rows))
