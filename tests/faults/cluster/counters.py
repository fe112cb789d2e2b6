"""Commits that were refused, from the engines' own metrics.

A counter is gone with its process: it is read every second, and the highest value of each start counts. So what is
counted was refused for certain; some of it may be missed.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import aiohttp

from tests.faults.cluster.parts import Part
from tests.faults.cluster.waiting import pause

EVERY_S = 0.5
FAILED = re.compile(r'^ringback_commits_failed_total\{reason="(\w+)"\} (\S+)$', re.MULTILINE)
LOST = '"partitions_lost"'


class Refusals:
    """The counts of all engines."""

    def __init__(self, engines: Sequence[Part], session: aiohttp.ClientSession) -> None:
        self._engines, self._session = engines, session
        self._seen: dict[tuple[str, int], Mapping[str, int]] = {}  # by engine and start

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for engine in self._engines:
                if engine.up.is_set():
                    await self.look(engine)
            await pause(EVERY_S)

    async def look(self, engine: Part) -> None:
        """Read one engine's counters, if it answers."""
        start = engine.starts
        try:
            async with self._session.get(f"{engine.url}/metrics") as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return
        if engine.starts == start:
            self._seen[engine.name, start] = counted(text)

    def fenced(self, engine: Part) -> int:
        """What the fence has refused of this engine since its last start."""
        return self._seen.get((engine.name, engine.starts), {}).get("fenced", 0)

    @property
    def total(self) -> Counter[str]:
        """By reason, over all engines and all their starts."""
        whole = Counter[str]()
        for one in self._seen.values():
            whole.update(one)
        return whole

    def told_lost(self) -> int:
        """How often an engine logged that partitions were lost, whether or not a commit was under way."""
        return sum(engine.log.read_text("utf-8", "replace").count(LOST) for engine in self._engines)


def counted(exposition: str) -> Mapping[str, int]:
    """Commits that failed, by reason."""
    return {reason: int(float(value)) for reason, value in FAILED.findall(exposition)}
