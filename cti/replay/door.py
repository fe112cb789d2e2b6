"""The replay as an ordinary client of /v1.

Every wait is bounded: a request is tried RETRIES_MAX times, and at most REQUESTS_MAX are in flight.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager
from itertools import islice
from typing import Any
from urllib.parse import quote

import aiohttp

from cti.errors import RingbackError

BATCH_MAX = 500
REQUESTS_MAX = 4
RETRIES_MAX = 20
RETRY_AFTER_DEFAULT_S = 0.2
RETRY_AFTER_MAX_S = 10.0
REQUEST_LIMIT_S = 120.0
PAGE_MAX = 1000
BUSY = (429, 503)
ANSWER_CHARS_SHOWN = 500


class DoorRefused(RingbackError):
    """The product refused a request of the replay, or did not answer it."""


@asynccontextmanager
async def door(url: str, key: str) -> AsyncIterator["Door"]:
    """A client of the service at `url`, with an API key."""
    session = aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S),
        connector=aiohttp.TCPConnector(limit=REQUESTS_MAX),
    )
    async with session:
        yield Door(session)


class Door:
    """The requests that a replay makes."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def declare(self, switch: str, source: str, facts: list[str]) -> None:
        """Declare the switch: the events that its records gave, and no command."""
        declaration = {"source": source, "commands": [], "facts": facts, "if_other_ready": False}
        await self._request("PUT", f"/v1/switches/{quote(switch, safe='')}", json.dumps(declaration).encode())

    async def post(self, bodies: Iterable[bytes]) -> int:
        """Post the events in order, in batches; their number. Raises DoorRefused if the product refuses one."""
        batches = _batches(bodies)
        posted = 0

        async def work() -> None:
            nonlocal posted
            for batch in batches:
                await self._post_batch(batch)
                posted += len(batch)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(REQUESTS_MAX):
                    group.create_task(work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return posted

    async def _post_batch(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]"
        answer = json.loads(await self._request("POST", "/v1/events", body, "application/cloudevents-batch+json"))
        if answer.get("accepted") != len(batch):
            raise DoorRefused(json.dumps(answer, ensure_ascii=False)[:ANSWER_CHARS_SHOWN])

    async def rules(self) -> dict[str, Any]:
        """For each rule: measured, or not measurable and which events are missing."""
        rules: dict[str, Any] = json.loads(await self._request("GET", "/v1/indicators"))["rules"]
        return rules

    async def records(self) -> AsyncIterator[bytes]:
        """The latest record of every call, in call-id order, each one JSON object."""
        after = ""
        while True:
            page = await self._request("GET", "/v1/records", query={"after": after, "limit": str(PAGE_MAX)})
            lines = page.splitlines()
            for line in lines:
                yield line
            if len(lines) < PAGE_MAX:
                return
            after = json.loads(lines[-1])["call"]

    async def agents(self) -> AsyncIterator[tuple[str, str | None]]:
        """(call, the agent who answered it first) of every call that has ended."""
        query = {"state": "ended", "limit": str(PAGE_MAX)}
        while True:
            page = json.loads(await self._request("GET", "/v1/calls", query=query))
            for call in page["calls"]:
                yield call["call"], call["agent"]
            if page["cursor"] is None:
                return
            query["cursor"] = page["cursor"]

    async def _request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> bytes:
        """The body of the answer; retries while the service is busy. Raises DoorRefused."""
        headers = {"Content-Type": content_type} if body is not None else {}
        for _ in range(RETRIES_MAX):
            try:
                async with self._session.request(method, path, data=body, params=query, headers=headers) as answer:
                    content = await answer.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise DoorRefused(f"{method} {path}: no answer: {error!r}") from error
            if answer.status < 300:
                return content
            if answer.status not in BUSY:
                said = content.decode(errors="replace")[:ANSWER_CHARS_SHOWN]
                raise DoorRefused(f"{method} {path}: {answer.status} {said}")
            await asyncio.sleep(_retry_after_s(answer.headers.get("Retry-After")))
        raise DoorRefused(f"{method} {path}: still busy after {RETRIES_MAX} tries")


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Batches of at most BATCH_MAX. All workers share the iterator, so batches are posted in order."""
    source = iter(bodies)
    while batch := list(islice(source, BATCH_MAX)):
        yield batch


def _retry_after_s(word: str | None) -> float:
    try:
        return min(max(float(word or RETRY_AFTER_DEFAULT_S), 0.01), RETRY_AFTER_MAX_S)
    except ValueError:
        return RETRY_AFTER_DEFAULT_S
