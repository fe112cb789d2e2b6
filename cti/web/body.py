"""Bodies: bounded in size and time, plain, UTF-8, JSON in the strict sense (no NaN, no infinity)."""

import asyncio
from typing import Any, TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from cti.web.limits import Limits
from cti.web.refusal import Refusal, fault, faults_of
from schemas.fields import json_depth

M = TypeVar("M", bound=BaseModel)
BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def media_of(request: web.Request) -> str:
    """The body's media type in lower case, without parameters. Raises Refusal for another charset than UTF-8."""
    stated = request.headers.get("Content-Type")
    if stated is None:
        return ""
    media, _, parameters = stated.partition(";")
    if parameters and "charset" in parameters.lower() and (request.charset or "").lower() not in ("utf-8", "utf8"):
        raise Refusal("unsupported_media_type", "The charset of JSON is UTF-8")
    return media.strip().lower()


async def read_body(request: web.Request, limits: Limits) -> bytes:
    """The whole body. Raises Refusal: `unsupported_encoding`, `too_large`, `body_too_slow`, `bad_request`."""
    encoding = request.headers.get("Content-Encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        raise Refusal("unsupported_encoding", headers={"Accept-Encoding": "identity"})
    if (request.content_length or 0) > limits.body_bytes:
        raise too_large(limits)
    try:
        if request.content.is_eof():
            return await request.read()
        async with asyncio.timeout(limits.body_s):
            return await request.read()
    except TimeoutError:
        raise Refusal("body_too_slow", f"It must be here within {limits.body_s:g} s", headers=_CLOSE) from None
    except web.HTTPRequestEntityTooLarge:
        raise too_large(limits) from None
    except web.RequestPayloadError as error:
        raise Refusal("bad_request", str(error), headers=_CLOSE) from None


_CLOSE = {"Connection": "close"}


def too_large(limits: Limits) -> Refusal:
    """The refusal of a body beyond the limit."""
    return Refusal("too_large", f"A body may have {limits.body_bytes} bytes", headers=_CLOSE)


def parse(body: bytes) -> Any:
    """The one JSON value of a body; a name given twice in an object keeps its last value. Raises Refusal, naming
    the place.
    """
    try:
        return from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refusal(*why_unreadable(body, error)) from None


def why_unreadable(body: bytes, error: ValueError) -> tuple[str, str]:
    """(code, detail) for bytes that are not JSON: wrong encodings are told apart, with the offset of the byte."""
    if body.startswith(BYTE_ORDER_MARKS):
        return "bad_encoding", "A byte-order mark at offset 0"
    try:
        body.decode()
    except UnicodeDecodeError as wrong:
        return "bad_encoding", f"Byte 0x{body[wrong.start]:02x} at offset {wrong.start} is not UTF-8"
    return "unparsable", str(error)


async def read_model(request: web.Request, limits: Limits, model: type[M]) -> M:
    """A JSON body as a model. Raises Refusal: `invalid_body` with the pointers of what is wrong, and those of
    `read_body`.
    """
    return model_of(await read_json(request, limits), limits, model)


async def read_json(request: web.Request, limits: Limits) -> bytes:
    """A body that is said to be JSON, as it came. Raises Refusal."""
    if media_of(request) != "application/json":
        raise Refusal("unsupported_media_type", "Taken here: application/json")
    return await read_body(request, limits)


def model_of(body: bytes, limits: Limits, model: type[M]) -> M:
    """JSON as a model. Raises Refusal: `invalid_body` with the pointers of what is wrong, and those of `parse`."""
    value = parse(body)
    if json_depth(value, limits.json_depth) > limits.json_depth:
        raise Refusal("invalid_body", errors=[fault("", "depth", f"Nested deeper than {limits.json_depth} levels")])
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = faults_of(error, value)
        first = faults[0]
        detail = f"{first['pointer']}: {first['detail']}" if first["pointer"] else first["detail"]
        raise Refusal("invalid_body", detail, faults) from None
