"""All that is on record of one contact, in one snapshot."""

from typing import NamedTuple

from sqlalchemy import Connection, select

from campaigns.ledger import attempts, audit, history
from campaigns.ledger.history import Decision
from campaigns.ledger.rows import AttemptRow, AuditRow, BatchRow, ContactRow, NoticeRow
from campaigns.ledger.tables import contacts, notice_batches, notices


class Sent(NamedTuple):
    """A written notice, and the batch that it went with."""

    notice: NoticeRow
    batch: BatchRow | None


class ContactRecord(NamedTuple):
    """`decisions`: attempts and refusals in order."""

    contact: ContactRow
    attempts: list[AttemptRow]
    decisions: list[Decision]
    notices: list[Sent]
    audited: list[AuditRow]


def read(connection: Connection, contact: str) -> ContactRecord | None:
    """None: it is gone."""
    row = connection.execute(select(contacts).where(contacts.c.id == contact)).one_or_none()
    if row is None:
        return None
    found = ContactRow._make(row)
    tried = attempts.of_contacts(connection, [contact])[contact]
    decisions = history.of_contact(connection, contact, tried)
    audited = audit.about(connection, found.tenant, contact)
    return ContactRecord(found, tried, decisions, _notices(connection, contact), audited)


def _notices(connection: Connection, contact: str) -> list[Sent]:
    """By round."""
    query = select(notices).where(notices.c.contact == contact).order_by(notices.c.round)
    return [_sent(connection, NoticeRow._make(row)) for row in connection.execute(query).all()]


def _sent(connection: Connection, notice: NoticeRow) -> Sent:
    found = connection.execute(select(notice_batches).where(notice_batches.c.id == notice.batch)).one_or_none()
    return Sent(notice, None if found is None else BatchRow._make(found))
