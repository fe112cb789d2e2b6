"""A batch as letters: PDF in pieces, printed apart. Letters that cannot be printed are on the last sheet."""

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import Connection

from campaigns.api.codes import refusal
from campaigns.context import Context
from campaigns.ledger import notice_batches
from campaigns.ledger.rows import BatchRow, CampaignRow
from campaigns.letters.content import Glyphs, letter, set_aside, sheet_row
from campaigns.letters.printer import Batch, NoFonts, PressesBusy, PressFailed, Pressing
from campaigns.letters.templates import TemplateMistake
from campaigns.value_forms import forms

PDF = "application/pdf"
READ = 250  # notices read at a time
LETTERS, ITEMS = 25, 100  # at most in a piece that is set: typst keeps several pieces in memory
LISTED_MAX = 1_000  # on the last sheet
BUSY_S = 10


class Found(NamedTuple):
    """The letters to print of some notices, and the notices that are left out."""

    letters: Sequence[dict[str, Any]]
    aside: Sequence[dict[str, Any]]


@asynccontextmanager
async def pdf(context: Context, batch: BatchRow, campaign: CampaignRow) -> AsyncIterator[AsyncIterator[bytes]]:
    """The pieces of the PDF; the press ends with the block. Raises Refusal."""
    async with pressing(context, _common(context, batch, campaign)) as (press, glyphs):
        yield _pieces(context, batch, campaign, press, glyphs)


@asynccontextmanager
async def pressing(context: Context, common: Batch) -> AsyncIterator[tuple[Pressing, Glyphs]]:
    """A press, and what its fonts can show. Raises Refusal."""
    async with AsyncExitStack() as stack:
        try:
            glyphs = await context.printer.glyphs()
            _check_sender(common, glyphs)
            press = await stack.enter_async_context(context.printer.press(common))
        except NoFonts as fault:
            raise refusal("letters_unavailable", str(fault)) from fault
        except PressesBusy as fault:
            raise refusal("letters_busy", headers={"Retry-After": str(BUSY_S)}) from fault
        except (TemplateMistake, OSError) as fault:
            raise refusal("letters_failed", str(fault)) from fault
        try:
            yield press, glyphs
        except PressFailed as fault:  # of the first piece: later ones cut the answer
            raise refusal("letters_failed", str(fault)) from fault


async def _pieces(
    context: Context, batch: BatchRow, campaign: CampaignRow, press: Pressing, glyphs: Glyphs
) -> AsyncIterator[bytes]:
    aside: list[dict[str, Any]] = []
    more = 0
    for first in range(0, batch.notices, READ):
        found = await context.reader.run(_found, batch.id, first, campaign, glyphs)
        listed = found.aside[: LISTED_MAX - len(aside)]
        aside += listed
        more += len(found.aside) - len(listed)
        for some in sized(found.letters):
            yield await press.letters(some)
    yield await press.end(aside, more)


def _found(connection: Connection, batch: str, after: int, campaign: CampaignRow, glyphs: Glyphs) -> Found:
    zone, letters, aside = ZoneInfo(campaign.zone), [], []
    for row in notice_batches.of_batch(connection, batch, after, READ):
        said = letter(row, campaign.language, zone)
        why = set_aside(said, glyphs)
        if why or row.to_recall_ms is not None:
            aside.append(sheet_row(row, why, glyphs, campaign.language))
        else:
            letters.append(said)
    return Found(letters, aside)


def sized(letters: Sequence[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    """In pieces of LETTERS letters and ITEMS items; one letter may have more."""
    piece: list[dict[str, Any]] = []
    items = 0
    for fields in letters:
        if piece and (len(piece) == LETTERS or items + len(fields["items"]) > ITEMS):
            yield piece
            piece, items = [], 0
        piece.append(fields)
        items += len(fields["items"])
    if piece:
        yield piece


def _check_sender(common: Batch, glyphs: Glyphs) -> None:
    """Raises Refusal: a sender that cannot be shown would be a box on every letter."""
    if lacking := glyphs.lacking(common.caller + common.call_back):
        codes = " ".join(f"U+{ord(character):04X}" for character in lacking)
        raise refusal("letters_failed", f"the fonts have no glyph for {codes} of the sender (RINGBACK_CALLER_*)")


def _common(context: Context, batch: BatchRow, campaign: CampaignRow) -> Batch:
    made = datetime.fromtimestamp(batch.made_at_ms // 1000, UTC).astimezone(ZoneInfo(campaign.zone))
    settings, language = context.settings, campaign.language
    return Batch(
        batch=batch.id,
        kind=campaign.kind,
        language=language,
        made=made.isoformat(),
        day=forms(language, ZoneInfo(campaign.zone)).day(made.date().isoformat()),
        caller=settings.caller_zh if language == "zh" else settings.caller_en,
        call_back=settings.call_back,
    )
