"""The replay's way into the product: an ordinary client of /v1, nothing else.

Every wait has a limit: a batch is tried again at most RETRIES_MAX times, and at most REQUESTS_MAX are under way.
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
LINE_BYTES_MAX = 4 * 1024 * 1024
ANSWER_CHARS_SHOWN = 500


class DoorRefused(RingbackError):
    """The product's own door refused what the replay asked."""


@asynccontextmanager
async def door(url: str, key: str) -> AsyncIterator["Door"]:
    """The door of the service at `url`, for the holder of `key`."""
    session = aiohttp.ClientSession(
        url,
        headers={"Authorization": f"Bearer {key}"},
        timeout=aiohttp.ClientTimeout(total=REQUEST_LIMIT_S),
        connector=aiohttp.TCPConnector(limit=REQUESTS_MAX),
        read_bufsize=LINE_BYTES_MAX,
    )
    async with session:
        yield Door(session)


class Door:
    """What a replay asks of the product."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def declare(self, switch: str, source: str, facts: list[str]) -> None:
        """Tell the product what these records can say. A replay can obey no command, and says so."""
        declaration = {"source": source, "commands": [], "facts": facts, "if_other_ready": False}
        await self._asked("PUT", f"/v1/switches/{quote(switch, safe='')}", json.dumps(declaration).encode())

    async def post(self, bodies: Iterable[bytes]) -> int:
        """Post every event, in order, in batches; how many were posted. Raises DoorRefused if one is refused."""
        batches = _batches(bodies)
        posted = 0

        async def work() -> None:
            nonlocal posted
            for batch in batches:
                await self._post_batch(batch)
                posted += len(batch)

        async with asyncio.TaskGroup() as group:
            for _ in range(REQUESTS_MAX):
                group.create_task(work())
        return posted

    async def _post_batch(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]"
        answer = await self._asked("POST", "/v1/events", body, "application/cloudevents-batch+json")
        if answer.get("accepted") != len(batch):
            raise DoorRefused(json.dumps(answer, ensure_ascii=False)[:ANSWER_CHARS_SHOWN])

    async def read(self, path: str, **query: str) -> dict[str, Any]:
        """One JSON answer."""
        return await self._asked("GET", path, b"", query=query)

    async def pages(self, path: str, items: str, **query: str) -> AsyncIterator[dict[str, Any]]:
        """Every item of a listing, page after page, by its cursor."""
        cursor: str | None = None
        while True:
            page = await self.read(path, **query, **({"cursor": cursor} if cursor else {}))
            for item in page[items]:
                yield item
            cursor = page.get("cursor")
            if not cursor:
                return

    async def lines(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Every line of an NDJSON answer."""
        async with self._session.get(path) as answer:
            if answer.status != 200:
                raise DoorRefused(f"GET {path}: {answer.status} {(await answer.text())[:ANSWER_CHARS_SHOWN]}")
            async for line in answer.content:
                if line.strip():
                    yield json.loads(line)

    async def _asked(
        self,
        method: str,
        path: str,
        body: bytes,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> dict[str, Any]:
        """One request, tried again while the service says it is busy; raises DoorRefused on any other refusal."""
        for _ in range(RETRIES_MAX):
            async with self._session.request(
                method, path, data=body or None, params=query, headers={"Content-Type": content_type}
            ) as answer:
                text = await answer.text()
                if answer.status < 300:
                    found: dict[str, Any] = json.loads(text)
                    return found
                if answer.status not in (429, 503):
                    raise DoorRefused(f"{method} {path}: {answer.status} {text[:ANSWER_CHARS_SHOWN]}")
                pause_s = _retry_after_s(answer.headers.get("Retry-After"))
            await asyncio.sleep(pause_s)
        raise DoorRefused(f"{method} {path}: still busy after {RETRIES_MAX} tries")


def _batches(bodies: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Slices of at most BATCH_MAX; one iterator serves all workers, so the order of posting is kept."""
    source = iter(bodies)
    while batch := list(islice(source, BATCH_MAX)):
        yield batch


def _retry_after_s(word: str | None) -> float:
    try:
        return min(max(float(word or RETRY_AFTER_DEFAULT_S), 0.01), RETRY_AFTER_MAX_S)
    except ValueError:
        return RETRY_AFTER_DEFAULT_S
