"""The body of a request becomes the lines of an import, in constant memory; a workbook is bounded."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import NamedTuple

from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.imports.errors import TooLarge, Truncated
from campaigns.imports.header import KEEP_MAX
from campaigns.imports.taking import Form, Taking, refuse_other
from campaigns.kinds import known_kinds
from campaigns.ledger import imports
from campaigns.ledger.imports import Chunk, ReceivedFile
from campaigns.ledger.rows import CampaignRow, ImportRow
from cti.errors import LedgerAway, OutcomeUnknown

CHUNK_BYTES, CHUNK_ROWS = 262_144, 1_000  # whichever comes first; one transaction applies them
PIECE_ROWS = 100  # some milliseconds of the event loop
THREAD_ROWS = 2_000  # at once, in a thread
PROGRESS_BYTES = 4 << 20  # without a chunk, until the ledger is told that the body still comes
BYTES_MAX = 4 << 30
FILE_CHARS_MAX = 200

LengthOk = Callable[[int], bool]
Also = Callable[[Connection, ImportRow], None]
"""Statements of the caller's, in the transaction in which the file is here whole."""


def any_length(_bytes: int) -> bool:
    """Whether a body may be so long: always, for a client that declares no length."""
    return True


def nothing_more(_connection: Connection, _row: ImportRow) -> None:
    """The default of `also`."""


class Sent(NamedTuple):
    """What a client says of its file. `keep`: other columns to keep; `sheet`: of a workbook."""

    file: str
    keep: Sequence[str]
    who: str
    form: Form = Form.CSV
    sheet: str | None = None
    length_ok: LengthOk = any_length


async def receive(
    context: Context, campaign: CampaignRow, stream: AsyncIterator[bytes], sent: Sent, also: Also = nothing_more
) -> ImportRow:
    """The import, `running`. `length_ok`: whether so many bytes are all that the client announced.

    Raises WrongState, SameFile, Truncated, TooLarge, UnreadableFile, LedgerAway, OutcomeUnknown, or what the stream
    raises: then nothing is kept.
    """
    row = ImportRow(
        campaign=campaign.id, no=0, tenant=campaign.tenant, file=_printable(sent.file),
        keep=to_json([_printable(name) for name in sent.keep[:KEEP_MAX]]).decode(), sha256="", bytes=0,
        state=imports.RECEIVING, error=None, received=0, accepted=0, rejected=0, merged=0, contacts=0, header=None,
        made_at_ms=context.now_ms(), ended_at_ms=None, who=sent.who,
    )  # fmt: skip
    row = await context.writer.run(imports.begin, row)
    taking = Taking(known_kinds()[campaign.kind], sent.form, sent.sheet)
    complete = False
    try:
        if taking.heavy:
            async with context.workbooks:
                whole = await _store(context, row, stream, sent, taking)
        else:
            whole = await _store(context, row, stream, sent, taking)
        kept: ImportRow = await context.write(_kept, (whole, also))
        complete = True
    finally:
        if not complete:
            with suppress(LedgerAway, OutcomeUnknown):  # then the importer finds it: nothing comes any more
                await drop(context, row.campaign, row.no)
    return kept


def _kept(connection: Connection, given: Sequence[tuple[ReceivedFile, Also]]) -> Sequence[ImportRow]:
    rows: list[ImportRow] = []
    for whole, also in given:
        rows += imports.received(connection, [whole])
        also(connection, rows[-1])
    return rows


async def drop(context: Context, campaign: str, no: int) -> None:
    """An import whose body did not come whole. It is gone first: nothing more is added."""
    if (await context.writer.run(imports.give_up, (campaign, no))) is True:
        await drop_chunks(context, campaign, no)


async def drop_chunks(context: Context, campaign: str, no: int) -> None:
    """In bounded transactions."""
    while await context.writer.run(imports.drop_chunks, (campaign, no), weight=imports.CHUNKS_DROPPED):
        pass


async def _store(
    context: Context, row: ImportRow, stream: AsyncIterator[bytes], sent: Sent, taking: Taking
) -> ReceivedFile:
    digest, chunks = hashlib.sha256(), _Chunks(context, row)
    async for piece in stream:
        for part in _parts(piece):
            if not chunks.size:
                refuse_other(sent.form, part)
            digest.update(part)
            await chunks.came(len(part))
            await chunks.put(taking.feed(part))
    if not sent.length_ok(chunks.size):
        raise Truncated(f"{chunks.size} bytes came")
    await chunks.put(taking.end(), threaded=taking.heavy)
    await chunks.write()
    return ReceivedFile(row.campaign, row.no, digest.hexdigest(), chunks.size, taking.taken().text())


class _Chunks:
    """Lines, until they are enough for a chunk. `size`: the bytes of the file so far."""

    def __init__(self, context: Context, row: ImportRow) -> None:
        self._context, self._row = context, row
        self._waiting: list[bytes] = []
        self._bytes = self._seq = self._reported = 0
        self.size = 0

    async def came(self, size: int) -> None:
        """Raises TooLarge."""
        self.size += size
        if self.size > BYTES_MAX:
            raise TooLarge(f"more than {BYTES_MAX} bytes")
        if self.size - self._reported > PROGRESS_BYTES:
            await self._add(b"")

    async def put(self, lines: Iterator[bytes], threaded: bool = False) -> None:
        while some := await asyncio.to_thread(_some, lines, THREAD_ROWS) if threaded else _some(lines, PIECE_ROWS):
            for line in some:
                self._waiting.append(line)
                self._bytes += len(line)
                if self._bytes >= CHUNK_BYTES or len(self._waiting) >= CHUNK_ROWS:
                    await self.write()
            await asyncio.sleep(0)

    async def write(self) -> None:
        if self._waiting:
            content = b"\n".join(self._waiting)
            self._waiting, self._bytes = [], 0
            await self._add(content)

    async def _add(self, content: bytes) -> None:
        self._reported = self.size
        chunk = Chunk(self._row.campaign, self._row.no, self._seq, content, self.size)
        await self._context.writer.run(imports.add_chunks, chunk, weight=256 if content else 1)
        self._seq += bool(content)


def _some(lines: Iterator[bytes], most: int) -> list[bytes]:
    return list(islice(lines, most))


def _parts(piece: bytes) -> Iterator[bytes]:
    """A piece of any size in small ones."""
    if len(piece) <= CHUNK_BYTES:
        yield piece
        return
    view = memoryview(piece)
    for at in range(0, len(piece), CHUNK_BYTES):
        yield bytes(view[at : at + CHUNK_BYTES])


def _printable(name: str) -> str:
    """As every database keeps it."""
    shown = "".join(char for char in name[:FILE_CHARS_MAX] if char.isprintable())
    return shown.encode("utf-8", "replace").decode()
