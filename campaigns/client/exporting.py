"""`export`: contacts, attempts, notices or rejected rows of a campaign into a file, whole or not at all.

Contacts and attempts come in pages, which become one file with one heading. Notices leave the service once: what is
pending becomes a batch, and the batch is the file: a table, or letters where its name ends with .pdf.
"""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO, NamedTuple
from uuid import uuid4

import aiohttp

from campaigns.client.door import BROKEN, Away, Door, Problem, needed

CSV, LINES, LETTERS = "text/csv", "application/x-ndjson", "application/pdf"
CURSOR = "Ringback-Cursor"
PAGE = "1000"
PAGES_MAX = 100_000
IMPORTS_MAX = 10_000  # of a campaign
PIECE = 256 * 1024
PRIVATE = 0o600  # names, numbers and addresses


class Ask(NamedTuple):
    """`batch`: of notices, one that was made before. `headers`: en or zh. `items`: of contacts, a row an item."""

    batch: str | None = None
    headers: str = ""
    items: bool = False

    @property
    def language(self) -> dict[str, str]:
        return {"headers": self.headers} if self.headers else {}


async def export(door: Door, campaign: str, what: str, out: Path, ask: Ask) -> str:
    """What is in the file now, for a person. Raises Problem, Away; OSError where the file cannot be written."""
    try:
        with _whole(out) as file:
            return await _written(door, campaign, what, file, ask, out.suffix)
    except BROKEN as broken:  # in the middle of a page: the file is not there
        raise Away(f"the export broke off: {broken!r}") from broken


@contextlib.contextmanager
def _whole(out: Path) -> Iterator[BinaryIO]:
    """A file beside it that takes its name at the end."""
    part = out.with_name(out.name + ".part")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, PRIVATE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            yield file
        part.replace(out)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


async def _written(door: Door, campaign: str, what: str, file: BinaryIO, ask: Ask, suffix: str) -> str:
    """What is in the file now, for a person."""
    if what == "notices":
        return await _notices(door, campaign, file, ask, LETTERS if suffix == ".pdf" else CSV)
    if what == "rejected":
        number = await _last_import(door, campaign)
        await _copied(door, rejected_path(campaign, number), CSV, file, {})
        return f"the rejected rows of import {number}"
    media = LINES if what == "attempts" and suffix in {".ndjson", ".jsonl"} else CSV
    query = ask.language | ({"rows": "items"} if ask.items and what == "contacts" else {})
    await _pages(door, f"/campaigns/{campaign}/{what}", media, file, query)
    return f"{what} of {campaign}"


def rejected_path(campaign: str, number: int) -> str:
    return f"/campaigns/{campaign}/imports/{number}/rejected"


async def _last_import(door: Door, campaign: str) -> int:
    """The newest one. Raises Problem where there is none."""
    number = 1
    needed(await door.get(f"/campaigns/{campaign}/imports/{number}"), n=int)
    while number < IMPORTS_MAX:
        try:
            await door.get(f"/campaigns/{campaign}/imports/{number + 1}")
        except Problem as problem:
            if problem.status != 404:
                raise
            break
        number += 1
    return number


async def _notices(door: Door, campaign: str, file: BinaryIO, ask: Ask, media: str) -> str:
    """A batch of what is pending, or one that was made before."""
    batch = ask.batch
    if batch is None:
        made = (await door.post("/notice-batches", {"campaign": campaign}, key=uuid4().hex)).body
        needed(made, id=str)
        batch = made["id"]
    await _copied(door, f"/notice-batches/{batch}", media, file, ask.language)
    return f"batch {batch}; its letters are on their way when `POST /v1/notice-batches/{batch}/acknowledge` says so"


async def _pages(door: Door, path: str, media: str, file: BinaryIO, asked: Mapping[str, str]) -> None:
    cursor = ""
    for number in range(PAGES_MAX):
        query = {**asked, "limit": PAGE} | ({"cursor": cursor} if cursor else {})
        with_heading = number == 0 or media != CSV
        cursor = await _copied(door, path, media, file, query, heading=with_heading)
        if not cursor:
            return
    raise Away(f"more than {PAGES_MAX} pages of {path}")


async def _copied(
    door: Door, path: str, media: str, file: BinaryIO, query: Mapping[str, str], heading: bool = True
) -> str:
    """Copy an answer, without its first line if the heading is there already. The cursor of what comes after it."""
    async with door.stream(path, media, **query) as answer:
        async for piece in _pieces(answer.content, heading):
            file.write(piece)
        return answer.headers.get(CURSOR, "")


async def _pieces(content: aiohttp.StreamReader, heading: bool) -> AsyncIterator[bytes]:
    async for piece in content.iter_chunked(PIECE):
        if not heading:
            _, found, piece = piece.partition(b"\n")
            heading = bool(found)
        if piece:
            yield piece
