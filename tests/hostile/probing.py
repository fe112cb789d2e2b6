"""Another tenant's posts while something heavy goes on: how long each takes, sent at fixed times."""

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator

from tests.hostile.events import event, now_ms
from tests.hostile.site import Site, pause
from tests.hostile.verdict import Verdict, spread

EVERY_S = 0.05
DELAY_MS_MAX = 500.0
WAITING_MAX = 1_000
POSTS_MIN = 10  # fewer show nothing


class Probe:
    """What the posts took."""

    def __init__(self) -> None:
        self.took_ms: list[float] = []
        self.statuses: Counter[int] = Counter()

    @property
    def is_enough(self) -> bool:
        return len(self.took_ms) >= POSTS_MIN

    def judge(self, verdict: Verdict, name: str = "other_posts") -> None:
        figure = spread(self.took_ms)
        verdict.figure[name] = figure | {"statuses": dict(sorted(self.statuses.items()))}
        verdict.must(self.is_enough, f"{POSTS_MIN} or more posts of other tenants are answered")
        p99 = figure["p99_ms"] or 0.0
        verdict.must(p99 <= DELAY_MS_MAX, f"other tenants' posts take {DELAY_MS_MAX:g} ms at most (p99)")
        verdict.must(set(self.statuses) <= {202}, "other tenants' posts are all taken")


@contextlib.asynccontextmanager
async def probing(site: Site, key: str, every_s: float = EVERY_S) -> AsyncIterator[Probe]:
    """Post an agent's event again and again until the block ends; then wait for the answers."""
    probe, waiting = Probe(), set[asyncio.Task[None]]()

    async def one() -> None:
        answer = await site.post(key, [event("/switches/probe", "9001", "agent.agentReady", now_ms())])
        probe.took_ms.append(answer.seconds * 1000)
        probe.statuses[answer.status] += 1

    async def go_on() -> None:
        at = time.monotonic()
        while True:
            if len(waiting) < WAITING_MAX:
                task = asyncio.create_task(one())
                waiting.add(task)
                task.add_done_callback(waiting.discard)
            at += every_s
            await pause(at - time.monotonic())

    going = asyncio.create_task(go_on())
    try:
        yield probe
    finally:
        going.cancel()
        await asyncio.gather(going, *waiting, return_exceptions=True)
