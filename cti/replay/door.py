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
PAGE_MAX = 1000
BUSY = (429, 503)
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

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(REQUESTS_MAX):
                    group.create_task(work())
        except ExceptionGroup as failed:
            raise failed.exceptions[0] from None
        return posted

    async def _post_batch(self, batch: list[bytes]) -> None:
        body = b"[" + b",".join(batch) + b"]"
        answer = json.loads(await self._asked("POST", "/v1/events", body, "application/cloudevents-batch+json"))
        if answer.get("accepted") != len(batch):
            raise DoorRefused(json.dumps(answer, ensure_ascii=False)[:ANSWER_CHARS_SHOWN])

    async def rules(self) -> dict[str, Any]:
        """Per rule what the product says of this tenant: measured, or not measurable and why."""
        told: dict[str, Any] = json.loads(await self._asked("GET", "/v1/indicators"))["rules"]
        return told

    async def records(self) -> AsyncIterator[bytes]:
        """The latest record of every call, in call-id order, each one JSON object."""
        after = ""
        while True:
            page = await self._asked("GET", "/v1/records", query={"after": after, "limit": str(PAGE_MAX)})
            lines = page.splitlines()
            for line in lines:
                yield line
            if len(lines) < PAGE_MAX:
                return
            after = json.loads(lines[-1])["call"]

    async def agents(self) -> AsyncIterator[tuple[str, str | None]]:
        """(call, who answered it first) of every call that has ended."""
        query = {"state": "ended", "limit": str(PAGE_MAX)}
        while True:
            page = json.loads(await self._asked("GET", "/v1/calls", query=query))
            for call in page["calls"]:
                yield call["call"], call["agent"]
            if page["cursor"] is None:
                return
            query["cursor"] = page["cursor"]

    async def _asked(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        query: dict[str, str] | None = None,
    ) -> bytes:
        """One request, tried again while the service says it is busy; raises DoorRefused on any other refusal."""
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
    """Slices of at most BATCH_MAX; one iterator serves all workers, so the order of posting is kept."""
    source = iter(bodies)
    while batch := list(islice(source, BATCH_MAX)):
        yield batch


def _retry_after_s(word: str | None) -> float:
    try:
        return min(max(float(word or RETRY_AFTER_DEFAULT_S), 0.01), RETRY_AFTER_MAX_S)
    except ValueError:
        return RETRY_AFTER_DEFAULT_S
