"""The contacts that an import makes, and those of earlier imports that it adds to."""

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from pydantic_core import from_json
from sqlalchemy import Connection, bindparam, func, select

from campaigns.core.campaign import TAKES_CONTACTS
from campaigns.imports.errors import ContactMoved, WrongState
from campaigns.ledger import numbers, outbound, revisions
from campaigns.ledger.imports import (
    Counts,
    Key,
    RejectedRow,
    applied,
    chunk_done,
    count,
    fence,
    reject,
)
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, HoursClassRow, ImportRow
from campaigns.ledger.tables import attempts, campaigns, contacts, hours_classes, import_additions, imports
from cti.sql.bulk import Bulk, Insertion, insertion, selection, slices
from cti.sql.point import Prepared

_insert = Insertion(contacts)
_insert_classes = insertion(hours_classes, tail="ON CONFLICT (campaign, hours_class) DO NOTHING")
_make = insertion(imports)
_note_additions = insertion(import_additions, tail="ON CONFLICT DO NOTHING")
_ADDED = (
    "name", "address", "customer_class", "important", "phones", "items", "kept", "hours_class", "next_at_ms",
    "deadline_at_ms", "notice_out_by_ms", "fallback_by_ms", "expires_at_ms",
)  # fmt: skip
_SETTINGS = ", ".join(f"{name} = given.{name}" for name in _ADDED)
_HEAD = ("campaign_contacts SET", _SETTINGS, ", version = given.version + 1 FROM")
_add = Bulk(
    "UPDATE",
    " ".join(_HEAD),
    [contacts.c.id, contacts.c.version, *(contacts.c[name] for name in _ADDED)],
    "AND campaign_contacts.id = given.id AND campaign_contacts.version = given.version",
)
_STATE = Prepared(select(campaigns.c.state).where(campaigns.c.id == bindparam("campaign")).with_for_update(read=True))
_of_accounts = selection(contacts, [contacts.c.campaign, contacts.c.account])


class Batch(NamedTuple):
    """What some accounts of an import come to. `added_to`: with the version that was read. `errors`: of staged rows.

    `seq`: the chunk whose rows all of this is, where they were not staged. `revised`: the last change of an outage that
    the rows agree with.
    """

    key: Key
    accounts: Sequence[str]
    new: Sequence[ContactRow]
    classes: Sequence[HoursClassRow]
    added_to: Sequence[ContactRow]
    errors: Sequence[tuple[int, str]]
    counts: Counts
    tenant: str
    then: Callable[[Connection], None]  # what belongs to it, once they are there
    seq: int | None = None
    rejected: Sequence[RejectedRow] = ()
    revised: int = 0


def apply(connection: Connection, batches: Sequence[Batch]) -> Sequence[None]:
    """Write them, and drop their staged rows. Raises WrongState, ContactMoved, Fenced.

    The tenant's row is held, so that no payment is told beside it: whoever comes second knows of the other.
    """
    for batch in batches:
        _hold_campaign(connection, batch.key.campaign)
        outbound.lock(connection, batch.tenant, share=True)
        if revisions.last_no(connection, batch.key.campaign) != batch.revised:
            raise ContactMoved
        if batch.added_to:
            _add_to(connection, batch.added_to)
            numbers.add(connection, batch.added_to)
            _note_additions(connection, [(batch.key.campaign, batch.key.no, row.id) for row in batch.added_to])
        _insert_classes(connection, sorted(batch.classes))
        _insert(connection, batch.new)
        numbers.put(connection, batch.new)
        batch.then(connection)
        if batch.seq is None:
            reject(connection, batch.key, batch.errors)
            applied(connection, batch.key, batch.accounts, batch.counts)
        else:
            chunk_done(connection, batch.key, batch.seq, batch.rejected)
            count(connection, batch.key, batch.counts)
        fence(connection, batch.key)
    return [None] * len(batches)


def _hold_campaign(connection: Connection, campaign: str) -> None:
    """Lock its row against a stop. Raises WrongState."""
    found = _STATE.rows(connection, campaign=campaign)
    state = found[0][0] if found else None
    if state not in TAKES_CONTACTS:
        raise WrongState(state or "deleted")


def _add_to(connection: Connection, rows: Sequence[ContactRow]) -> None:
    rows = sorted(rows, key=lambda row: row.id)
    for some in slices([row.id for row in rows]):
        locked = select(contacts.c.id).where(contacts.c.id.in_(some)).order_by(contacts.c.id).with_for_update()
        connection.execute(locked).all()
    given = [(row.id, row.version, *(getattr(row, name) for name in _ADDED)) for row in rows]
    if _add(connection, given) != len(given):
        raise ContactMoved


class Before(NamedTuple):
    """A contact that is there, with its attempts."""

    row: ContactRow
    attempts: Sequence[AttemptRow]


def before(connection: Connection, campaign: str, accounts: Collection[str]) -> dict[str, Before]:
    """By account."""
    there = _of_accounts.returning(connection, [(campaign, account) for account in sorted(accounts)])
    found = {row.account: row for row in map(ContactRow._make, there)}
    tried: dict[str, list[AttemptRow]] = {row.id: [] for row in found.values()}
    for some in slices(sorted(tried)):
        for attempt in map(AttemptRow._make, connection.execute(select(attempts).where(attempts.c.contact.in_(some)))):
            tried[attempt.contact].append(attempt)
    return {account: Before(row, tried[row.id]) for account, row in found.items()}


def last_no(connection: Connection, campaign: str) -> int:
    """The highest number of the campaign's contacts; 0: there is none."""
    return connection.scalar(select(func.max(contacts.c.no)).where(contacts.c.campaign == campaign)) or 0


def kept_columns(connection: Connection, campaign: str) -> list[str]:
    """The other columns that the campaign's imports kept, each once."""
    found = connection.scalars(select(imports.c.keep).where(imports.c.campaign == campaign).order_by(imports.c.no))
    return list(dict.fromkeys(name for text in found for name in from_json(text)))


def classes_of(connection: Connection, campaign: str) -> set[str]:
    return set(connection.scalars(select(hours_classes.c.hours_class).where(hours_classes.c.campaign == campaign)))


def make_own(connection: Connection, campaign: CampaignRow, file: str, rows: int, who: str, at_ms: int) -> None:
    """Import 1 of a campaign that the product makes itself, done: its contacts come without a file."""
    row = ImportRow(
        campaign=campaign.id, no=1, tenant=campaign.tenant, file=file, keep="[]", sha256="", bytes=0, state="done",
        error=None, received=rows, accepted=rows, rejected=0, merged=0, contacts=rows, header=None, made_at_ms=at_ms,
        ended_at_ms=at_ms, who=who,
    )  # fmt: skip
    _make(connection, [row])
