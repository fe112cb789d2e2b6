"""One import: the rows of its chunks are read and applied, or staged until all rows of their account are there.

Where no account has two rows, each chunk becomes contacts at once. Otherwise rows are staged, and then accounts are
applied in the order of their first rows. Where it stops before its end (a crash, a lost lease, a ledger that is away),
whoever goes on finds it in the ledger:
- with an error it is to fail, and what is left of it goes;
- the chunks that are left have not been read: a chunk's rows, their counts and its end are one transaction;
- the staged rows that are left are those of accounts that have not been applied: an account's contact, its counts and
  the end of its staged rows are one transaction.
So nothing is applied twice, and contacts are callable only when the import is `done`, the last write of all.

All work on the event loop is cut into pieces of PIECE_ROWS, so that whatever runs beside it gets its turn.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from campaigns.approvals.voiding import import_ended
from campaigns.context import IMPORTS, Context
from campaigns.core.zones import local_day
from campaigns.imports.accounts import LIMIT, ROWS_MAX
from campaigns.imports.contacts import Maker
from campaigns.imports.errors import CannotImport, ContactMoved, WrongState
from campaigns.imports.header import Layout, layout_of, plain
from campaigns.imports.receiving import drop_chunks
from campaigns.imports.record_lines import records_of
from campaigns.imports.rows import Mistake, Read, Refused, RowReader, error_text
from campaigns.imports.sampling import cancel_others
from campaigns.imports.staging import Parts, packed, parts_of, unpacked
from campaigns.imports.taking import Taken, taken_of
from campaigns.kinds import known_kinds
from campaigns.ledger import imported, imports, revisions
from campaigns.ledger.imports import Key, RejectedRow, StagedRow
from campaigns.ledger.rows import CampaignRow, ImportRow
from campaigns.outages.agreeing import NOTHING_CHANGED, Agreed
from campaigns.outages.items import can_be_revised
from campaigns.settlements.closing import remembered
from campaigns.settlements.items import is_meant
from cti.sql.bulk import slices

PIECE_ROWS = 100  # some milliseconds
BATCH_ROWS = 1_000  # in one transaction: some 20 ms
REJECTED_AT_ONCE = 2_000
TRIES_MAX = 5  # of a batch whose contacts moved
ERROR_CHARS_MAX = 1_000


class Job:
    """The work on one import, under a lease. `run` may be tried again after any error."""

    def __init__(self, context: Context, row: ImportRow, held: dict[str, int]) -> None:
        """`held`: the lease of the importer, which it may lose: the dictionary is then empty."""
        self._context, self._row, self._held = context, row, held
        self._key = Key(row.campaign, row.no, IMPORTS, dict(held))
        self._taken = taken_of(row.header)
        self._layout: Layout | None = None
        self._fills = False  # a campaign that had nobody when the reading began

    async def run(self) -> ImportRow | None:
        """The import as it ended. Raises Fenced, LedgerAway, OutcomeUnknown, ContactMoved."""
        if self._row.error is not None:
            return await self.fail(self._row.error)
        campaign = await self._context.reader.run(imports.campaign_of, self._row.campaign)
        try:
            if campaign is None:
                raise WrongState("deleted")
            if self._taken is None:
                raise CannotImport("an earlier release received this file: send it again")
            if self._taken.mistake is not None:
                raise CannotImport(f"the header cannot be read: {self._taken.mistake}")
            await self._read(campaign, self._taken)
            await self._apply(campaign)
            if known_kinds()[campaign.kind].samples:
                await cancel_others(self._context, self._row, self._key)
        except CannotImport as fault:
            return await self.fail(str(fault.detail))
        except WrongState as fault:
            return await self.fail(f"the campaign is {fault.state}")
        return await self._end(imports.DONE, None)

    # -- reading -------------------------------------------------------------------------------------------------------

    async def _read(self, campaign: CampaignRow, taken: Taken) -> None:
        reader = self._reader(campaign, taken)
        maker = await self._maker(campaign) if taken.one_row_each else None
        self._fills = maker is not None and maker.last_no == 0 and not known_kinds()[campaign.kind].stands
        behind = _Behind()
        try:
            async for seq, content in self._chunks():
                rows = await self._rows(reader, taken, content)
                if maker is None:
                    staged = imports.Staged(self._key, seq, self._staged_rows(rows), rows.rejected)
                    write = self._context.writer.run(imports.stage, staged, weight=rows.count)
                else:
                    write = self._applied_at_once(maker, seq, rows)
                await behind.put(write)
            await behind.settle()
        finally:
            await behind.close()
        if maker is None:
            await self._context.writer.run(imports.all_staged, self._key)

    def _reader(self, campaign: CampaignRow, taken: Taken) -> RowReader:
        kind = known_kinds()[campaign.kind]
        dropped = {plain(name) for name in taken.dropped}
        keep = [name for name in from_json(self._row.keep) if plain(name) not in dropped]
        self._layout = layout_of(kind, taken.header, keep)
        day = local_day(self._row.made_at_ms, campaign.zone)
        return RowReader(kind, self._layout, campaign.zone, day, self._context.rules.penalties)

    async def _chunks(self) -> AsyncIterator[tuple[int, bytes]]:
        after = -1
        key = self._key
        while (found := await self._context.reader.run(imports.chunk_after, key.campaign, key.no, after)) is not None:
            after = found[0]
            yield found

    async def _rows(self, reader: RowReader, taken: Taken, content: bytes) -> "_Rows":
        """The rows of one chunk."""
        rows = _Rows(self._key)
        blank = {at for at, name in enumerate(taken.header) if name.strip() in taken.dropped}
        for some in slices(content.split(b"\n"), PIECE_ROWS):
            for record in records_of(some, taken.encoding):
                if blank and record.mistake is None:
                    kept = ["" if at in blank else cell for at, cell in enumerate(record.cells)]
                    record = record._replace(cells=kept)
                read = reader.read(record)
                if isinstance(read, Refused):
                    rows.refuse(record.row, record.cells, read.error)
                elif read is not None:
                    rows.read[record.row] = (read, record.cells)
            await asyncio.sleep(0)
        return rows

    def _staged_rows(self, rows: "_Rows") -> list[StagedRow]:
        campaign, no = self._key.campaign, self._key.no
        return [
            StagedRow(campaign, no, row, read.account, packed(read), _json(cells))
            for row, (read, cells) in rows.read.items()
        ]

    async def _applied_at_once(self, maker: Maker, seq: int, rows: "_Rows") -> None:
        """Each row is an account of its own. Raises ContactMoved where one was changed meanwhile: read it again."""
        found = {read.account: [(row, parts_of(read))] for row, (read, _) in rows.read.items()}
        before = await self._before(list(found))
        batch = await self._batch(maker, found, before)
        for row, error in batch.errors:
            rows.refuse(row, rows.read[row][1], error)
        counts = batch.counts._replace(rejected=len(rows.rejected))
        batch = batch._replace(accounts=(), errors=(), counts=counts, seq=seq, rejected=rows.rejected)
        await self._context.writer.run(imported.apply, batch, weight=rows.count)

    async def _before(self, accounts: Sequence[str]) -> Mapping[str, imported.Before]:
        """Those that are there. Whoever fills an empty campaign finds nobody but its own: there is one importer."""
        if self._fills:
            return {}
        return await self._context.reader.run(imported.before, self._row.campaign, accounts)

    # -- applying ------------------------------------------------------------------------------------------------------

    async def _maker(self, campaign: CampaignRow) -> Maker:
        reader = self._context.reader
        last_no = await reader.run(imported.last_no, campaign.id)
        classes = await reader.run(imported.classes_of, campaign.id)
        return Maker(campaign, self._row, self._context.rules, self._context.now_ms(), last_no, classes)

    async def _apply(self, campaign: CampaignRow) -> None:
        """What was staged."""
        reader, maker = self._context.reader, await self._maker(campaign)
        after = -1
        while accounts := await reader.run(imports.waiting, campaign.id, self._row.no, after, BATCH_ROWS):
            fitting = _fitting(accounts)
            if fitting:
                await self._apply_some(maker, fitting)
                after = fitting[-1].first
            else:
                await self._reject_all(accounts[0])

    async def _apply_some(self, maker: Maker, fitting: Sequence[imports.Waiting]) -> None:
        """Again, where a contact was changed meanwhile."""
        rows = await self._staged(fitting)
        accounts = list(rows)
        for left in reversed(range(TRIES_MAX)):
            before = await self._context.reader.run(imported.before, self._row.campaign, accounts)
            last_no, classes = maker.last_no, set(maker.classes)
            batch = await self._batch(maker, rows, before)
            try:
                await self._context.writer.run(imported.apply, batch, weight=len(accounts))
            except ContactMoved:
                maker.last_no, maker.classes = last_no, classes
                if not left:
                    raise
            else:
                return

    async def _staged(self, accounts: Sequence[imports.Waiting]) -> dict[str, list[tuple[int, Parts]]]:
        found = await self._context.reader.run(imports.rows_of, self._row.campaign, self._row.no, accounts)
        rows: dict[str, list[tuple[int, Parts]]] = {waiting.account: [] for waiting in accounts}
        for at, (row, account, fields) in enumerate(found, 1):
            rows[account].append((row, unpacked(fields)))
            if at % PIECE_ROWS == 0:
                await asyncio.sleep(0)
        return rows

    async def _batch(
        self, maker: Maker, rows: Mapping[str, list[tuple[int, Parts]]], before: Mapping[str, imported.Before]
    ) -> imported.Batch:
        made = []
        agreed = await self._agreed(maker.campaign)
        accounts = list(rows)
        for at in range(0, len(accounts), PIECE_ROWS):
            some = {account: rows[account] for account in accounts[at : at + PIECE_ROWS]}
            made.append(maker.made(some, before, agreed))
            await asyncio.sleep(0)
        assert self._layout is not None
        errors = [
            (
                rejection.row,
                error_text(
                    rejection.row, [Mistake(self._layout.spelled(rejection.field), rejection.rule, rejection.what)]
                ),
            )
            for part in made
            for rejection in part.rejected
        ]
        counts = imports.Counts(*(sum(part.counts[at] for part in made) for at in range(len(imports.Counts._fields))))
        return imported.Batch(
            self._key, accounts, [row for part in made for row in part.new],
            [row for part in made for row in part.classes], [row for part in made for row in part.added_to],
            errors, counts, maker.campaign.tenant, self._remembering(maker.campaign, accounts),
            revised=agreed.last_no,
        )  # fmt: skip

    async def _agreed(self, campaign: CampaignRow) -> Agreed:
        """What was changed of the campaign's outages so far."""
        if not can_be_revised(campaign.kind):
            return NOTHING_CHANGED
        return Agreed(await self._context.reader.run(revisions.of_campaign, campaign.id), self._row.made_at_ms)

    def _remembering(self, campaign: CampaignRow, accounts: Sequence[str]) -> Callable[[Connection], None]:
        """What was told to be paid before the file came."""
        if not is_meant(campaign.kind):
            return _nothing
        now_ms = self._context.now_ms()
        return lambda connection: remembered(connection, self._context, campaign, accounts, now_ms)

    async def _reject_all(self, account: imports.Waiting) -> None:
        """From the last row on, so that what is left is still too many until all are gone."""
        assert self._layout is not None
        what = f"{self._layout.spelled('account')}: {LIMIT}: the account has more than {ROWS_MAX} rows"
        left = account.rows
        while left > 0:
            some = REJECTED_AT_ONCE if left > ROWS_MAX + REJECTED_AT_ONCE else left
            given = (self._key, account.account, some, what)
            left -= await self._context.writer.run(imports.reject_last, given, weight=some)

    # -- ending --------------------------------------------------------------------------------------------------------

    async def fail(self, error: str) -> ImportRow | None:
        """Why goes first: of a file that is half gone nobody could tell."""
        error = error[:ERROR_CHARS_MAX]
        await self._context.writer.run(imports.mark_failing, (self._key, error))
        await self._drop_rows()
        await drop_chunks(self._context, self._row.campaign, self._row.no)
        return await self._end(imports.FAILED, error)

    async def _drop_rows(self) -> None:
        while await self._context.writer.run(imports.drop_rows, self._key, weight=imports.ROWS_DROPPED):
            pass

    async def _end(self, state: str, error: str | None) -> ImportRow | None:
        return await import_ended(self._context, self._key, state, error)


def _nothing(_connection: Connection) -> None:
    """Do nothing: in this kind nothing is paid."""


class _Behind:
    """One write at a time, while the next rows are read."""

    def __init__(self) -> None:
        self._writing: asyncio.Task[None] | None = None

    async def put(self, write: Coroutine[Any, Any, None]) -> None:
        """Raises what the write before this one raised."""
        try:
            await self.settle()
        except BaseException:
            write.close()
            raise
        self._writing = asyncio.create_task(write)

    async def settle(self) -> None:
        writing, self._writing = self._writing, None
        if writing is not None:
            await writing

    async def close(self) -> None:
        """Cancel the write under way, because the reading ended early."""
        if self._writing is not None:
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)


class _Rows:
    """The rows of a chunk: those that can be read, with their cells, by their number; and those that cannot."""

    def __init__(self, key: Key) -> None:
        self._campaign, self._no = key.campaign, key.no
        self.read: dict[int, tuple[Read, Sequence[str]]] = {}
        self.rejected: list[RejectedRow] = []

    @property
    def count(self) -> int:
        return max(1, len(self.read) + len(self.rejected))

    def refuse(self, row: int, cells: Sequence[str], error: str) -> None:
        self.rejected.append(RejectedRow(self._campaign, self._no, row, _json(cells), error))


def _json(cells: Sequence[str]) -> str:
    return to_json(cells).decode()


def _fitting(accounts: Sequence[imports.Waiting]) -> list[imports.Waiting]:
    """The first of them, as many as go into one transaction; none: the first has too many rows."""
    chosen: list[imports.Waiting] = []
    rows = 0
    for account in accounts:
        rows += account.rows
        if account.rows > ROWS_MAX or (chosen and rows > 2 * BATCH_ROWS):
            break
        chosen.append(account)
    return chosen
