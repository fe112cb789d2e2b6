"""Pages of what happened: contacts in the order of their file, and the ledger of decisions in order of time."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, Integer, bindparam, select, tuple_, union_all

from campaigns.core.reasons import State
from campaigns.ledger.rows import AttemptRow, ContactRow, RefusalRow
from campaigns.ledger.tables import attempts, contacts, refusals
from cti.sql.point import Prepared

STATES = tuple(state.value for state in State)
OF_ATTEMPT, OF_REFUSAL = 0, 1


class DecisionKey(NamedTuple):
    """The position of a decision in the listing. `kind`: OF_ATTEMPT | OF_REFUSAL; `part`: n of the attempt, or why of
    the refusal.
    """

    at_ms: int
    contact: str
    kind: int
    part: str


Decision = AttemptRow | RefusalRow


def contact_page(
    connection: Connection, campaign: str, state: str | None, account: str | None, after_no: int, limit: int
) -> list[ContactRow]:
    """Contacts after a number, in the order of the file. Each state is a walk along an index: a page costs a page."""
    if account is not None:
        query = select(contacts).where(contacts.c.campaign == campaign, contacts.c.account == account)
        query = query.where(contacts.c.no > after_no)
        found = [ContactRow._make(row) for row in connection.execute(query)]
        return [row for row in found if state is None or row.state == state]
    page = _ALL_STATES if state is None else _OF_STATE[state]
    return [ContactRow._make(row) for row in page.rows(connection, campaign=campaign, after_no=after_no, most=limit)]


def _page(states: Sequence[str]) -> Prepared:
    mine, most = contacts.c.campaign == bindparam("campaign"), bindparam("most", type_=Integer)
    walks = [
        select(contacts.c.id, contacts.c.no)
        .where(mine, contacts.c.state == name, contacts.c.no > bindparam("after_no"))
        .order_by(contacts.c.no)
        .limit(most)
        .subquery()
        for name in states
    ]
    together = union_all(*(select(walk) for walk in walks)).subquery()
    ids = select(together.c.id).order_by(together.c.no).limit(most)
    return Prepared(select(contacts).where(contacts.c.id.in_(ids)).order_by(contacts.c.no))


_ALL_STATES = _page(STATES)  # SQLAlchemy takes longer for it than the database
_OF_STATE = {state: _page((state,)) for state in STATES}


def decisions(
    connection: Connection, campaign: str, after: DecisionKey | None, until_ms: int, limit: int
) -> list[Decision]:
    """Attempts and refusals of a campaign that were decided up to an instant, after a key."""
    tried = select(attempts).where(attempts.c.campaign == campaign, attempts.c.decided_at_ms <= until_ms)
    refused = select(refusals).where(refusals.c.campaign == campaign, refusals.c.at_ms <= until_ms)
    if after is not None:
        tried = tried.where(_attempts_after(after))
        refused = refused.where(_refusals_after(after))
    tried = tried.order_by(attempts.c.decided_at_ms, attempts.c.contact, attempts.c.n).limit(limit)
    refused = refused.order_by(refusals.c.at_ms, refusals.c.contact, refusals.c.why).limit(limit)
    found: list[Decision] = [AttemptRow._make(row) for row in connection.execute(tried)]
    found += [RefusalRow._make(row) for row in connection.execute(refused)]
    return sorted(found, key=_order)[:limit]


def of_contact(connection: Connection, contact: str, tried: Sequence[AttemptRow]) -> list[Decision]:
    """The decisions about one contact, in order, with its attempts, which were read before."""
    query = select(refusals).where(refusals.c.contact == contact)
    found: list[Decision] = [*tried, *(RefusalRow._make(row) for row in connection.execute(query))]
    return sorted(found, key=_order)


def key_of(row: Decision) -> DecisionKey:
    """The position of a decision in the listing."""
    if isinstance(row, AttemptRow):
        return DecisionKey(row.decided_at_ms, row.contact, OF_ATTEMPT, str(row.n))
    return DecisionKey(row.at_ms, row.contact, OF_REFUSAL, row.why)


def _order(row: Decision) -> tuple[int, str, int, int, str]:
    key = key_of(row)
    return (*key[:3], row.n if isinstance(row, AttemptRow) else 0, key.part)


def _attempts_after(key: DecisionKey) -> ColumnElement[bool]:
    columns = attempts.c
    if key.kind == OF_ATTEMPT:
        return tuple_(columns.decided_at_ms, columns.contact, columns.n) > (key.at_ms, key.contact, int(key.part))
    return tuple_(columns.decided_at_ms, columns.contact) > (key.at_ms, key.contact)


def _refusals_after(key: DecisionKey) -> ColumnElement[bool]:
    columns = refusals.c
    if key.kind == OF_ATTEMPT:  # at the same instant and contact refusals come after attempts
        return tuple_(columns.at_ms, columns.contact) >= (key.at_ms, key.contact)
    return tuple_(columns.at_ms, columns.contact, columns.why) > (key.at_ms, key.contact, key.part)
