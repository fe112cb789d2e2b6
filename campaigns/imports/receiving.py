"""The body of a request becomes the chunks of an import, whatever its size, in constant memory."""

import hashlib
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress

from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.imports.errors import TooLarge, Truncated
from campaigns.imports.header import KEEP_MAX
from campaigns.ledger import imports
from campaigns.ledger.rows import CampaignRow, ImportRow
from cti.errors import LedgerAway, OutcomeUnknown

CHUNK_BYTES = 262_144
BYTES_MAX = 4 << 30
FILE_CHARS_MAX = 200

LengthOk = Callable[[int], bool]
Also = Callable[[Connection, ImportRow], None]
"""Statements of the caller's, in the transaction in which the file is here whole."""


def any_length(_bytes: int) -> bool:
    """Of a client that says no length."""
    return True


def nothing_more(_connection: Connection, _row: ImportRow) -> None:
    """The default of `also`."""


async def receive(
    context: Context,
    campaign: CampaignRow,
    stream: AsyncIterator[bytes],
    file: str,
    keep: Sequence[str],
    who: str,
    length_ok: LengthOk = any_length,
    also: Also = nothing_more,
) -> ImportRow:
    """The import, `running`. `length_ok`: whether so many bytes are all that the client announced.

    Raises WrongState, SameFile, Truncated, TooLarge, LedgerAway, OutcomeUnknown, or what the stream raises: then
    nothing is kept.
    """
    row = ImportRow(
        campaign=campaign.id, no=0, tenant=campaign.tenant, file=_printable(file),
        keep=to_json([_printable(name) for name in keep[:KEEP_MAX]]).decode(), sha256="", bytes=0,
        state=imports.RECEIVING, error=None, received=0, accepted=0, rejected=0, merged=0, contacts=0, header=None,
        made_at_ms=context.now_ms(), ended_at_ms=None, who=who,
    )  # fmt: skip
    row = await context.writer.run(imports.begin, row)
    complete = False
    try:
        sha256 = await _store(context, row, stream, length_ok)
        kept: ImportRow = await context.write(_kept, ((row.campaign, row.no, sha256), also))
        complete = True
    finally:
        if not complete:
            with suppress(LedgerAway, OutcomeUnknown):  # then the importer finds it: nothing comes any more
                await drop(context, row.campaign, row.no)
    return kept


def _kept(connection: Connection, given: Sequence[tuple[tuple[str, int, str], Also]]) -> Sequence[ImportRow]:
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


async def _store(context: Context, row: ImportRow, stream: AsyncIterator[bytes], length_ok: LengthOk) -> str:
    digest, size, seq = hashlib.sha256(), 0, 0
    waiting = bytearray()

    async def write(least: int) -> None:
        nonlocal seq
        while len(waiting) >= least:
            content = bytes(waiting[:CHUNK_BYTES])
            del waiting[:CHUNK_BYTES]
            await context.writer.run(imports.add_chunks, (row.campaign, row.no, seq, content), weight=256)
            seq += 1

    async for piece in stream:
        for part in _parts(piece):
            digest.update(part)
            size += len(part)
            if size > BYTES_MAX:
                raise TooLarge(f"more than {BYTES_MAX} bytes")
            waiting += part
            await write(CHUNK_BYTES)
    if not length_ok(size):
        raise Truncated(f"{size} bytes came")
    await write(1)
    return digest.hexdigest()


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
