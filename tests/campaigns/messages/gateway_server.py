"""A message gateway that speaks the scheme, on this machine: it checks each signature and answers by script."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from campaigns.messages import signing
from campaigns.messages.signing import Signed

SECRET = b"a secret of twenty-four b"
Act = Callable[[web.Request], Awaitable[web.StreamResponse]]


def answer(status: int, **headers: str) -> Act:
    """Answer so."""

    async def act(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, headers=headers)

    return act


async def cut(request: web.Request) -> web.StreamResponse:
    """Read the message, then cut the connection."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


class GatewayServer:
    """`acts`: what it does, message by message; the last one from then on."""

    def __init__(self, acts: Sequence[Act], now_s: Callable[[], float]) -> None:
        self.acts, self._now_s = list(acts), now_s
        self.received: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.url = ""
        self.held = asyncio.Event()  # of `hold`: a message is here
        self.let_go = asyncio.Event()

    async def hold(self, _: web.Request) -> web.StreamResponse:
        """Answer only once it is let go."""
        self.held.set()
        await self.let_go.wait()
        return web.Response(status=200)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        given = Signed(*(request.headers[name] for name in (signing.ID, signing.TIMESTAMP, signing.SIGNATURE)))
        signing.check_form(given, self._now_s())
        assert signing.is_signed([SECRET], given, body)
        assert request.headers["Content-Type"] == "application/json"
        self.ids.append(given.id)
        self.received.append(json.loads(body))
        act = self.acts.pop(0) if len(self.acts) > 1 else self.acts[0]
        return await act(request)


@contextlib.asynccontextmanager
async def gateway_server(*acts: Act, now_s: Callable[[], float] = time.time) -> AsyncIterator[GatewayServer]:
    """Listening on loopback. Without acts it takes every message."""
    server = GatewayServer(acts or [answer(202)], now_s)
    app = web.Application()
    app.router.add_post("/messages", server.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.url = f"http://{host}:{port}/messages"
    try:
        yield server
    finally:
        server.let_go.set()
        await runner.cleanup()
