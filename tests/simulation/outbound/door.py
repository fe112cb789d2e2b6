"""The real door without a socket before it: its router, its middleware and its handlers, called on the loop.

Half of a simulated history would be a client and a server that talk to each other in one process.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Self, cast

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import RawRequestMessage
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL


class _Line(asyncio.Transport):
    """A connection that lives as long as its request."""

    def is_closing(self) -> bool:
        return False


class _Wire(BaseProtocol):
    """What an aiohttp request wants to know of its connection."""

    max_field_size, max_line_length, max_headers = 8190, 8190, 128
    ssl_context = peername = sockname = None
    writer: AbstractStreamWriter | None = None


class Answer:
    """What a client sees of an answer. A context manager, as a client's is."""

    def __init__(self, door: "Door", method: str, path: str, data: bytes | None, headers: Mapping[str, str]) -> None:
        self._asked = (door, method, path, data, headers)
        self.status = 0
        self._body = b""

    async def __aenter__(self) -> Self:
        door, *asked = self._asked
        self.status, self._body = await door.answer(*asked)
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def text(self) -> str:
        return self._body.decode()

    async def json(self, content_type: str | None = None) -> Any:
        del content_type
        return json.loads(self._body) if self._body else None


class Door:
    """`session.request` of a client. `key`: its Authorization; None: it has none."""

    def __init__(self, app: web.Application, key: str | None) -> None:
        self._app = app
        self._own = {"Host": "door"} if key is None else {"Authorization": key, "Host": "door"}
        self.told: Mapping[str, str] = {}  # headers of the last answer
        self._loop = asyncio.get_running_loop()
        self._wire = _Wire(self._loop)
        self._wire.transport = _Line()

    def request(
        self, method: str, url: str, *, data: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return Answer(self, method, url, data, headers or {})

    async def answer(self, method: str, url: str, data: bytes | None, headers: Mapping[str, str]) -> tuple[int, bytes]:
        path = URL(url)
        named = CIMultiDict({**self._own, **headers})
        if data is not None:
            named["Content-Length"] = str(len(data))
        raw = tuple((name.encode(), value.encode()) for name, value in named.items())
        message = RawRequestMessage(
            method, str(path), HttpVersion11, CIMultiDictProxy(named), raw, False, None, False, False, path
        )  # fmt: skip
        payload = StreamReader(self._wire, 2**16, loop=self._loop)
        if data:
            payload.feed_data(data)
        payload.feed_eof()
        writer, task = cast("AbstractStreamWriter", None), cast("asyncio.Task[None]", asyncio.current_task())
        request = web.Request(message, payload, cast("Any", self._wire), writer, task, self._loop)
        answer = await self._app._handle(request)
        assert isinstance(answer, web.Response), "a stream needs a line"
        self.told = answer.headers
        return answer.status, bytes(cast("bytes", answer.body) or b"")
