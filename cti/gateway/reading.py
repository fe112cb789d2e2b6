"""From a request to CloudEvents items: structured, batch, NDJSON and binary mode. Pure, once the body has been read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_to_bytes

from pydantic_core import from_json

from cti.web.body import parse, why_unreadable
from cti.web.refusal import Refusal

STRUCTURED = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
NDJSON = "application/x-ndjson"
JSON = "application/json"
TAKEN = (STRUCTURED, BATCH, NDJSON, JSON)


@dataclass(frozen=True, slots=True)
class Unread:
    """A line of NDJSON that is no JSON."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """The items of a request, in order; `single`: it was one event, so its refusal is the request's."""

    items: Sequence[Any]
    single: bool = field(default=False)


def read_items(media: str, headers: Sequence[tuple[str, str]], body: bytes, items_max: int) -> Arrived:
    """The items of a body of this media type; `headers`: all that start with `ce-`, lower case. Raises Refusal."""
    if media == NDJSON:
        return Arrived(_lines(body, items_max))
    if media == BATCH:
        return Arrived(_array(parse(body), items_max))
    if media == STRUCTURED:
        return Arrived((parse(body),), single=True)
    if media == JSON or (media == "" and headers):
        return Arrived((_binary(headers, body) if headers else parse(body),), single=True)
    raise Refusal(
        "unsupported_media_type", f"Taken here: {', '.join(TAKEN)}", headers={"Accept-Post": ", ".join(TAKEN)}
    )


def _array(value: Any, items_max: int) -> list[Any]:
    if not isinstance(value, list):
        raise Refusal("invalid_body", "A batch is a JSON array of events")
    if len(value) > items_max:
        raise Refusal("batch_too_large", f"At most {items_max} events in one request; here are {len(value)}")
    return value


def _lines(body: bytes, items_max: int) -> list[Any]:
    """One item a line; blank lines are skipped. Wrong UTF-8 anywhere is the whole body's fault: lines cannot be
    trusted then.
    """
    lines = [line for line in body.split(b"\n") if line.strip(b" \t\r")]
    if len(lines) > items_max:
        raise Refusal("batch_too_large", f"At most {items_max} lines in one request; here are {len(lines)}")
    return [_line(line, body) for line in lines]


def _line(line: bytes, body: bytes) -> Any:
    try:
        return from_json(line, allow_inf_nan=False)
    except ValueError as error:
        code, detail = why_unreadable(body, error)
        if code == "bad_encoding":
            raise Refusal(code, detail) from None
        return Unread(code, detail)


def _binary(headers: Sequence[tuple[str, str]], body: bytes) -> dict[str, Any]:
    """The CloudEvents HTTP binding's binary mode: attributes in `ce-` headers, the body is `data`."""
    item: dict[str, Any] = {}
    for name, value in headers:
        attribute = name[3:]
        if attribute in item or attribute in ("data", "datacontenttype", ""):
            raise Refusal("bad_header", f"The header {name[:64]} is repeated or cannot be an attribute")
        item[attribute] = _attribute(name, value)
    item["datacontenttype"] = JSON
    if body.strip():
        item["data"] = parse(body)
    return item


def _attribute(name: str, value: str) -> str:
    """A header's value: percent-encoded UTF-8."""
    try:
        return unquote_to_bytes(value.encode("utf-8", "surrogateescape")).decode()
    except UnicodeDecodeError:
        raise Refusal("bad_header", f"The header {name[:64]} is not percent-encoded UTF-8") from None


def event_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    """The `ce-` headers of a request, names in lower case."""
    return [(name.lower(), value) for name, value in headers.items() if name[:3].lower() == "ce-"]
