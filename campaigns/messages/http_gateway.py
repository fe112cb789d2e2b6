"""The signed HTTP adapter: one POST a message, Standard Webhooks 1.0, to a public address and nowhere else.

* What is certain rests on one instant: a connection is there, and the first byte is about to be written. Any fault
  before it is "not taken"; after it only an answer makes anything certain. There the expiry is looked at again.
* No redirect, no proxy, no cookie, no compression; of an answer ANSWER_BYTES_MAX are read.
* 2xx: taken. 429, and 503 with `Retry-After`: not taken, and not now. 400, 409, 413, 415, 422: this message is refused.
  Other 3xx and 4xx (a wrong secret, a wrong URL): not taken, and no other would be. All else is unknown.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextvars import ContextVar
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any

import aiohttp

from campaigns.messages.addresses import AddressRefused, CheckedResolver, checked_url, is_allowed
from campaigns.messages.port import Answer, Message, Verdict
from campaigns.messages.signing import headers_of, id_of

TIMEOUT_S = 20.0  # the specification recommends 15 to 30
CONNECT_S = 5.0
KEEPALIVE_S = 2.0  # an idle connection that the gateway closes just then makes a message unknown
ANSWER_BYTES_MAX = 65_536
WAIT_MIN_S, WAIT_MAX_S = 1.0, 300.0
REFUSING = frozenset({400, 409, 413, 415, 422})
MS = 1000
_leaving: ContextVar["_Leaving"] = ContextVar("leaving")


class _TooLateError(Exception):
    """It expired before its first byte left."""


class _Leaving:
    """Whether a message's first byte may have left."""

    def __init__(self, left_ms: Callable[[], float]) -> None:
        self._left_ms = left_ms
        self.begun = False

    def begin(self) -> None:
        """Raises _TooLateError."""
        if self._left_ms() <= 0:
            raise _TooLateError
        self.begun = True


class _Connector(aiohttp.TCPConnector):
    """Hands a connection over at the last instant before the first byte."""

    async def connect(self, *given: Any, **more: Any) -> Any:
        connection = await super().connect(*given, **more)
        try:
            _leaving.get().begin()
        except _TooLateError:
            connection.close()
            raise
        return connection


class HttpGateway:
    """`MessageGateway` of one tenant. `wall_ms`: the time of day, for signatures."""

    def __init__(
        self, url: str, keys: list[bytes], at_once: int, wall_ms: Callable[[], float], *, loopback: bool = False
    ) -> None:
        """Raises ValueError for a URL that is not allowed. Nothing is opened yet."""
        self._url = checked_url(url, loopback=loopback)
        self._keys, self._at_once, self._wall_ms, self._loopback = keys, at_once, wall_ms, loopback
        self._resolver = CheckedResolver(loopback=loopback)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> Answer:
        leaving = _Leaving(message.left_ms)
        token = _leaving.set(leaving)
        try:
            return await self._post(message)
        except _TooLateError:
            return Answer(Verdict.NOT_TAKEN, "expired")
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as fault:
            verdict = Verdict.UNKNOWN if leaving.begun else Verdict.NOT_TAKEN
            return Answer(verdict, type(fault).__name__, away=True)
        finally:
            _leaving.reset(token)

    async def _post(self, message: Message) -> Answer:
        valid_ms = message.left_ms()
        if valid_ms <= 0:
            raise _TooLateError
        body = f'{message.body[:-1]},"valid_for_ms":{int(valid_ms)}}}'.encode()
        signed = headers_of(self._keys, id_of(message.id), int(self._wall_ms() // MS), body)
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity", **signed}
        async with self._opened().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
            retry_after = answer.headers.get("Retry-After")
            await _drain(answer)
            return answer_of(answer.status, wait_of(retry_after, self._wall_ms()))

    async def is_there(self) -> bool:
        host, port = self._url.host or "", self._url.port or 0
        secure = ssl.create_default_context() if self._url.scheme == "https" else None
        try:
            async with asyncio.timeout(CONNECT_S):
                address = (await self._resolver.resolve(host, port, socket.AF_UNSPEC))[0]["host"]
                name = None if secure is None else host
                _, writer = await asyncio.open_connection(address, port, ssl=secure, server_hostname=name)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = _Connector(
                resolver=self._resolver, use_dns_cache=False, limit=self._at_once, keepalive_timeout=KEEPALIVE_S,
                socket_factory=self._socket,
            )  # fmt: skip
            self._session = aiohttp.ClientSession(
                connector=connector,
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S, connect=CONNECT_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,
            )
        return self._session

    def _socket(self, given: tuple[Any, ...]) -> socket.socket:
        """A socket to an address that is allowed, named or resolved. Raises AddressRefused."""
        family, kind, protocol, _, address = given
        if not is_allowed(str(address[0]), loopback=self._loopback):
            raise AddressRefused(f"{address[0]} is not a public address")
        return socket.socket(family, kind, protocol)


async def _drain(answer: aiohttp.ClientResponse) -> None:
    """Read what the gateway writes, so that the connection can be used again; of one that writes too much it cannot."""
    read = 0
    async for part in answer.content.iter_chunked(4_096):
        read += len(part)
        if read > ANSWER_BYTES_MAX:
            answer.close()
            return


def answer_of(status: int, wait_s: float | None) -> Answer:
    """What a status says. `wait_s`: of `Retry-After`."""
    detail = f"http {status}"
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return Answer(Verdict.TAKEN, detail)
    throttled = status == HTTPStatus.SERVICE_UNAVAILABLE and wait_s is not None
    if throttled or status == HTTPStatus.TOO_MANY_REQUESTS:
        return Answer(Verdict.NOT_TAKEN, detail, away=True, wait_s=wait_s or WAIT_MIN_S)
    if status in REFUSING:
        return Answer(Verdict.REFUSED, detail)
    is_certain = HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.INTERNAL_SERVER_ERROR
    certain = is_certain and status != HTTPStatus.REQUEST_TIMEOUT
    return Answer(Verdict.NOT_TAKEN if certain else Verdict.UNKNOWN, detail, away=True)


def wait_of(retry_after: str | None, wall_ms: float) -> float | None:
    """Seconds of a `Retry-After` (RFC 9110, 10.2.3), within WAIT_MIN_S and WAIT_MAX_S; None: there is none."""
    if retry_after is None:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return min(max(float(retry_after[:9]), WAIT_MIN_S), WAIT_MAX_S)
    try:
        at = parsedate_to_datetime(retry_after).astimezone(UTC)
    except (ValueError, OverflowError):  # the last hours of 9999 may have no UTC
        return None
    wait_s = (at - datetime.fromtimestamp(wall_ms / MS, UTC)).total_seconds()
    return min(max(wait_s, WAIT_MIN_S), WAIT_MAX_S)
