"""Another tenant beside an attack: its calls ring, and RING-1 must come for each, in time."""

import asyncio
import contextlib
import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import aiohttp

from tests.hostile.events import Event, ending, heartbeat, now_ms, ringing
from tests.hostile.site import BROKEN, Site, pause
from tests.hostile.verdict import Verdict, spread

SWITCH = "witness-1"
SOURCE = f"/switches/{SWITCH}"
CALLS = 20
RING_MS = 12_000  # RING-1
LATE_MS_MAX = 500.0
EARLY_MS_MAX = 50.0
BEAT_S = 2.0
GRACE_S = 6.0  # a command later than this is of no use (`useful_for_s` of the rule): it counts as missing
POST_TRIES_MAX = 40
AGAIN_S = 0.1


class Witness:
    """One switch of a tenant of its own: its calls, its stream, and how late each command was."""

    def __init__(self, site: Site, key: str) -> None:
        self._site, self._key = site, key
        self._due_ms: dict[str, int] = {}  # by call
        self.late_ms: dict[str, float] = {}
        self.commands: list[dict[str, Any]] = []
        self.statuses: Counter[int] = Counter()
        self.posts_ms: list[float] = []
        self._opened = asyncio.Event()

    async def declare(self) -> None:
        await self._site.declared(self._key, SWITCH)

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Declared, listening, and sending heartbeats, until the block ends."""
        await self.declare()
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._beat())]
        try:
            await asyncio.wait_for(self._opened.wait(), 10.0)
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def ring(self, count: int = CALLS, over_s: float = 4.0) -> None:
        """Let so many calls ring, one after the other."""
        began = time.monotonic()
        posts = []
        for number in range(count):
            await pause(began + number * over_s / count - time.monotonic())
            at_ms, subject = now_ms(), f"witness-{len(self._due_ms) + 1}"
            self._due_ms[subject] = at_ms + RING_MS
            posts.append(asyncio.create_task(self._post(ringing(SOURCE, subject, at_ms))))
        await asyncio.gather(*posts)

    async def settled(self) -> None:
        """Return when each command has come, or could be of no use any more."""
        last_ms = max(self._due_ms.values()) + GRACE_S * 1000
        while len(self.late_ms) < len(self._due_ms) and now_ms() < last_ms:
            await pause(AGAIN_S)

    async def end_calls(self) -> None:
        """All its calls end."""
        events = [event for subject in self._due_ms for event in ending(SOURCE, subject, now_ms())]
        await self._post(events)

    def due_meanwhile(self, verdict: Verdict, from_ms: int, to_ms: int, least: int) -> None:
        """So many commands at least were due while the attack went on, or it has shown nothing."""
        due = sum(from_ms <= at <= to_ms for at in self._due_ms.values())
        verdict.figure["due_meanwhile"] = due
        verdict.must(due >= least, f"{least} or more RING-1 commands are due while the attack goes on")

    @property
    def first_due_ms(self) -> int:
        return min(self._due_ms.values())

    def judge(self, verdict: Verdict) -> None:
        """RING-1 came for each call, and in time; the door never turned it away."""
        missing = len(self._due_ms) - len(self.late_ms)
        figure: dict[str, Any] = {
            "ring1": len(self.late_ms),
            "missing": missing,
            "late": spread([*self.late_ms.values()]),
        }
        figure |= {"posts": spread(self.posts_ms), "statuses": dict(sorted(self.statuses.items()))}
        verdict.figure["witness"] = figure
        verdict.must(not missing, f"every one of the {len(self._due_ms)} RING-1 commands of the other tenant comes")
        late = max(self.late_ms.values(), default=0.0)
        early = -min(self.late_ms.values(), default=0.0)
        verdict.must(early <= EARLY_MS_MAX, "no RING-1 of the other tenant comes before it is due")
        verdict.must(late <= LATE_MS_MAX, f"RING-1 of the other tenant is at most {LATE_MS_MAX:g} ms late (p99 of 20)")
        verdict.must(set(self.statuses) <= {200, 202}, "the other tenant's posts are all taken at once")

    async def none_lost(self, verdict: Verdict, within_s: float = 30.0) -> None:
        """Each of its calls has a record."""
        lost, after_s = await self._site.without(self._key, within_s, self._due_ms, SOURCE, "ended")
        verdict.figure["witness"] |= {"records_after_s": after_s, "lost": lost}
        verdict.must(not lost, "every call of the other tenant has its record")

    async def _post(self, events: list[Event]) -> None:
        for _ in range(POST_TRIES_MAX):
            answer = await self._site.post(self._key, events)
            self.statuses[answer.status] += 1
            self.posts_ms.append(answer.seconds * 1000)
            if answer.status in (200, 202):
                return
            await pause(AGAIN_S)

    async def _beat(self) -> None:
        while True:
            await self._post([heartbeat(SOURCE, SWITCH)])
            await pause(BEAT_S)

    async def _listen(self) -> None:
        endless = aiohttp.ClientTimeout(total=None, sock_connect=10.0)
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "text/event-stream"}
        url = f"{self._site.process.url}/v1/switches/{SWITCH}/commands"
        while True:
            with contextlib.suppress(*BROKEN):
                async with self._site.session.get(url, headers=headers, timeout=endless) as answer:
                    if answer.status == 200:
                        self._opened.set()
                    async for line in answer.content:
                        if line.startswith(b"data:"):
                            self._heard(json.loads(line[5:]))
            await pause(AGAIN_S)

    def _heard(self, command: dict[str, Any]) -> None:
        self.commands.append(command)
        subject = command.get("subject", "")
        if command["rule"] == "RING-1" and subject in self._due_ms:
            self.late_ms.setdefault(subject, now_ms() - self._due_ms[subject])
