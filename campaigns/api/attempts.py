"""GET .../attempts: the ledger of decisions of a campaign, in order of time, refusals included."""

import re
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from campaigns.api.answering import marked, meant, noted
from campaigns.api.attempt import COLUMNS, flat, shown_decision
from campaigns.api.streams import in_turn, streamed
from campaigns.api.titles import titles
from campaigns.context import Context
from campaigns.kinds import known_kinds
from campaigns.ledger import history
from campaigns.ledger.history import Decision, DecisionKey, key_of
from campaigns.ledger.rows import CampaignRow
from cti.web.accept import wanted
from cti.web.csv_text import CSV, csv_heading, csv_rows
from cti.web.cursors import cursor_of
from cti.web.route import Asked

NDJSON = "application/x-ndjson"
PIECE = 500  # decisions read and sent at a time
CURSOR = "Ringback-Cursor"
KEY = "([0-9]{1,16})~(c[0-9a-f]{15}-[0-9]{1,9})~(0~[0-9]{1,4}|1~[a-z_]{1,32})"
_KEY = re.compile(KEY, re.ASCII)


def key_from(cursor: str) -> DecisionKey:
    """The key that a cursor stands for. Raises ValueError."""
    found = _KEY.fullmatch(cursor)
    if found is None:
        raise ValueError("takes the cursor of an answer as it was")
    kind, part = found[3].split("~")
    return DecisionKey(int(found[1]), found[2], int(kind), part)


async def get_attempts(context: Context, asked: Asked) -> web.StreamResponse:
    """All that was decided until now, in pieces; or a page, where `limit` asks for one."""
    row = await meant(context, asked)
    media = wanted(asked.request.headers.get("Accept"), (NDJSON, CSV))
    limit, after = asked.query.get("limit"), asked.query.get("cursor")
    heading = _heading(row, media, asked.query.get("headers"))
    read = partial(_read, context, row, context.now_ms())
    written = partial(_written, row, media, in_full=asked.caller.sees_numbers)
    await noted(context, asked, "attempts_exported", row.id, media=media, revealed=asked.caller.sees_numbers)
    headers = {"Content-Type": f"{media}; charset=utf-8", **marked(context, asked)}
    if limit is not None:
        found = await read(after, limit + 1)
        page = found[:limit]
        headers[CURSOR] = cursor_of(*key_of(page[-1])) if len(found) > limit else ""
        return web.Response(body=heading + written(page), headers=headers)

    async def pieces() -> AsyncIterator[bytes]:
        found = await read(after, PIECE)
        yield heading + written(found)
        while len(found) == PIECE:
            found = await read(key_of(found[-1]), PIECE)
            if found:
                yield written(found)

    if asked.request.method == "HEAD":
        return web.Response(headers=headers)
    return await streamed(asked, headers, in_turn(context.exports, pieces()))


async def _read(
    context: Context, row: CampaignRow, until_ms: int, after: DecisionKey | None, limit: int
) -> Sequence[Decision]:
    return await context.reader.run(history.decisions, row.id, after, until_ms, limit)


def _heading(row: CampaignRow, media: str, language: str | None) -> bytes:
    return csv_heading(titles(COLUMNS, language, known_kinds()[row.kind])) if media == CSV else b""


def _written(row: CampaignRow, media: str, found: Sequence[Decision], *, in_full: bool) -> bytes:
    shown: list[dict[str, Any]] = [shown_decision(row, decision, in_full=in_full) for decision in found]
    if media == CSV:
        return csv_rows(COLUMNS, [flat(members) for members in shown])
    return b"".join(to_json(members) + b"\n" for members in shown)
