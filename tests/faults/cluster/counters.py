"""Commits and claims that were refused, from the processes' own metrics.

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
CLAIMS = re.compile(r"^ringback_dial_(claims_refused|orders_unwritten)_total (\S+)$", re.MULTILINE)
LOST = '"partitions_lost"'


class Counts:
    """The counts of some processes: what a pattern finds, as (label, value)."""

    def __init__(self, parts: Sequence[Part], session: aiohttp.ClientSession, pattern: re.Pattern[str]) -> None:
        self._parts, self._session, self._pattern = parts, session, pattern
        self._seen: dict[tuple[str, int], Mapping[str, int]] = {}  # by process and start

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            for part in self._parts:
                if part.up.is_set():
                    await self.look(part)
            await pause(EVERY_S)

    async def look(self, part: Part) -> None:
        """Read one process's counters, if it answers."""
        start = part.starts
        try:
            async with self._session.get(f"{part.url}/metrics") as answer:
                text = await answer.text()
        except (aiohttp.ClientError, TimeoutError):
            return
        if part.starts == start:
            self._seen[part.name, start] = counted(text, self._pattern)

    @property
    def total(self) -> Counter[str]:
        """By label, over all processes and all their starts."""
        whole = Counter[str]()
        for one in self._seen.values():
            whole.update(one)
        return whole


class Refusals(Counts):
    """Those of all engines, by reason."""

    def __init__(self, engines: Sequence[Part], session: aiohttp.ClientSession) -> None:
        super().__init__(engines, session, FAILED)

    def fenced(self, engine: Part) -> int:
        """What the fence has refused of this engine since its last start."""
        return self._seen.get((engine.name, engine.starts), {}).get("fenced", 0)

    def told_lost(self) -> int:
        """How often an engine logged that partitions were lost, whether or not a commit was under way."""
        return sum(engine.log.read_text("utf-8", "replace").count(LOST) for engine in self._parts)


def counted(exposition: str, pattern: re.Pattern[str] = FAILED) -> Mapping[str, int]:
    """Commits that failed, by reason; or what another pattern finds."""
    return {label: int(float(value)) for label, value in pattern.findall(exposition)}
