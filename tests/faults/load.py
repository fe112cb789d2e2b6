"""The load: switches that post events, send again what nobody answered for, err on purpose, and answer commands.

One `Line` is one switch. It posts one parcel at a time and knows nothing of kills: it only sees connections break.
"""

import asyncio
import json
import random
from collections import deque
from dataclasses import dataclass, field
from typing import Any, Protocol

import aiohttp

from tests.faults.diary import Diary
from tests.faults.scripts import Exchange, Script, script

ABILITIES = ["setRingTimeout", "deflectCall", "playMessage", "promptAgent", "setAgentState"]
REMEMBERED_MAX = 400  # acknowledged events of a line that may be posted again
WAITING_MAX = 50  # parcels without an answer; beyond it no new ones are made
ORDERS_WAITING_MAX = 1_000
REQUEST_S = 10.0
PAUSE_S = (0.005, 0.08)
AGAIN_S = 0.05  # before what broke off is tried again
BEAT_EVERY = 20  # parcels
UNANSWERED = (0, 429, 503)  # 0: the connection broke
BREAKS = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass(slots=True)
class Parcel:
    """One request's body, sent again byte for byte until it is answered."""

    media: str
    body: bytes
    items: list[dict[str, Any]]
    unanswered: int = field(default=0)


class Doors(Protocol):
    """Where to post to."""

    up: asyncio.Event
    """Set while somebody may answer."""

    @property
    def url(self) -> str:
        """The door to try next."""


class Line:
    """One switch at the door."""

    def __init__(
        self, source: str, served: Doors, key: str, session: aiohttp.ClientSession, diary: Diary, seed: str,
        calls: int, told: Script = script,
    ) -> None:  # fmt: skip
        self._source, self._served, self._session, self._diary = source, served, session, diary
        self._chance = random.Random(f"{seed}:{source}")
        self._exchange = Exchange(source, diary, self._chance, calls, told)
        self._headers = {"Authorization": f"Bearer {key}"}
        self._waiting: list[Parcel] = []
        self._remembered: deque[dict[str, Any]] = deque(maxlen=REMEMBERED_MAX)
        self._orders: asyncio.Queue[dict[str, Any]] = asyncio.Queue(ORDERS_WAITING_MAX)
        self._parcels = self._marks = 0
        self.closing = asyncio.Event()  # no new calls: finish, and get every answer

    # -- events --------------------------------------------------------------------------------------------------------

    async def declare(self) -> None:
        switch = self._source.removeprefix("/switches/")
        url = f"{self._served.url}/v1/switches/{switch}"
        told = {"commands": ABILITIES, "if_other_ready": True}
        async with self._session.put(url, json=told, headers=self._headers) as answer:
            assert answer.status == 200, await answer.text()

    async def post(self) -> None:
        """Until all calls have ended and everything was answered for (after `closing`)."""
        while self._waiting or self._exchange.live or not self.closing.is_set():
            await self._served.up.wait()
            again = self._waiting and (len(self._waiting) >= WAITING_MAX or self._chance.random() < 0.6)
            parcel = self._waiting.pop(self._chance.randrange(len(self._waiting))) if again else self._new_parcel()
            if parcel is not None:
                await self._send(parcel)
            await self._pause(self.closing if not self.closing.is_set() else asyncio.Event())

    async def _pause(self, event: asyncio.Event) -> None:
        try:
            await asyncio.wait_for(event.wait(), self._chance.uniform(*PAUSE_S) / (5 if self.closing.is_set() else 1))
        except TimeoutError:
            return

    def _new_parcel(self) -> Parcel | None:
        events = self._exchange.happenings(opening=not self.closing.is_set())
        self._parcels += 1
        if self._parcels % BEAT_EVERY == 1:
            events.append(self._exchange.heartbeat())
        if self._remembered and self._chance.random() < 0.15:
            events.append(self._chance.choice(self._remembered))  # a duplicate
        if self._remembered and self._chance.random() < 0.1:
            events.append(self._conflict(self._chance.choice(self._remembered)))
        if self._chance.random() < 0.05:
            events.append({"specversion": "1.0", "id": "no-event", "source": self._source})
        return _packed(events, self._chance) if events else None

    def _conflict(self, known: dict[str, Any]) -> dict[str, Any]:
        """Other content under a known id, marked so that it is found again."""
        self._marks += 1
        mark = f"{self._source}:{self._marks}"
        return {**known, "data": {**known["data"], "private": {"conflict": mark}}}

    async def _send(self, parcel: Parcel) -> None:
        url, headers = f"{self._served.url}/v1/events", {**self._headers, "Content-Type": parcel.media}
        try:
            async with self._session.post(url, data=parcel.body, headers=headers) as answer:
                told = await answer.json(content_type=None)
                status = answer.status
        except (*BREAKS, ValueError):
            status, told = 0, {}
        self._diary.answers[f"events {status}"] += 1
        if status in UNANSWERED:
            parcel.unanswered += 1
            self._waiting.append(parcel)
            return
        assert status in (202, 200, 422), (status, told)
        refused = {item["index"] for item in told.get("items", []) if item["status"] == "refused"}
        if status == 422 and not refused:
            refused = {0}
        self._answered([item for index, item in enumerate(parcel.items) if index not in refused])
        assert all("data" not in parcel.items[index] for index in refused), told
        self._diary.stand(told.get("position", ""))

    def _answered(self, items: list[dict[str, Any]]) -> None:
        for item in items:
            if not item["type"].startswith("ringback.call."):
                continue
            mark = item["data"].get("private", {}).get("conflict")
            if mark is not None:
                self._diary.conflicts.add(mark)
                continue
            self._diary.acknowledge(self._source, item["subject"], item["id"])
            self._remembered.append(item)

    # -- commands ------------------------------------------------------------------------------------------------------

    async def listen(self) -> None:
        """The command stream, opened again whenever it breaks; until cancelled."""
        headers = {**self._headers, "Accept": "text/event-stream"}
        endless = aiohttp.ClientTimeout(total=None, sock_connect=REQUEST_S)
        while True:
            await self._served.up.wait()
            url = f"{self._served.url}/v1/switches/{self._source.removeprefix('/switches/')}/commands"
            try:
                async with self._session.get(url, headers=headers, timeout=endless) as answer:
                    async for line in answer.content:
                        if line.startswith(b"data:"):
                            await self._ordered(json.loads(line[5:]))
            except BREAKS:
                self._diary.answers["streams broken"] += 1
            await _again()

    async def _ordered(self, command: dict[str, Any]) -> None:
        self._diary.answers["commands seen"] += 1
        if self._diary.order(command):
            await self._orders.put(command)

    async def obey(self) -> None:
        """Answer every command; until cancelled."""
        while True:
            command = await self._orders.get()
            if self._chance.random() < 0.3:
                await self._result(command, "accepted", None)
            if self._chance.random() < 0.9:
                await self._result(command, "done", None)
            else:
                await self._result(command, "refused", self._chance.choice(["noOtherAgent", "notSupported", "busy"]))

    async def _result(self, command: dict[str, Any], state: str, reason: str | None) -> None:
        status, told = 0, dict[str, Any]()
        while status in UNANSWERED:
            await self._served.up.wait()
            url = f"{self._served.url}/v1/commands/{command['id']}/result"
            try:
                async with self._session.post(
                    url, json={"state": state, "reason": reason}, headers=self._headers
                ) as answer:
                    status, told = answer.status, await answer.json(content_type=None)
            except (*BREAKS, ValueError):
                status = 0
            self._diary.answers[f"results {status}"] += 1
            if status in UNANSWERED:
                await _again()
        assert status == 202, (status, told)
        self._diary.acknowledge(self._source, command["subject"], f"result-{command['id']}-{state}")
        self._diary.stand(told["position"])

    @property
    def idle(self) -> bool:
        return not self._waiting and not self._exchange.live and self._orders.empty()


async def _again() -> None:
    """Not at once: nobody may be there."""
    try:
        await asyncio.wait_for(asyncio.Event().wait(), AGAIN_S)
    except TimeoutError:
        return


def _packed(events: list[dict[str, Any]], chance: random.Random) -> Parcel:
    bodies = [json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode() for event in events]
    if len(bodies) == 1 and chance.random() < 0.5:
        return Parcel("application/cloudevents+json", bodies[0], events)
    if chance.random() < 0.5:
        return Parcel("application/x-ndjson", b"\n".join(bodies), events)
    return Parcel("application/cloudevents-batch+json", b"[" + b",".join(bodies) + b"]", events)
