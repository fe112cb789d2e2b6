"""A page of a listing, as JSON or as CSV."""

from collections.abc import Sequence
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from cti.web.accept import wanted
from cti.web.csv_text import CSV, csv_of
from cti.web.masking import masked_in
from cti.web.route import Asked


def page_response(
    asked: Asked, name: str, columns: Sequence[str], rows: list[dict[str, Any]], cursor: str | None, as_of: str
) -> web.Response:
    """`{name: rows, cursor, as_of}`, or CSV with both in headers; numbers are masked unless the key may see them."""
    media = wanted(asked.request.headers.get("Accept"), ("application/json", CSV))
    shown = rows if asked.caller.sees_numbers else masked_in(rows)
    if media == CSV:
        headers = {"Ringback-As-Of": as_of, "Ringback-Cursor": cursor or "", "Content-Type": f"{CSV}; charset=utf-8"}
        return web.Response(body=csv_of(columns, shown), headers=headers)
    body = {name: shown, "cursor": cursor, "as_of": as_of}
    return web.Response(body=to_json(body), content_type="application/json")
