"""A person's rows: found, and blanked. Names and addresses stand in rows of his account alone; numbers may stand
elsewhere too (`cti.sql.scrubbing`).
"""

import json
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Connection, and_, delete, func, or_, select, tuple_, update

from campaigns.ledger import do_not_call
from campaigns.ledger.notices import take_back
from campaigns.ledger.people import account_key
from campaigns.ledger.rows import ContactRow, ErasureRow
from campaigns.ledger.tables import (
    attempts,
    callbacks,
    callers,
    campaigns,
    contacts,
    erasures,
    idempotency,
    import_rejected,
    imports,
    live_numbers,
    notices,
    person_days,
    settlements,
)
from campaigns.ledger.tables import numbers as numbers_table
from cti.sql.bulk import insertion, slices

ERASED = "erased"
NO_BODY = json.dumps({"name": "", "address": "", "items": [], "attempts": []})
UNDER_WAY = ("receiving", "running")
_put = insertion(erasures)
_REJECTED = [import_rejected.c[name] for name in ("campaign", "no", "row_no")]
Counts = dict[str, int]
RejectedKey = tuple[str, int, int]
Rejected = tuple[RejectedKey, str]
"""A rejected row, and its cells in JSON."""


# -- what was asked for ------------------------------------------------------------------------------------------------


def put(connection: Connection, row: ErasureRow) -> None:
    """Insert a new one."""
    _put(connection, [row])


def read(connection: Connection, tenant: str, id_: str) -> ErasureRow | None:
    """None: the tenant has none of that id."""
    found = connection.execute(select(erasures).where(erasures.c.tenant == tenant, erasures.c.id == id_)).one_or_none()
    return None if found is None else ErasureRow._make(found)


def page(connection: Connection, tenant: str, after: tuple[int, str] | None, limit: int) -> list[ErasureRow]:
    """The newest first, after (at_ms, id)."""
    columns = erasures.c
    query = select(erasures).where(columns.tenant == tenant)
    if after is not None:
        older = and_(columns.at_ms == after[0], columns.id < after[1])
        query = query.where(or_(columns.at_ms < after[0], older))
    found = connection.execute(query.order_by(columns.at_ms.desc(), columns.id.desc()).limit(limit))
    return [ErasureRow._make(row) for row in found]


def under_way(connection: Connection, now_ms: int, limit: int) -> list[ErasureRow]:
    """Those that are to be gone on with now."""
    due = (erasures.c.ended_at_ms.is_(None), erasures.c.next_at_ms <= now_ms)
    found = connection.execute(select(erasures).where(*due).order_by(erasures.c.at_ms).limit(limit))
    return [ErasureRow._make(row) for row in found]


def replace(connection: Connection, row: ErasureRow) -> None:
    """Write over it."""
    connection.execute(update(erasures).where(erasures.c.id == row.id).values(row._asdict()))


def imports_under_way(connection: Connection, tenant: str) -> bool:
    """Whether the person may be on his way in."""
    mine = (imports.c.tenant == tenant, imports.c.state.in_(UNDER_WAY))
    return connection.scalar(select(imports.c.no).where(*mine).limit(1)) is not None


# -- his rows ----------------------------------------------------------------------------------------------------------


def contacts_of(connection: Connection, tenant: str, account: str | None, numbers: Collection[str]) -> list[str]:
    """The ids of contacts with the account, or with one of the numbers, that are not blank yet."""
    forms = (form for number in sorted(numbers) for form in (f'"{number}"', f'"{number};'))  # with an extension, too
    meant: list[ColumnElement[bool]] = [contacts.c.phones.contains(form) for form in forms]
    if account is not None:
        meant.append(contacts.c.account == account)
    if not meant:
        return []
    query = select(contacts.c.id).where(contacts.c.tenant == tenant, or_(*meant))
    return sorted(connection.scalars(query))


def callbacks_of(connection: Connection, tenant: str, numbers: Collection[str]) -> list[str]:
    """The ids of contacts that are callbacks to one of these numbers."""
    mine = (callbacks.c.tenant == tenant, callbacks.c.number.in_(sorted(numbers)))
    return sorted(connection.scalars(select(callbacks.c.contact).where(*mine)))


def blank(connection: Connection, tenant: str, rows: Sequence[ContactRow], now_ms: int) -> Counts:
    """Final contacts, with their attempts and letters. They are locked. A letter that nobody has is recalled."""
    counts: Counts = {}
    for some in slices(sorted(row.id for row in rows)):
        of_them = notices.c.contact.in_(some)
        take_back(connection, and_(notices.c.tenant == tenant, of_them), now_ms)
        gone = {"account": ERASED, "body": NO_BODY, "to_recall_ms": func.coalesce(notices.c.to_recall_ms, now_ms)}
        _add(counts, "campaign_notices", connection.execute(update(notices).where(of_them).values(gone)).rowcount)
        mine = attempts.c.contact.in_(some)
        tried = {"number": "", "digits": None, "note": None}
        _add(counts, "campaign_attempts", connection.execute(update(attempts).where(mine).values(tried)).rowcount)
        values = {
            "account": ERASED + " " + contacts.c.id, "name": "", "address": "", "phones": "[]", "items": "[]",
            "kept": "{}", "settled": None, "version": contacts.c.version + 1,
        }  # fmt: skip
        person = update(contacts).where(contacts.c.id.in_(some)).values(values)
        promised = {"number": "", "note": None, "reference": None}
        called = update(callbacks).where(callbacks.c.contact.in_(some))
        _add(counts, "campaign_callbacks", connection.execute(called.values(promised)).rowcount)
        _add(counts, "campaign_contacts", connection.execute(person).rowcount)
    return counts


def blank_account(connection: Connection, tenant: str, account: str) -> Counts:
    """What is found by the account."""
    paid = update(settlements).where(settlements.c.tenant == tenant, settlements.c.account == account)
    return {"campaign_settlements": connection.execute(paid.values(account=ERASED, items="[]")).rowcount}


def forget_lines(connection: Connection, tenant: str, account: str | None, numbers: Collection[str]) -> Counts:
    """Calls of his days go; entries of the do-not-call list hold by their hash."""
    lines = [*sorted(numbers), *([] if account is None else [account_key(account)])]
    people = [*(f"n:{number}" for number in sorted(numbers)), *lines[len(numbers) :]]
    days = delete(person_days).where(person_days.c.tenant == tenant, person_days.c.person.in_(people))
    mine = numbers_table.c.campaign.in_(select(campaigns.c.id).where(campaigns.c.tenant == tenant))
    found = delete(numbers_table).where(mine, numbers_table.c.number.in_(sorted(numbers)))
    calling = delete(callers).where(callers.c.tenant == tenant, callers.c.line.in_(lines))
    # His own calls have ended: an order that has the number is of another account, and nobody else calls it meanwhile.
    inbound = (live_numbers.c.tenant == tenant, live_numbers.c.contact == "")
    live = delete(live_numbers).where(*inbound, live_numbers.c.number.in_(lines))
    return {
        "campaign_person_days": connection.execute(days).rowcount,
        "campaign_numbers": connection.execute(found).rowcount,
        "campaign_callers": connection.execute(calling).rowcount,
        "campaign_live_numbers": connection.execute(live).rowcount,
        "campaign_do_not_call": sum(do_not_call.hash_line(connection, tenant, line) for line in lines),
    }


def rejected_after(connection: Connection, tenant: str, after: RejectedKey | None, limit: int) -> list[Rejected]:
    """Rejected rows of the tenant, in the order of their keys."""
    query = select(*_REJECTED, import_rejected.c.line)
    query = query.where(import_rejected.c.campaign.in_(select(campaigns.c.id).where(campaigns.c.tenant == tenant)))
    if after is not None:
        query = query.where(tuple_(*_REJECTED) > after)
    found = connection.execute(query.order_by(*_REJECTED).limit(limit))
    return [((row[0], row[1], row[2]), row[3]) for row in found]


def blank_rejected(connection: Connection, keys: Collection[RejectedKey]) -> int:
    """These rows; how many."""
    change, gone = update(import_rejected).values(line="[]", error=ERASED), 0
    for some in slices(sorted(keys)):
        gone += connection.execute(change.where(tuple_(*_REJECTED).in_(some))).rowcount
    return gone


def blank_answers(connection: Connection, tenant: str, texts: Collection[str]) -> int:
    """Answers that are kept for a repeated request."""
    said = or_(*(idempotency.c.body.contains(text, autoescape=True) for text in sorted(texts)))
    change = update(idempotency).where(idempotency.c.tenant == tenant, said).values(body="{}")
    return connection.execute(change).rowcount


def added(counts: Mapping[str, int], more: Mapping[str, int]) -> Counts:
    """Both together; tables in which nothing was found are left out."""
    both = {name: counts.get(name, 0) + more.get(name, 0) for name in sorted({*counts, *more})}
    return {name: count for name, count in both.items() if count}


def _add(counts: Counts, name: str, count: int) -> None:
    counts[name] = counts.get(name, 0) + count
