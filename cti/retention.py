"""Retention: deletes old data once a minute. It has a time of its own, which setting a clock does not advance.

That time moves with the monotonic clock and is kept in the ledger. A clock that is set ahead, even over a restart,
makes nothing old; where the clock was right, retention catches up after a day without a step, at twice the pace.
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple

import structlog

from cti.adapters.store import Store
from cti.errors import RingbackError
from cti.parts.tasks import PURGES_MAX, PartPurges
from cti.ports import Clock
from cti.settings import Settings
from cti.telemetry import Telemetry

EVERY_MS = 60_000.0
DAY_MS = 86_400_000
STEP_MS = 1_000.0  # the wall clock and the monotonic one agree within this between two looks, or one was set
STEADY_MS = DAY_MS  # without a step, until the clock is believed
APART_MS = 3_600_000  # a larger difference from the clock is logged

log = structlog.get_logger()


class Look(NamedTuple):
    """What one look finds. `at_ms`: what now is for retention; None: nothing is dropped this time."""

    at_ms: int | None
    behind_ms: int  # the clock minus retention's time


class RetentionTime:
    """Decides, without waiting or writing."""

    def __init__(self, kept_ms: int | None) -> None:
        """`kept_ms`: where it stood when a process last kept it; None: it begins."""
        self.at_ms = float("-inf") if kept_ms is None else float(kept_ms)
        self._last: tuple[float, float] | None = None  # (wall, monotonic) at the last look
        self._steady_since_ms = 0.0

    def look(self, now_ms: float, monotonic_ms: float) -> Look:
        """Called once a minute."""
        last, self._last = self._last, (now_ms, monotonic_ms)
        if self.at_ms == float("-inf"):
            self.at_ms = now_ms
        if last is None:
            self._steady_since_ms = monotonic_ms
            return self._found(now_ms)
        passed_ms = monotonic_ms - last[1]
        self.at_ms += passed_ms
        if abs((now_ms - last[0]) - passed_ms) > STEP_MS:
            self._steady_since_ms = monotonic_ms
            return Look(None, round(now_ms - self.at_ms))
        if monotonic_ms - self._steady_since_ms >= STEADY_MS:
            self.at_ms = min(self.at_ms + passed_ms, now_ms)
        return self._found(now_ms)

    def _found(self, now_ms: float) -> Look:
        return Look(int(min(self.at_ms, now_ms)), round(now_ms - self.at_ms))


class Retention:
    """Drops what is old. `owns`: of several engines one does it."""

    def __init__(
        self, store: Store, settings: Settings, telemetry: Telemetry, clock: Clock, owns: Callable[[], bool],
        parts: PartPurges | None = None,
    ) -> None:  # fmt: skip
        """`clock` is monotonic. `parts`: what they drop beside it."""
        self._store, self._settings, self._telemetry = store, settings, telemetry
        self._clock, self._owns, self._parts = clock, owns, parts
        self._time: RetentionTime | None = None
        self._apart = False

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self.turn()
            await self._clock.wait(asyncio.Event(), self._clock.now_ms() + EVERY_MS)

    async def turn(self) -> None:
        """Look once, and act on it. If the store is away, log that and wait."""
        try:
            if not self._owns():
                self._time = None  # another engine goes on with it
                self._telemetry.callbacks_waiting(0, None)
                await self._store.ledger.retention_ms()  # what is written here is dated by it too
                return
            if self._time is None:
                self._time = RetentionTime(await self._store.ledger.retention_ms())
            now_ms = self._store.log.now_ms()
            look = self._time.look(now_ms, self._clock.now_ms())
            self._say(look)
            await self._store.ledger.keep_retention_ms(int(self._time.at_ms))
            await self._count_callbacks()
            if look.at_ms is not None:
                await self._purge(look.at_ms, int(max(now_ms, self._time.at_ms)))
                if self._parts is not None:
                    await self._parts.turn(look.at_ms)
        except RingbackError as error:
            log.warning("retention waits", action="retention_failed", why=str(error))

    async def _purge(self, at_ms: int, latest_ms: int) -> None:
        timeline_before = int(at_ms - self._settings.timeline_days * DAY_MS)
        records_before = int(at_ms - self._settings.records_days * DAY_MS)
        for _ in range(PURGES_MAX):
            gone = await self._store.log.purge(timeline_before, latest_ms)
            gone += await self._store.ledger.purge(timeline_before, records_before, latest_ms)
            if self._store.dial is not None:
                gone += await self._store.dial.purge(at_ms, records_before)
            if self._store.callbacks is not None:
                gone += await self._store.callbacks.purge(at_ms)
            if not gone:
                return

    async def _count_callbacks(self) -> None:
        if self._store.callbacks is not None:
            self._telemetry.callbacks_waiting(*await self._store.callbacks.pending())

    def _say(self, look: Look) -> None:
        self._telemetry.retention_behind(look.behind_ms)
        apart = look.at_ms is None or abs(look.behind_ms) > APART_MS
        if apart and not self._apart:
            log.warning(
                "the clock was set, or the service stood still: retention continues by the time that really passed",
                action="retention_held", behind_s=look.behind_ms // 1000,
            )  # fmt: skip
        self._apart = apart
