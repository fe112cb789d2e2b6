"""Who owned which partition when, and how long it stood still meanwhile: from looks at the ledger from outside."""

import asyncio
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from statistics import median
from typing import Any, NamedTuple

import psycopg

from tests.faults.cluster.waiting import pause

EVERY_S = 0.1
QUERY = "SELECT partition, epoch, position, owner FROM partitions ORDER BY partition"


class Held(NamedTuple):
    """A partition's row."""

    partition: int
    epoch: int
    position: int
    owner: str


class Still(NamedTuple):
    """A partition passed on: from its last move under one owner to the first under another, in s of our clock."""

    partition: int
    began_s: float
    ended_s: float
    by_silence: bool  # taken from an owner that had fallen silent, not handed over

    @property
    def seconds(self) -> float:
        return self.ended_s - self.began_s


class Track:
    """What many looks say of one partition."""

    def __init__(self, seen: Held, at_s: float) -> None:
        self._last, self._moved_s = seen, at_s
        self._left: tuple[str, float, int] | None = None  # a former owner, its last move, and its epoch

    def seen(self, now: Held, at_s: float) -> Still | None:
        """The next look; the standstill that has ended with it."""
        last, found = self._last, None
        moved = now.position != last.position
        if moved and not now.owner:  # its former owner's last move, seen together with its letting go
            self._moved_s = at_s
        if now.epoch != last.epoch and self._left is None:
            self._left = (last.owner, self._moved_s, last.epoch)
        if moved and now.owner:
            if self._left is not None and now.owner != self._left[0]:
                found = Still(now.partition, self._left[1], at_s, now.epoch == self._left[2] + 1)
            self._left, self._moved_s = None, at_s
        self._last = now
        return found


class Looks:
    """The ledger's partitions, looked at again and again on a connection of our own. `kinds`: how many there are, in
    turn; those of the first, the calls, always have something to read.
    """

    def __init__(self, conninfo: str, kinds: int) -> None:
        self._conninfo, self._kinds = conninfo, kinds
        self._connection: psycopg.Connection[Any] | None = None
        self._tracks: dict[int, Track] = {}
        self.now: dict[int, Held] = {}
        self.stills: list[Still] = []
        self._away: list[tuple[float, float]] = []  # when the broker or the ledger's server was away: from, to
        self._gone: dict[str, float] = {}  # what is away now: since when

    def away(self, name: str, begins: bool) -> None:
        """The broker or the ledger's server goes, or is back."""
        if begins:
            self._gone.setdefault(name, time.monotonic())
        elif name in self._gone:
            self._away.append((self._gone.pop(name), time.monotonic()))

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.look()
            await pause(EVERY_S)

    async def look(self) -> None:
        with suppress(psycopg.Error):
            rows = await asyncio.to_thread(self._rows)
            at_s = time.monotonic()
            for row in rows:
                self._note(row, at_s)

    def _rows(self) -> Sequence[Held]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._conninfo, autocommit=True, connect_timeout=5)
        return [Held._make(row) for row in self._connection.execute(QUERY)]

    def _note(self, row: Held, at_s: float) -> None:
        self.now[row.partition] = row
        if row.partition % self._kinds:
            return
        track = self._tracks.get(row.partition)
        if track is None:
            self._tracks[row.partition] = Track(row, at_s)
        elif (still := track.seen(row, at_s)) is not None:
            self.stills.append(still)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def figures(self) -> Mapping[str, Any]:
        """Takeovers and hand-overs; and how long they lasted where neither server was away meanwhile."""
        taken = [one for one in self.stills if one.by_silence]
        alone = [one.seconds for one in taken if not self._troubled(one)]
        return {
            "takeovers": len(taken),
            "handovers": len(self.stills) - len(taken),
            "standstill_s": _spread(alone),
            "handover_standstill_s": _spread([one.seconds for one in self.stills if not one.by_silence]),
            "standstill_with_servers_away_s": _spread([one.seconds for one in taken if self._troubled(one)]),
            "shares_at_the_end": sorted(Counter(row.owner for row in self.now.values()).values()),
            "shares_of_calls_at_the_end": sorted(Counter(row.owner for row in self._busy_now()).values()),
        }

    def _busy_now(self) -> Iterator[Held]:
        return (row for row in self.now.values() if row.partition % self._kinds == 0)

    def _troubled(self, one: Still) -> bool:
        return any(begun < one.ended_s and ended > one.began_s for begun, ended in self._away)


def _spread(seconds: Sequence[float]) -> dict[str, float | int]:
    if not seconds:
        return {"count": 0}
    return {"count": len(seconds), "median": round(median(seconds), 2), "max": round(max(seconds), 2)}
