"""A file of payments, of any size, in constant memory: rows are settled while they come, some hundred in a transaction.

What is settled stays, even if the file ends in the middle: sent again, the same rows are the same payments. Rows that
cannot be settled are kept beside, on disk where they are many, to be sent back.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import IO

from pydantic_core import from_json, to_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import Done, count, run_each
from campaigns.imports.accounts import CONFLICT
from campaigns.imports.errors import CannotImport
from campaigns.imports.records import Cutter, Record, Sniffer
from campaigns.imports.rows import Refused
from campaigns.ledger.rows import SettlementRow
from campaigns.settlements.reading import REFERENCE, PaymentReader
from campaigns.settlements.settling import Kept, ReportedPayment, Settled, SettlementOutcome, settle

BATCH_ROWS = 200  # in one transaction: dialling of the tenant waits for it
SNIFFED_BYTES = 262_144  # its encoding is that of its beginning
ROWS_OF_ONE = 4  # written for a payment, roughly
OTHER_PAYMENT = "the reference is that of another payment, which stands"


@dataclass
class Fed:
    """What came of a file. received = new + repeated + rejected. `beside`: takes the rows that are rejected."""

    beside: IO[bytes]
    new: int = 0
    repeated: int = 0
    rejected: int = 0
    paid: int = 0
    in_part: int = 0
    withdrawn: int = 0
    recalled: int = 0
    to_recall: int = 0
    header: Sequence[str] = ()

    @property
    def received(self) -> int:
        return self.new + self.repeated + self.rejected

    def reject(self, cells: Sequence[str], error: str) -> None:
        self.rejected += 1
        self.beside.write(to_json([list(cells), error]) + b"\n")

    def rows(self) -> Iterator[tuple[list[str], str]]:
        """(cells, error) of each rejected row, in the order in which they were found. Once."""
        self.beside.seek(0)
        for line in self.beside:
            cells, error = from_json(line)
            yield cells, error

    def count(self, row: SettlementRow) -> None:
        self.new += 1
        self.paid += row.paid
        self.in_part += row.in_part
        self.withdrawn += row.withdrawn
        self.recalled += row.recalled
        self.to_recall += len(from_json(row.to_recall))


class Feed:
    """Settles one file."""

    def __init__(self, context: Context, tenant: str, who: str, beside: IO[bytes]) -> None:
        self._context, self._tenant, self._who = context, tenant, who
        self.fed = Fed(beside)
        self._reader: PaymentReader | None = None
        self._waiting: list[tuple[Record, ReportedPayment]] = []

    async def take(self, pieces: AsyncIterator[bytes]) -> Fed:
        """Raises CannotImport where it has no header, LedgerAway, OutcomeUnknown, or what the pieces raise."""
        sniffer, first = Sniffer(), list[bytes]()
        cutter: Cutter | None = None
        async for piece in pieces:
            if cutter is None:
                sniffer.feed(piece)
                first.append(piece)
                if not sniffer.certain and sum(map(len, first)) < SNIFFED_BYTES:
                    continue
                cutter, piece = Cutter(sniffer.encoding()), b"".join(first)
            await self._records(cutter.feed(piece))
        if cutter is None:
            sniffer.feed(b"", final=True)
            cutter = Cutter(sniffer.encoding())
            await self._records(cutter.feed(b"".join(first)))
        await self._records(cutter.end())
        if self._reader is None:
            raise CannotImport("the file has no header")
        await self._settle()
        return self.fed

    async def _records(self, records: Iterator[Record]) -> None:
        for record in records:
            if self._reader is None:
                if record.mistake is None and any(map(str.strip, record.cells)):
                    self._begin(record)
                continue
            read = self._reader.read(record)
            if isinstance(read, Refused):
                self.fed.reject(record.cells, read.error)
            elif read is not None:
                self._waiting.append((record, read))
                if len(self._waiting) >= BATCH_ROWS:
                    await self._settle()

    def _begin(self, record: Record) -> None:
        self._reader = PaymentReader(record.cells, self._context.rules.zone, self._context.now_ms())
        self.fed.header = self._reader.header

    async def _settle(self) -> None:
        """With no rows at all too: the feed lives."""
        batch, self._waiting = self._waiting, []
        payments = [payment for _, payment in batch]
        each = (await settled(self._context, self._tenant, payments, self._who)).each
        assert self._reader is not None
        for (record, _), kept in zip(batch, each, strict=True):
            self._count(self._reader, record, kept)

    def _count(self, reader: PaymentReader, record: Record, kept: Kept) -> None:
        if kept.how is SettlementOutcome.OTHER:
            self.fed.reject(record.cells, reader.mistake(record.row, REFERENCE, CONFLICT, OTHER_PAYMENT))
        elif kept.how is SettlementOutcome.REPEATED:
            self.fed.repeated += 1
        else:
            self.fed.count(kept.row)


async def settled(context: Context, tenant: str, payments: Sequence[ReportedPayment], who: str) -> Settled:
    """Payments in one transaction of their own. Raises LedgerAway, OutcomeUnknown."""
    now_ms = context.now_ms()

    def act(connection: Connection) -> Done[Settled]:
        done = settle(connection, context, tenant, payments, who, now_ms)
        return Done(done, done.took)

    done: Done[Settled] = await context.write(run_each, act, weight=max(1, ROWS_OF_ONE * len(payments)))
    count(context, done.took)
    for kept in done.made.each:
        context.metrics.settled(kept.how)
    return done.made
