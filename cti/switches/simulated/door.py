"""The HTTP API as a switch sees it: /v1, nothing else."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import aiohttp

BATCH_TYPE = "application/cloudevents-batch+json"
POST_TIMEOUT_S = 15.0
SILENCE_MAX_S = 30.0  # the stream carries a comment every 10 s; a longer silence is a dead line
ORDER_BYTES_MAX = 65_536
RETRY_AFTER_MAX_S = 30.0


class AwayError(Exception):
    """The product cannot accept it now; send the same bytes again, after `retry_after_s` if it said so."""

    def __init__(self, detail: str, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class NotAllowedError(Exception):
    """The key is wrong, or not for this switch: no use in trying again."""


class TooLargeError(Exception):
    """The batch is larger than the product takes."""


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """An event that the product will never take."""

    index: int
    code: str
    detail: str


class Posted(NamedTuple):
    """What became of a batch."""

    position: str
    refused: list[RefusedItem]


class Door:
    """One switch's way in. `url` without a trailing slash; the session is the caller's to close."""

    def __init__(self, session: aiohttp.ClientSession, url: str, key: str, switch: str) -> None:
        self._session = session
        self._url = url.rstrip("/") + "/v1"
        self._switch = switch
        self._headers = {"Authorization": f"Bearer {key}"}
        self._timeout = aiohttp.ClientTimeout(total=POST_TIMEOUT_S)

    async def declare(self, declaration: dict[str, Any]) -> None:
        """Raises AwayError, NotAllowedError."""
        status, _, answer = await self._send("PUT", f"/switches/{self._switch}", json.dumps(declaration).encode())
        if status not in {200, 201, 204}:
            raise NotAllowedError(f"the declaration was refused with {status}: {answer.get('detail', answer)}")

    async def post(self, bodies: Sequence[bytes]) -> Posted:
        """Send events as one batch. Raises AwayError, NotAllowedError, TooLargeError."""
        status, _, answer = await self._send("POST", "/events", b"[" + b",".join(bodies) + b"]", BATCH_TYPE)
        if status == 413:
            raise TooLargeError(str(answer.get("detail", "")))
        position = str(answer.get("position") or "")
        if status == 202:
            return Posted(position, [])
        items = answer.get("items")
        if isinstance(items, list):
            return Posted(position, [_refused(item) for item in items if item.get("status") != "accepted"])
        detail = f"{status} {answer.get('detail', '')}".strip()
        return Posted(position, [RefusedItem(index, str(answer.get("code")), detail) for index in range(len(bodies))])

    async def answer(self, command_id: str, result: bytes) -> int:
        """The result of a command; the HTTP status. Raises AwayError, NotAllowedError."""
        status, _, _ = await self._send("POST", f"/commands/{command_id}/result", result)
        return status

    async def commands(self) -> AsyncIterator[dict[str, Any]]:
        """Commands as they arrive, until the connection breaks (AwayError). Yields {} once the stream is open."""
        headers = self._headers | {"Accept": "text/event-stream", "Cache-Control": "no-store"}
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=POST_TIMEOUT_S, sock_read=SILENCE_MAX_S)
        url = f"{self._url}/switches/{self._switch}/commands"
        try:
            async with self._session.get(
                url, headers=headers, timeout=timeout, read_bufsize=ORDER_BYTES_MAX
            ) as response:
                _judge_status(response.status, response.headers.get("Retry-After"))
                if response.status != 200:
                    raise AwayError(f"the command stream answered {response.status}")
                yield {}
                async for command in _read_commands(response.content):
                    yield command
        except (aiohttp.ClientError, TimeoutError, ValueError) as reason:
            raise AwayError(f"the command stream broke: {reason!r}") from reason
        raise AwayError("the command stream ended")

    async def _send(
        self, method: str, path: str, body: bytes, content_type: str = "application/json"
    ) -> tuple[int, str | None, dict[str, Any]]:
        headers = self._headers | {"Content-Type": content_type}
        try:
            async with self._session.request(
                method, self._url + path, data=body, headers=headers, timeout=self._timeout
            ) as response:
                text = await response.read()
                retry_after = response.headers.get("Retry-After")
                _judge_status(response.status, retry_after)
                return response.status, retry_after, _read_object(text)
        except (aiohttp.ClientError, TimeoutError) as reason:
            raise AwayError(f"{method} {path}: {reason!r}") from reason


def _judge_status(status: int, retry_after: str | None) -> None:
    if status in {401, 403}:
        raise NotAllowedError(f"the key was refused with {status}")
    if status == 408 or status == 429 or status >= 500:
        raise AwayError(f"answered {status}", _seconds(retry_after))


def _seconds(retry_after: str | None) -> float | None:
    try:
        return min(max(float(retry_after), 0.0), RETRY_AFTER_MAX_S) if retry_after else None
    except ValueError:
        return None


def _read_object(text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text) if text else {}
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def _refused(item: dict[str, Any]) -> RefusedItem:
    detail = item.get("errors") or item.get("detail") or ""
    return RefusedItem(int(item.get("index", -1)), str(item.get("code")), str(detail))


async def _read_commands(lines: asyncio.StreamReader | aiohttp.StreamReader) -> AsyncIterator[dict[str, Any]]:
    """The `command` events of a text/event-stream (WHATWG, server-sent events): fields up to an empty line."""
    kind, data = "", ""
    while line := await lines.readline():
        text = line.decode("utf-8").rstrip("\r\n")
        if not text:
            if data and kind in {"", "command"}:
                command = json.loads(data)
                if not isinstance(command, dict) or "id" not in command:
                    raise ValueError("a command without an id")
                yield command
            kind, data = "", ""
        field, _, value = text.partition(":")
        value = value.removeprefix(" ")
        if field == "event":
            kind = value
        elif field == "data":
            data = f"{data}\n{value}" if data else value
