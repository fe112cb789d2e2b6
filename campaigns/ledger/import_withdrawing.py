"""An import that is withdrawn: its contacts, their notices, and whom its calls have reached.

An import's contacts are those that it brought (their hours class names it) and those of earlier imports to which it
gave more numbers or items: what is whose cannot be told apart, so these are not called any more either.
"""

from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, exists, func, or_, select, update

from campaigns.core.reasons import Disposition, State, Why
from campaigns.ledger.notices import EXPORTED, PENDING, RECALLED, take_back
from campaigns.ledger.tables import OPEN, attempts, contacts, import_additions, imports, notices
from campaigns.ledger.withdrawing import OpenOrder, unended
from cti.sql.bulk import slices

TOLD = tuple(
    outcome.value
    for outcome in (Disposition.REACHED, Disposition.PROMISED_TO_PAY, Disposition.ALREADY_PAID, Disposition.DISPUTED)
)
_MARKED = Why.IMPORT_WITHDRAWN.value


class ImportRef(NamedTuple):
    """An import of a campaign."""

    tenant: str
    campaign: str
    no: int


class Counts(NamedTuple):
    """`left`: contacts that are not final. `informed`: contacts that were reached, or answered."""

    cancelled: int
    left: int
    informed: int
    recalled: int
    to_recall: int


class ToldRow(NamedTuple):
    """A contact that was told. `told_at_ms`: first."""

    no: int
    contact: str
    account: str
    state: str
    told_at_ms: int


def set_state(connection: Connection, of: ImportRef, state: str) -> None:
    """The campaign's row is locked."""
    mine = (imports.c.campaign == of.campaign, imports.c.no == of.no)
    connection.execute(update(imports).where(*mine).values(state=state))


# -- contacts ----------------------------------------------------------------------------------------------------------


def _brought(of: ImportRef) -> ColumnElement[bool]:
    """Along the index of what is due."""
    name = contacts.c.hours_class
    return and_(contacts.c.campaign == of.campaign, name >= f"{of.no}|", name < f"{of.no}}}")


def _added_to(of: ImportRef) -> ColumnElement[bool]:
    columns = import_additions.c
    given = select(columns.contact).where(columns.campaign == of.campaign, columns.no == of.no)
    return contacts.c.id.in_(given)


def _all(of: ImportRef) -> ColumnElement[bool]:
    return and_(contacts.c.campaign == of.campaign, or_(_brought(of), _added_to(of)))


def to_close(connection: Connection, of: ImportRef, limit: int) -> list[str]:
    """Contacts with which something is to be done: all that are not final, but for those that are known to be withdrawn
    and whose order is open.
    """
    open_order = exists().where(attempts.c.contact == contacts.c.id, attempts.c.step == "open")
    unseen = or_(contacts.c.why.is_(None), contacts.c.why != _MARKED, ~open_order)
    found: list[str] = []
    for which in (_brought(of), _added_to(of)):
        found += connection.scalars(select(contacts.c.id).where(which, OPEN, unseen).limit(limit - len(found)))
    return found


def open_orders(connection: Connection, of: ImportRef) -> list[OpenOrder]:
    """The orders of attempts that have not ended, of the contacts of an import."""
    orders = unended(connection, of.tenant, of.campaign)
    mine: set[str] = set()
    for some in slices(sorted({order.contact for order in orders})):
        mine |= set(connection.scalars(select(contacts.c.id).where(contacts.c.id.in_(some), _all(of))))
    return [order for order in orders if order.contact in mine]


def any_left(connection: Connection, of: ImportRef) -> bool:
    """Whether a contact of it is not final, or a letter of it not taken back."""
    for which in (_brought(of), _added_to(of)):
        if connection.scalar(select(contacts.c.id).where(which, OPEN).limit(1)) is not None:
            return True
    return bool(_letters(connection, of, 1))


# -- notices -----------------------------------------------------------------------------------------------------------


def recall_some(connection: Connection, of: ImportRef, limit: int, now_ms: int) -> int:
    """Recall notices of it that nobody has yet, and mark those that have left, at most `limit`; how many."""
    found = _letters(connection, of, limit) if limit > 0 else []
    take_back(connection, notices.c.id.in_(found), now_ms)
    return len(found)


def _letters(connection: Connection, of: ImportRef, limit: int) -> list[str]:
    columns = notices.c
    left = and_(columns.state == EXPORTED, columns.to_recall_ms.is_(None))
    query = select(columns.id).where(_notices(of), or_(columns.state == PENDING, left)).limit(limit)
    return sorted(connection.scalars(query))


def _notices(of: ImportRef) -> ColumnElement[bool]:
    """Each looks for its contact: there are far fewer letters than contacts."""
    columns = notices.c
    mine = exists().where(contacts.c.id == columns.contact, _all(of))
    return and_(columns.tenant == of.tenant, columns.campaign == of.campaign, mine)


# -- what came of it ---------------------------------------------------------------------------------------------------


def counts(connection: Connection, of: ImportRef) -> Counts:
    """As they are now."""
    letters = notices.c
    return Counts(
        cancelled=_count(connection, _all(of), contacts.c.state == State.CANCELLED.value, contacts.c.why == _MARKED),
        left=_count(connection, _brought(of), OPEN) + _count(connection, _added_to(of), OPEN),
        informed=_count_informed(connection, of),
        recalled=_letters_of(connection, of, letters.state == RECALLED),
        to_recall=_letters_of(connection, of, letters.to_recall_ms.is_not(None)),
    )


def _count(connection: Connection, *which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(contacts).where(*which)) or 0


def _letters_of(connection: Connection, of: ImportRef, which: ColumnElement[bool]) -> int:
    return connection.scalar(select(func.count()).select_from(notices).where(_notices(of), which)) or 0


def _telling() -> ColumnElement[bool]:
    """An attempt in which somebody answered, or was told in writing or by a person."""
    return or_(attempts.c.answered_at_ms.is_not(None), attempts.c.disposition.in_(TOLD))


def _count_informed(connection: Connection, of: ImportRef) -> int:
    query = select(func.count(attempts.c.contact.distinct())).join(contacts, contacts.c.id == attempts.c.contact)
    return connection.scalar(query.where(attempts.c.campaign == of.campaign, _telling(), _all(of))) or 0


def told_page(connection: Connection, of: ImportRef, after_no: int, limit: int) -> list[ToldRow]:
    """Contacts that were told, in the order of the file."""
    tried, columns = attempts.c, contacts.c
    at_ms = func.min(func.coalesce(tried.answered_at_ms, tried.ended_at_ms, tried.decided_at_ms))
    row = (columns.no, columns.id, columns.account, columns.state)
    query = select(*row, at_ms).join(attempts, tried.contact == columns.id)
    query = query.where(tried.campaign == of.campaign, _telling(), _all(of), columns.no > after_no)
    query = query.group_by(*row).order_by(columns.no).limit(limit)
    return [ToldRow._make(found) for found in connection.execute(query)]
