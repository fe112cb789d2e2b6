"""Imports: the file while it comes and while it is read, its rows until they are applied, and what was rejected.

Everything that an importer writes ends with its fence: whoever has lost the lease writes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, delete, func, select, text, update

from campaigns.core.campaign import TAKES_CONTACTS
from campaigns.imports.errors import SameFile, Truncated, WrongState
from campaigns.ledger.campaigns import state_of
from campaigns.ledger.rows import CampaignRow, ImportRow
from campaigns.ledger.tables import (
    RUNNING_IMPORT,
    campaigns,
    import_chunks,
    import_rejected,
    import_rows,
    imports,
)
from cti.errors import Fenced
from cti.leases.sql import hold
from cti.sql import point
from cti.sql.bulk import Bulk, Insertion, slices

RECEIVING, RUNNING, DONE, FAILED = "receiving", "running", "done", "failed"
CHUNKS_DROPPED = 16  # in one transaction
ROWS_DROPPED = 4_000
ACCOUNTS_NAMED = 1_000  # in one query
ROWS_NAMED = 1_000

_insert = Insertion(imports)
_insert_chunks = Insertion(import_chunks)
_insert_rows = Insertion(import_rows)
_insert_rejected = Insertion(import_rejected)
_KEY = "rows_.campaign = given.campaign AND rows_.no = given.no AND rows_.row_no = given.row_no"
_reject_staged = Bulk(
    "INSERT",
    "INTO campaign_import_rejected (campaign, no, row_no, line, error) "
    "SELECT given.campaign, given.no, given.row_no, rows_.line, given.error FROM campaign_import_rows AS rows_,",
    [import_rejected.c.campaign, import_rejected.c.no, import_rejected.c.row_no, import_rejected.c.error],
    f"AND {_KEY}",
)
_MINE = "FROM campaign_import_rows WHERE campaign = ? AND no = ?"
_ACCOUNTS_AFTER = f"SELECT account {_MINE} AND row_no > ? ORDER BY row_no LIMIT ?"
_WAITING = f"SELECT account, min(row_no), count(*) {_MINE} AND account IN ({{}}) GROUP BY account"
_ROW_NUMBERS = f"SELECT row_no {_MINE} AND account IN ({{}})"
_ROWS = f"SELECT row_no, account, fields {_MINE} AND row_no IN ({{}})"
_DROP_ACCOUNTS = f"DELETE {_MINE} AND account IN ({{}})"
_CHUNK_DONE = "DELETE FROM campaign_import_chunks WHERE campaign = ? AND no = ? AND seq = ?"
_COUNT = (
    "UPDATE campaign_imports SET received = received + ?, accepted = accepted + ?, rejected = rejected + ?,"
    " merged = merged + ?, contacts = contacts + ? WHERE campaign = ? AND no = ? AND state = ?"
)


class Key(NamedTuple):
    """An import, and the fence of who works on it."""

    campaign: str
    no: int
    group: str
    held: Mapping[str, int]


class Counts(NamedTuple):
    """To be added to an import's own."""

    accepted: int = 0
    rejected: int = 0
    merged: int = 0
    contacts: int = 0


class StagedRow(NamedTuple):
    """As in `campaign_import_rows`."""

    campaign: str
    no: int
    row_no: int
    account: str
    fields: str
    line: str


class RejectedRow(NamedTuple):
    """As in `campaign_import_rejected`."""

    campaign: str
    no: int
    row_no: int
    line: str
    error: str


# -- receiving ---------------------------------------------------------------------------------------------------------


def begin(connection: Connection, rows: Sequence[ImportRow]) -> Sequence[ImportRow]:
    """New imports with the next number of their campaign. Raises WrongState."""
    made = []
    for row in rows:
        _locked(connection, row.campaign)
        last = connection.scalar(select(func.max(imports.c.no)).where(imports.c.campaign == row.campaign))
        row = row._replace(no=(last or 0) + 1)
        _insert(connection, [row])
        made.append(row)
    return made


class Chunk(NamedTuple):
    """Lines of an import, none where only more of the file has come. `size`: of the file so far."""

    campaign: str
    no: int
    seq: int
    content: bytes
    size: int


class ReceivedFile(NamedTuple):
    """An import whose file is here. `header`: what is known of it, `Taken` in JSON."""

    campaign: str
    no: int
    sha256: str
    size: int
    header: str


def add_chunks(connection: Connection, chunks: Sequence[Chunk]) -> Sequence[None]:
    """Raises Truncated where the import was given up."""
    for chunk in chunks:
        coming = and_(_numbered(chunk.campaign, chunk.no), imports.c.state == RECEIVING)
        if connection.execute(update(imports).where(coming).values(bytes=chunk.size)).rowcount == 0:
            raise Truncated("nothing came for too long")
    _insert_chunks(connection, [chunk[:4] for chunk in chunks if chunk.content])
    return [None] * len(chunks)


def received(connection: Connection, given: Sequence[ReceivedFile]) -> Sequence[ImportRow]:
    """All has come. Raises SameFile, WrongState, Truncated."""
    return [_received(connection, whole) for whole in given]


def _received(connection: Connection, whole: ReceivedFile) -> ImportRow:
    campaign, no, sha256 = whole[:3]
    _locked(connection, campaign)
    same = select(imports.c.no).where(
        imports.c.campaign == campaign, imports.c.sha256 == sha256, imports.c.state.not_in((RECEIVING, FAILED))
    )
    before = connection.scalar(same.limit(1))
    if before is not None:
        raise SameFile(before)
    coming = and_(_numbered(campaign, no), imports.c.state == RECEIVING)
    here = {"state": RUNNING, "sha256": sha256, "bytes": whole.size, "header": whole.header}
    if connection.execute(update(imports).where(coming).values(here)).rowcount == 0:
        raise Truncated("nothing came for too long")
    row = read(connection, campaign, no)
    assert row is not None
    return row


def _locked(connection: Connection, campaign: str) -> None:
    state = connection.scalar(state_of(campaign).with_for_update())
    if state not in TAKES_CONTACTS:
        raise WrongState(state or "deleted")


# -- reading -----------------------------------------------------------------------------------------------------------


def read(connection: Connection, campaign: str, no: int) -> ImportRow | None:
    found = connection.execute(select(imports).where(_numbered(campaign, no))).one_or_none()
    return None if found is None else ImportRow(*found)


def under_way(connection: Connection, state: str, limit: int) -> list[ImportRow]:
    """Those that come (RECEIVING) or are to be read (RUNNING), the oldest first."""
    mine = select(imports).where(RUNNING_IMPORT, imports.c.state == state)
    query = mine.order_by(imports.c.made_at_ms, imports.c.campaign, imports.c.no)
    return [ImportRow(*row) for row in connection.execute(query.limit(limit))]


def campaign_of(connection: Connection, campaign: str) -> CampaignRow | None:
    found = connection.execute(select(campaigns).where(campaigns.c.id == campaign)).one_or_none()
    return None if found is None else CampaignRow(*found)


def chunk_after(connection: Connection, campaign: str, no: int, after: int) -> tuple[int, bytes] | None:
    """The first chunk that is left after this one: its number, its lines. None: there are no more."""
    table = import_chunks.c
    query = select(table.seq, table.content).where(table.campaign == campaign, table.no == no, table.seq > after)
    found = connection.execute(query.order_by(table.seq).limit(1)).one_or_none()
    return None if found is None else (found[0], found[1])


def rejected_page(connection: Connection, campaign: str, no: int, after: int, limit: int) -> list[tuple[int, str, str]]:
    """(row, line as JSON, error) of the rows after one."""
    table = import_rejected.c
    query = select(table.row_no, table.line, table.error).where(
        table.campaign == campaign, table.no == no, table.row_no > after
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query.order_by(table.row_no).limit(limit))]


class Staged(NamedTuple):
    """Rows of a chunk: those that can be read wait for their account."""

    key: Key
    seq: int
    rows: Sequence[StagedRow]
    rejected: Sequence[RejectedRow]


def stage(connection: Connection, given: Sequence[Staged]) -> Sequence[None]:
    """The chunk is gone with it: whoever goes on begins with the next."""
    for key, seq, rows, rejected in given:
        _insert_rows(connection, rows)
        chunk_done(connection, key, seq, rejected)
        if rejected:
            count(connection, key, Counts(rejected=len(rejected)))
        fence(connection, key)
    return [None] * len(given)


def chunk_done(connection: Connection, key: Key, seq: int, rejected: Sequence[RejectedRow]) -> None:
    """All rows of a chunk are staged, applied or rejected. Raises Fenced where somebody else has done it."""
    _insert_rejected(connection, rejected)
    if point.changed(connection, _CHUNK_DONE, key.campaign, key.no, seq) == 0:
        raise Fenced(resources=key.held)


def all_staged(connection: Connection, keys: Sequence[Key]) -> Sequence[None]:
    """The rows of an import are to be applied."""
    for key in keys:
        _know_rows(connection)
        fence(connection, key)
    return [None] * len(keys)


def _know_rows(connection: Connection) -> None:
    """PostgreSQL takes a table that it has not looked at since for nearly empty, and reads all of an import's rows for
    each batch of accounts: the time of an import then grows with the square of its rows.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"ANALYZE {import_rows.name}"))


class Waiting(NamedTuple):
    """An account whose rows are to be applied."""

    account: str
    first: int
    rows: int


def waiting(connection: Connection, campaign: str, no: int, after: int, limit: int) -> list[Waiting]:
    """Accounts by their first row; those of the first `limit` rows. `after`: no row up to it is left."""
    first = point.rows_of(connection, _ACCOUNTS_AFTER, campaign, no, after, limit)
    found = [
        Waiting._make(row)
        for some in slices(list(dict.fromkeys(account for (account,) in first)), ACCOUNTS_NAMED)
        for row in point.rows_of(connection, _WAITING.format(point.listed(some)), campaign, no, *some)
    ]
    return sorted(found, key=lambda account: account.first)


def rows_of(connection: Connection, campaign: str, no: int, accounts: Sequence[Waiting]) -> list[tuple[int, str, str]]:
    """(row, account, fields as JSON), in their order.

    By their numbers: asked for the rows of accounts, SQLite reads all of the import.
    """
    numbers = [account.first for account in accounts if account.rows == 1]
    for several in slices([account.account for account in accounts if account.rows > 1], ACCOUNTS_NAMED):
        statement = _ROW_NUMBERS.format(point.listed(several))
        numbers += [row for (row,) in point.rows_of(connection, statement, campaign, no, *several)]
    found: list[tuple[int, str, str]] = []
    for some in slices(numbers, ROWS_NAMED):
        found += point.rows_of(connection, _ROWS.format(point.listed(some)), campaign, no, *some)
    return sorted(found)


# -- applying ----------------------------------------------------------------------------------------------------------


def reject(connection: Connection, key: Key, errors: Sequence[tuple[int, str]]) -> None:
    """(row, error) of staged rows; they are dropped with their account."""
    _reject_staged(connection, [(key.campaign, key.no, row, error) for row, error in errors])


def applied(connection: Connection, key: Key, accounts: Sequence[str], counts: Counts) -> None:
    """The rows of these accounts are done with."""
    for some in slices(accounts, ACCOUNTS_NAMED):
        point.changed(connection, _DROP_ACCOUNTS.format(point.listed(some)), key.campaign, key.no, *some)
    count(connection, key, counts)


def reject_last(connection: Connection, given: Sequence[tuple[Key, str, int, str]]) -> Sequence[int]:
    """(key, account, limit, what): reject the last rows of an account that has too many; how many."""
    return [_reject_last(connection, *asked) for asked in given]


def _reject_last(connection: Connection, key: Key, account: str, limit: int, what: str) -> int:
    table = import_rows.c
    mine = and_(table.campaign == key.campaign, table.no == key.no)
    query = select(table.row_no).where(mine, table.account == account).order_by(table.row_no.desc()).limit(limit)
    last = list(connection.scalars(query))
    reject(connection, key, [(row, f"{row}: {what}") for row in last])
    for some in slices(last):
        connection.execute(delete(import_rows).where(mine, table.row_no.in_(some)))
    count(connection, key, Counts(rejected=len(last)))
    fence(connection, key)
    return len(last)


def count(connection: Connection, key: Key, counts: Counts) -> None:
    """received = accepted + rejected + merged, always. Raises Fenced where the import is not running any more."""
    decided = counts.accepted + counts.rejected + counts.merged
    if point.changed(connection, _COUNT, decided, *counts, key.campaign, key.no, RUNNING) == 0:
        raise Fenced(resources=key.held)


def fence(connection: Connection, key: Key) -> None:
    """The last statement of a transaction."""
    hold(connection, key.group, key.held)


# -- ending ------------------------------------------------------------------------------------------------------------


def ended(connection: Connection, given: Sequence[tuple[Key, str, str | None, int]]) -> Sequence[ImportRow | None]:
    """(key, done or failed, error, at): the import as it is then."""
    made = []
    for key, state, error, at_ms in given:
        end = update(imports).where(_running(key)).values(state=state, error=error, ended_at_ms=at_ms)
        connection.execute(end)
        fence(connection, key)
        made.append(read(connection, key.campaign, key.no))
    return made


def mark_failing(connection: Connection, given: Sequence[tuple[Key, str]]) -> Sequence[None]:
    """(key, error): it is to fail, whoever goes on with it."""
    for key, error in given:
        connection.execute(update(imports).where(_running(key)).values(error=error))
        fence(connection, key)
    return [None] * len(given)


def drop_chunks(connection: Connection, given: Sequence[tuple[str, int]]) -> Sequence[int]:
    """The first pieces of a file; how many."""
    dropped = []
    for campaign, no in given:
        mine = and_(import_chunks.c.campaign == campaign, import_chunks.c.no == no)
        first = connection.scalar(select(func.min(import_chunks.c.seq)).where(mine))
        some = delete(import_chunks).where(mine, import_chunks.c.seq < (first or 0) + CHUNKS_DROPPED)
        dropped.append(connection.execute(some).rowcount)
    return dropped


def drop_rows(connection: Connection, keys: Sequence[Key]) -> Sequence[int]:
    """Staged and rejected rows of an import that failed, a bounded number; how many."""
    dropped = []
    for key in keys:
        gone = 0
        for table in (import_rows, import_rejected):
            mine = and_(table.c.campaign == key.campaign, table.c.no == key.no)
            first = connection.scalar(select(func.min(table.c.row_no)).where(mine))
            if first is not None:
                some = delete(table).where(mine, table.c.row_no < first + ROWS_DROPPED)
                gone += connection.execute(some).rowcount
        fence(connection, key)
        dropped.append(gone)
    return dropped


def give_up(connection: Connection, given: Sequence[tuple[str, int]]) -> Sequence[bool]:
    """An import whose body did not come whole: no more of it is taken. Whether it was still coming."""
    gone = []
    for campaign, no in given:
        coming = and_(_numbered(campaign, no), imports.c.state == RECEIVING)
        gone.append(connection.execute(delete(imports).where(coming)).rowcount > 0)
    return gone


def _numbered(campaign: str, no: int) -> ColumnElement[bool]:
    return and_(imports.c.campaign == campaign, imports.c.no == no)


def _running(key: Key) -> ColumnElement[bool]:
    return and_(_numbered(key.campaign, key.no), imports.c.state == RUNNING)
