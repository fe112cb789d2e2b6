"""Answers of any size: sent in pieces while they are read, in the memory of one piece."""

from collections.abc import AsyncIterator, Mapping

import structlog
from aiohttp import web

from cti.errors import RingbackError
from cti.web.route import Asked

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
