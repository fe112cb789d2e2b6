"""Bodies and answers of any size: taken or sent in pieces, in the memory of one piece."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import structlog
from aiohttp import web

from campaigns.api.codes import refusal
from cti.errors import RingbackError
from cti.web.limits import Limits
from cti.web.route import Asked

PIECE_BYTES = 262_144
CLOSE = {"Connection": "close"}  # of a refusal before the body has come

log = structlog.get_logger()


async def streamed(asked: Asked, headers: Mapping[str, str], pieces: AsyncIterator[bytes]) -> web.StreamResponse:
    """Send the pieces as they come. The first is made before the answer begins, so that it can still fail.

    If the ledger goes away later, or a piece cannot be made, the connection is cut: a client sees that the answer is
    not whole.
    """
    first = await anext(pieces)
    response = web.StreamResponse(headers=headers)
    await response.prepare(asked.request)
    try:
        await response.write(first)
        async for piece in pieces:
            await response.write(piece)
    except RingbackError as error:
        log.warning("answer cut", action="answer_cut", path=asked.request.path, why=str(error))
        if asked.request.transport is not None:
            asked.request.transport.abort()
        raise ConnectionResetError from error
    await response.write_eof()
    return response


async def pieces_of(request: web.Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes; something of it every `body_s`. Raises Refusal."""
    while True:
        try:
            async with asyncio.timeout(limits.body_s):
                piece = await request.content.read(PIECE_BYTES)
        except TimeoutError:
            detail = f"Nothing came for {limits.body_s:g} s"
            raise refusal("body_too_slow", detail, headers=CLOSE) from None
        except web.RequestPayloadError as error:
            raise refusal("bad_request", str(error), headers=CLOSE) from None
        if not piece:
            return
        yield piece
