"""The listening side: bounded connections and headers, no access log, an orderly stop."""

import asyncio
import socket
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.web_runner import BaseSite
from pydantic_core import to_json

from cti.web.binding import bind
from cti.web.limits import Limits
from cti.web.refusal import PROBLEM_JSON, Refusal

log = structlog.get_logger()
BACKLOG = 512
DETAIL_CHARS_MAX = 200
ALWAYS = {hdrs.CACHE_CONTROL: "no-store", "X-Content-Type-Options": "nosniff", hdrs.SERVER: "ringback"}
ANSWER_BYTES_MIN = 16_384  # taken of an answer in `Limits.answer_s`, or the client is not reading


def guard(response: web.StreamResponse) -> None:
    """Set the headers of every answer: no caching, no content sniffing, no version of the server."""
    response.headers.update(ALWAYS)


async def guarded(_request: web.Request, response: web.StreamResponse) -> None:
    """`guard` for every answer of an application, streams included, as `on_response_prepare` has it."""
    guard(response)


class _TurnedAway(asyncio.Protocol):
    """A connection beyond the limit: it gets a 503 answer and is closed."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.WriteTransport):
            transport.write(self._answer)
            transport.close()


class Conversation(web.RequestHandler):
    """One connection. Malformed HTTP is answered like any other mistake: with a problem document.

    A client that is slow with headers, or does not read its answers, is disconnected.
    """

    def __init__(self, site: "_BoundedSite", manager: web.Server, **manners: Any) -> None:
        super().__init__(manager, loop=asyncio.get_running_loop(), **manners)
        self._site, self._limits = site, site.limits
        self._slow_headers: asyncio.TimerHandle | None = None
        self._slow_reader: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._site.strangers.add(self)
        self._await_headers()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._site.strangers.forget(self)
        for timer in (self._slow_headers, self._slow_reader):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def has_key(self) -> None:
        """A request on this connection had a good key."""
        self._site.strangers.forget(self)

    def cut(self) -> None:
        """Close the connection, even during a request."""
        if self.transport is not None:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        before = self._request_count
        super().data_received(data)
        if self._request_count != before:
            if self._slow_headers is not None:
                self._slow_headers.cancel()
                self._slow_headers = None
        elif self._current_request is None and not self._messages:
            self._await_headers()

    def _await_headers(self) -> None:
        if self._slow_headers is None:
            self._slow_headers = asyncio.get_running_loop().call_later(self._limits.headers_s, self._headers_are_late)

    def _headers_are_late(self) -> None:
        """Disconnect, unless a request is under way: a piece of its body came before its handler had begun."""
        self._slow_headers = None
        if self._current_request is None and not self._messages:
            self.cut()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._look_at_reader(None)

    def resume_writing(self) -> None:
        if self._slow_reader is not None:
            self._slow_reader.cancel()
            self._slow_reader = None
        super().resume_writing()

    def _look_at_reader(self, unread_before: int | None) -> None:
        """Disconnect a client that has read hardly anything since the last check."""
        if self.transport is None:
            return
        unread = self.transport.get_write_buffer_size()
        if unread_before is not None and unread_before - unread < ANSWER_BYTES_MIN:
            self.cut()
            return
        loop = asyncio.get_running_loop()
        self._slow_reader = loop.call_later(self._limits.answer_s, self._look_at_reader, unread)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer and close. Clients' mistakes are not logged one by one."""
        if request.writer.output_size > 0:
            raise ConnectionError("the answer has begun already")
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            log.error("request_failed", status=status, exc_info=exc)
            answer = Refusal("internal")
        else:
            answer = Refusal("bad_request", (message or "").split("\n", 1)[0][:DETAIL_CHARS_MAX])
        response = answer.response()
        guard(response)
        response.force_close()
        return response


class _Strangers:
    """Connections on which no good key was shown yet, in the order of coming. Beyond their limit the oldest goes."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._here: dict[Conversation, None] = {}

    def add(self, conversation: Conversation) -> None:
        if len(self._here) >= self._most:
            oldest = next(iter(self._here))
            self.forget(oldest)
            oldest.cut()
        self._here[conversation] = None

    def forget(self, conversation: Conversation) -> None:
        self._here.pop(conversation, None)


class _BoundedSite(BaseSite):
    """A bound socket that serves at most `Limits.connections` at a time."""

    def __init__(self, runner: web.AppRunner, bound: socket.socket, limits: Limits) -> None:
        super().__init__(runner, backlog=BACKLOG)
        self._bound, self.limits = bound, limits
        self._address: tuple[Any, ...] = bound.getsockname()
        self.strangers = _Strangers(limits.connections_without_key)
        self._full = _full_answer(limits)
        self._manners: dict[str, Any] = {
            "access_log": None,
            "keepalive_timeout": limits.idle_s,
            "lingering_time": limits.linger_s,
            "max_line_size": limits.header_bytes,
            "max_field_size": limits.header_bytes,
            "auto_decompress": False,  # encoded bodies are refused; nothing is unpacked on the way to that
        }

    @property
    def name(self) -> str:
        return f"http://{self._address[0]}:{self.port}"

    async def start(self) -> None:
        await super().start()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, sock=self._bound, backlog=BACKLOG)

    @property
    def port(self) -> int:
        """The port in use; that of the system's choice where 0 was asked for."""
        return int(self._address[1])

    def _protocol(self) -> asyncio.BaseProtocol:
        server = self._runner.server
        if server is None or len(server.connections) >= self.limits.connections:
            return _TurnedAway(self._full)
        return Conversation(self, server, **self._manners)


def _full_answer(limits: Limits) -> bytes:
    body = to_json(Refusal("overloaded", "Too many connections").body())
    head = (
        f"HTTP/1.1 503 Service Unavailable\r\nContent-Type: {PROBLEM_JSON}\r\nContent-Length: {len(body)}\r\n"
        f"Retry-After: {limits.retry_after_s}\r\nCache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


class Listening:
    """A served application. `stop` ends it in order: no new connections, open requests finish, streams are closed."""

    def __init__(self, runner: web.AppRunner, site: _BoundedSite, host: str) -> None:
        self._runner, self._site, self._host = runner, site, host

    @property
    def port(self) -> int:
        """The TCP port."""
        return self._site.port

    @property
    def url(self) -> str:
        """`http://host:port`, without a slash at the end."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self.port}"

    async def stop(self) -> None:
        """Returns when nothing is served any more; within `stop_s` of `listen`."""
        await self._runner.cleanup()
        await asyncio.sleep(0)  # a transport that was closed lets go of its socket at the loop's next turn


async def listen(
    app: web.Application, host: str, port: int, limits: Limits, stop_s: float = 3.0,
    bound: Sequence[socket.socket] = (),
) -> Listening:  # fmt: skip
    """Serve `app` on `host`:`port` (0: any free one), or on the sockets that `bind` has made for it.

    Raises OSError when the address cannot be had. The sockets are closed at the end or after a failure.
    """
    app.on_response_prepare.append(guarded)
    sockets = bound or bind(host, port)
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=stop_s,
    )
    try:
        await runner.setup()
        sites = [_BoundedSite(runner, listener, limits) for listener in sockets]
        for site in sites:
            await site.start()
    except BaseException:
        await runner.cleanup()
        for listener in sockets:
            listener.close()
        raise
    return Listening(runner, sites[0], host)
