"""A small service whose answers a test writes down: what the door of the product does when it is well, and when not."""

from collections import defaultdict, deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer

from campaigns.client.door import Door

KEY = "rbk_test"


class Heard(NamedTuple):
    """A request."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


class Cut(NamedTuple):
    """An answer that breaks off after these bytes."""

    begun: bytes


@dataclass
class Service:
    """`answers`: (method, path) -> what it answers in turn, the last for ever: (status, JSON or bytes, headers)."""

    answers: dict[tuple[str, str], deque[Any]] = field(default_factory=lambda: defaultdict(deque))
    heard: list[Heard] = field(default_factory=list)
    paused: list[float] = field(default_factory=list)

    def will(self, method: str, path: str, *answers: Any) -> None:
        self.answers[method, "/v1" + path].extend(answers)

    async def pause(self, seconds: float) -> None:
        """Waits of the client pass at once, and are noted."""
        self.paused.append(seconds)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.heard.append(
            Heard(request.method, request.path, dict(request.query), dict(request.headers), await request.read())
        )
        waiting = self.answers[request.method, request.path]
        if not waiting:
            return web.json_response(problem("not_found", 404), status=404)
        answer = waiting.popleft() if len(waiting) > 1 else waiting[0]
        if isinstance(answer, Cut):
            return await _cut(request, answer)
        status, body, *headers = answer
        if isinstance(body, bytes):
            return web.Response(
                status=status, body=body, headers={**_wanted(request), **(headers[0] if headers else {})}
            )
        return web.json_response(body, status=status, headers=headers[0] if headers else None)

    def of(self, method: str, path: str) -> list[Heard]:
        return [one for one in self.heard if (one.method, one.path) == (method, "/v1" + path)]


def _wanted(request: web.Request) -> Mapping[str, str]:
    """The type of what is no JSON: the one that was asked for."""
    return {"Content-Type": request.headers.get("Accept", "*/*")}


async def _cut(request: web.Request, answer: Cut) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": str(len(answer.begun) + 1), **_wanted(request)})
    await response.prepare(request)
    await response.write(answer.begun)
    assert request.transport is not None
    request.transport.close()
    return response


def problem(code: str, status: int, **members: Any) -> dict[str, Any]:
    return {"code": code, "status": status, "title": code, "detail": f"why {code}", **members}


@asynccontextmanager
async def door_to(service: Service) -> AsyncIterator[Door]:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", service.handle)
    server = TestServer(app)
    await server.start_server()
    try:
        async with aiohttp.ClientSession() as session:
            yield Door(session, str(server.make_url("/")), KEY, service.pause)
    finally:
        await server.close()
