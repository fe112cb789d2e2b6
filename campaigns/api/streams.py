"""Bodies and answers of any size: taken or sent in pieces, in the memory of one piece."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import structlog
from aiohttp import web

from campaigns.api.codes import refusal
from cti.errors import RingbackError
from cti.web.limits import Limits
from cti.web.refusal import Refusal
from cti.web.route import Asked

PIECE_BYTES = 262_144
LEAST_BYTES = 16_384
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


async def in_turn(turn: asyncio.Semaphore, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The pieces, each made when it is its turn: of all answers few are made at a time, so many exports at once delay
    only each other.

    For what this process reads and writes itself; letters are printed in processes of their own.
    """
    while True:
        async with turn:
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


async def pieces_of(request: web.Request, limits: Limits) -> AsyncIterator[bytes]:
    """The body as it comes: LEAST_BYTES of it, or its end, for every `body_s` that are waited. Raises Refusal.

    A client that sends a byte now and then would hold its import, and with it the erasures of its tenant, for ever.
    """
    clock, left_s, got = asyncio.get_running_loop().time, limits.body_s, 0
    while True:
        asked_s = clock()
        try:
            async with asyncio.timeout(left_s):
                piece = await request.content.read(PIECE_BYTES)
        except TimeoutError:
            raise _too_slow(limits) from None
        except web.RequestPayloadError as error:
            raise refusal("bad_request", str(error), headers=CLOSE) from None
        if not piece:
            return
        left_s, got = left_s - (clock() - asked_s), got + len(piece)
        if got >= LEAST_BYTES:
            left_s, got = limits.body_s, 0
        elif left_s <= 0:
            raise _too_slow(limits)
        yield piece


def _too_slow(limits: Limits) -> Refusal:
    detail = f"{LEAST_BYTES} bytes, or the rest, must come within {limits.body_s:g} s"
    return refusal("body_too_slow", detail, headers=CLOSE)
