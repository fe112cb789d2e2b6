"""A small real server that behaves, and misbehaves, as the door may."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "rbk_1_secret"


@dataclass
class FakeDoor:
    """Answers in the order of `answers`, then 202; keeps what it was sent."""

    answers: list[tuple[int, dict[str, str], Any]] = field(default_factory=list)
    batches: list[list[dict[str, Any]]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    results: list[tuple[str, str]] = field(default_factory=list)
    declared: dict[str, Any] = field(default_factory=dict)  # by switch
    streams: list[list[bytes]] = field(default_factory=list)
    live: asyncio.Queue[bytes] | None = None  # what a stream says after `streams`, as long as it lasts

    def app(self) -> web.Application:
        app = web.Application(client_max_size=10_000_000)
        app.router.add_post("/v1/events", self.events)
        app.router.add_post("/v1/commands/{id}/result", self.result)
        app.router.add_put("/v1/switches/{id}", self.declare)
        app.router.add_get("/v1/switches/{id}/commands", self.commands)
        return app

    def _next(self) -> tuple[int, dict[str, str], Any]:
        return self.answers.pop(0) if self.answers else (202, {}, {"position": "0:1"})

    async def events(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.bodies.append(body)
        status, headers, answer = self._next()
        if status in {200, 202}:
            self.batches.append(json.loads(body))
        return web.json_response(answer, status=status, headers=headers)

    async def result(self, request: web.Request) -> web.Response:
        status, headers, answer = self._next()
        if status == 202:
            self.results.append((request.match_info["id"], (await request.json())["state"]))
        return web.json_response(answer, status=status, headers=headers)

    async def declare(self, request: web.Request) -> web.Response:
        allowed = request.headers.get("Authorization") == f"Bearer {KEY}"
        if allowed:
            self.declared[request.match_info["id"]] = await request.json()
        return web.json_response(await request.json(), status=200 if allowed else 401)

    async def commands(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in self.streams.pop(0) if self.streams else []:
            await response.write(piece)
        while self.live is not None:
            await response.write(await self.live.get())
        return response

    def said(self) -> list[dict[str, Any]]:
        """Every event taken, in the order of arrival."""
        return [event for batch in self.batches for event in batch]
