"""Whom nobody calls: numbers and accounts of a tenant, found by the key that a call takes (`people.line_keys`).

A person's entry is written while the tenant's outbound row is held: no turn is under way. A turn writes its own ones in
its transaction, and looks again once it has its numbers.
"""

import hashlib
from collections.abc import Collection, Sequence
from functools import lru_cache

from sqlalchemy import Connection, case, delete, exists, select, tuple_, update

from campaigns.core.reasons import Disposition
from campaigns.ledger.rows import ContactRow, DoNotCallRow
from campaigns.ledger.tables import OPEN, UNDER_WAY, campaigns, contacts, do_not_call, live_numbers
from campaigns.ledger.withdrawing import OpenOrder
from cti.sql.bulk import insertion, selection

HASHED = "h:"
HASHES_KEPT = 2_048  # a turn asks for the same lines before and within its transaction
ERASED = "erased"  # the reason of an entry of which a person's words are gone
OF_CALLS = do_not_call.c.reason.in_([Disposition.OPTED_OUT.value, Disposition.WRONG_PARTY.value])
_find = selection(do_not_call, [do_not_call.c.tenant, do_not_call.c.line])
_put = insertion(do_not_call, tail="ON CONFLICT (tenant, line) DO NOTHING RETURNING line")
_KEEP = "ON CONFLICT (tenant, line) DO UPDATE SET reason = excluded.reason, until_ms = NULL, since_ms ="
_LEAST = (
    "CASE WHEN campaign_do_not_call.since_ms < excluded.since_ms THEN campaign_do_not_call.since_ms "
    "ELSE excluded.since_ms END"
)
_keep = insertion(do_not_call, tail=f"{_KEEP} {_LEAST}")


def holding(
    connection: Connection, tenant: str, lines: Collection[str], now_ms: int, until_ms: int | None = None
) -> dict[str, str]:
    """Those of these numbers and accounts that are not called now, or from some instant until `until_ms` on, each with
    its reason. An order that is made now may leave as long as it is valid: an entry that begins meanwhile, or was made
    after the reader had looked at its clock, holds for it.
    """
    meant = {**{line: line for line in lines}, **{hashed(tenant, line): line for line in lines}}
    found = map(DoNotCallRow._make, _find.returning(connection, [(tenant, line) for line in sorted(meant)]))
    return {meant[row.line]: row.reason for row in found if holds(row, now_ms, until_ms)}


@lru_cache(maxsize=HASHES_KEPT)
def hashed(tenant: str, line: str) -> str:
    """The line of an entry of which nobody shall read whom it means (an erased person): no number begins so."""
    return f"{HASHED}{hashlib.sha256(f'{tenant} {line}'.encode()).hexdigest()}"


def hash_line(connection: Connection, tenant: str, line: str) -> int:
    """From now on the entry of this line, if there is one, holds by its hash alone; how many."""
    mine = (do_not_call.c.tenant == tenant, do_not_call.c.line == line)
    taken = exists().where(do_not_call.c.tenant == tenant, do_not_call.c.line == hashed(tenant, line))
    gone = connection.execute(delete(do_not_call).where(*mine, taken)).rowcount
    values = {"line": hashed(tenant, line), "reason": case((OF_CALLS, do_not_call.c.reason), else_=ERASED)}
    return gone + connection.execute(update(do_not_call).where(*mine).values(values)).rowcount


def holds(row: DoNotCallRow, now_ms: int, until_ms: int | None = None) -> bool:
    """Whether the number or account is not called at this time, or from some instant until `until_ms` on."""
    latest_ms = now_ms if until_ms is None else until_ms
    return row.since_ms <= latest_ms and (row.until_ms is None or now_ms < row.until_ms)


def read(connection: Connection, tenant: str, line: str) -> DoNotCallRow | None:
    """The entry, whether it holds or not."""
    query = select(do_not_call).where(do_not_call.c.tenant == tenant, do_not_call.c.line == line)
    row = connection.execute(query).one_or_none()
    return None if row is None else DoNotCallRow._make(row)


def by_id(connection: Connection, tenant: str, id_: str) -> DoNotCallRow | None:
    query = select(do_not_call).where(do_not_call.c.tenant == tenant, do_not_call.c.id == id_)
    row = connection.execute(query).one_or_none()
    return None if row is None else DoNotCallRow._make(row)


def write(connection: Connection, row: DoNotCallRow) -> bool:
    """A person's entry; of one that is there its reason and times change. Whether it is new."""
    if _put.returning(connection, [row]):
        return True
    columns = do_not_call.c
    mine = (columns.tenant == row.tenant, columns.line == row.line)
    changed = {"reason": row.reason, "since_ms": row.since_ms, "until_ms": row.until_ms}
    connection.execute(update(do_not_call).where(*mine).values(changed))
    return False


def keep(connection: Connection, rows: Sequence[DoNotCallRow]) -> None:
    """What calls came to: from now on, and for good. Entries that are there hold from their own beginning."""
    _keep(connection, sorted(rows))


def remove(connection: Connection, tenant: str, line: str) -> bool:
    """Whether there was one."""
    lines = [line, hashed(tenant, line)]
    gone = delete(do_not_call).where(do_not_call.c.tenant == tenant, do_not_call.c.line.in_(lines))
    return bool(connection.execute(gone).rowcount)


def page(connection: Connection, tenant: str, after: tuple[int, str] | None, limit: int) -> list[DoNotCallRow]:
    """The newest first, after (made_at_ms, id)."""
    key = (do_not_call.c.made_at_ms, do_not_call.c.id)
    query = select(do_not_call).where(do_not_call.c.tenant == tenant)
    if after is not None:
        query = query.where(tuple_(*key) < after)
    query = query.order_by(*(part.desc() for part in key)).limit(limit)
    return [DoNotCallRow._make(row) for row in connection.execute(query)]


def orders_on(connection: Connection, tenant: str, line: str) -> list[OpenOrder]:
    """The order that has the number, or the account, if there is one; an inbound call that has it is none."""
    query = select(live_numbers).where(
        live_numbers.c.tenant == tenant, live_numbers.c.number == line, live_numbers.c.contact != ""
    )  # fmt: skip
    return [
        OpenOrder(row.contact.rsplit("-", 1)[0], row.contact, int(row.command.rsplit(".", 1)[1]), row.command)
        for row in connection.execute(query)
    ]


def waiting_on(connection: Connection, tenant: str, line: str, limit: int) -> list[str]:
    """Contacts of campaigns under way that wait and have this number, or are this account; at most `limit`.

    Of an account by index. A number stands in its contact's list: this reads all who wait.
    """
    mine = contacts.c.account == line[2:] if line.startswith("a:") else contacts.c.phones.contains(f'"{line}"')
    of = select(campaigns.c.id).where(campaigns.c.tenant == tenant, UNDER_WAY)
    query = select(contacts.c.id).where(contacts.c.campaign.in_(of), mine, OPEN, contacts.c.state == "waiting")
    return list(connection.scalars(query.limit(limit)))


def wake(rows: Sequence[ContactRow], now_ms: int) -> list[ContactRow]:
    """Those that wait, to be looked at now."""
    return [
        row._replace(next_at_ms=now_ms, waits_for=None)
        for row in rows
        if row.state == "waiting" and now_ms < row.next_at_ms
    ]
