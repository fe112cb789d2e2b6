"""Clocks: the machine's, a scaled one for simulations, one that only a test moves; and the time of day beside them."""

import asyncio
import time
from collections.abc import Callable
from typing import ClassVar, Final

import structlog

from cti.ports import Clock

STEP_MS: Final = 1_000.0  # a clock that differs by more was set; drift is smaller

log: Final = structlog.get_logger()


class SystemClock:
    """Wall time, advanced by the monotonic clock: it neither jumps nor goes back when the date is changed for a moment.

    A new setting of the machine's clock is adopted, forwards or backwards, once it has lasted for SETTLE_MS.
    """

    SETTLE_MS: ClassVar[float] = 15_000.0

    def __init__(self, monotonic: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._monotonic, self._wall = monotonic, wall
        self._ahead_ms = wall() * 1000 - monotonic() * 1000
        self._differs: tuple[float, float] | None = None  # by how much the machine's clock differs, and since when

    def now_ms(self) -> float:
        """Called from several threads."""
        steady, wall = self._monotonic() * 1000, self._wall() * 1000
        now = steady + self._ahead_ms
        off_ms, known = wall - now, self._differs
        if abs(off_ms) <= STEP_MS:
            self._differs = None
        elif known is None or abs(off_ms - known[0]) > STEP_MS:
            self._differs = (off_ms, steady)
        elif steady - known[1] >= self.SETTLE_MS:
            self._ahead_ms, self._differs = wall - steady, None
            log.warning("the machine's clock was set", action="clock_set", by_ms=round(off_ms))
            return wall
        return now

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await _wait_s(event, None if until_ms is None else (until_ms - self.now_ms()) / 1000)


class MonotonicClock:
    """Time since some start, of this process alone: setting the machine's clock does not change it."""

    def now_ms(self) -> float:
        return time.monotonic() * 1000

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await _wait_s(event, None if until_ms is None else (until_ms - self.now_ms()) / 1000)


class SystemWallClock:
    """`WallClock` of `cti.ports`: what the machine's clock shows now."""

    def wall_ms(self) -> float:
        return time.time() * 1000


class WallOf:
    """`WallClock` of `cti.ports`: another clock's time, where that is the time of day (a simulated one)."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def wall_ms(self) -> float:
        return self._clock.now_ms()


class ScaledClock:
    """A clock that runs `speed` times as fast as `real` since `origin_ms`; two processes with one origin agree."""

    def __init__(self, origin_ms: float, speed: float, real: Clock | None = None) -> None:
        self._origin_ms, self._speed = origin_ms, speed
        self._unscaled: Clock = real or SystemClock()

    @property
    def speed(self) -> float:
        return self._speed

    def now_ms(self) -> float:
        return self._origin_ms + (self._unscaled.now_ms() - self._origin_ms) * self._speed

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await _wait_s(event, None if until_ms is None else (until_ms - self.now_ms()) / self._speed / 1000)


class ShiftedClock:
    """A clock that is a fixed time ahead of another, or behind."""

    def __init__(self, clock: Clock, ahead_ms: float) -> None:
        self._clock, self._ahead_ms = clock, ahead_ms

    @property
    def speed(self) -> float:
        return speed_of(self._clock)

    def now_ms(self) -> float:
        return self._clock.now_ms() + self._ahead_ms

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await self._clock.wait(event, None if until_ms is None else until_ms - self._ahead_ms)


def speed_of(clock: Clock) -> float:
    """How many times as fast as real time a clock runs."""
    return clock.speed if isinstance(clock, ScaledClock | ShiftedClock) else 1.0


class LeapingClock(ShiftedClock):
    """One that can skip time in which nothing happens."""

    def __init__(self, clock: Clock, ahead_ms: float) -> None:
        super().__init__(clock, ahead_ms)
        self._leapt = asyncio.Event()

    def leap(self, by_ms: float) -> None:
        """Skip this much time, never back. Whoever waits looks at the clock again."""
        assert by_ms >= 0, "a clock does not go back"
        self._ahead_ms += by_ms
        self._leapt.set()
        self._leapt = asyncio.Event()

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        while not event.is_set() and (until_ms is None or self.now_ms() < until_ms):
            either, leapt = asyncio.Event(), self._leapt
            watches = [asyncio.create_task(_pass_on(each, either)) for each in (event, leapt)]
            try:
                await self._clock.wait(either, None if until_ms is None else until_ms - self._ahead_ms)
            finally:
                for watch in watches:
                    watch.cancel()
                await asyncio.gather(*watches, return_exceptions=True)


async def _pass_on(event: asyncio.Event, either: asyncio.Event) -> None:
    await event.wait()
    either.set()


class VirtualClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start_ms: float) -> None:
        self._now_ms = start_ms
        self._moved = asyncio.Event()

    def now_ms(self) -> float:
        return self._now_ms

    def move_to(self, now_ms: float) -> None:
        """Set the time, never back, and wake every task that waits for it."""
        assert now_ms >= self._now_ms, "a clock does not go back"
        self._now_ms = now_ms
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        while not event.is_set() and (until_ms is None or self._now_ms < until_ms):
            waits = [asyncio.create_task(event.wait()), asyncio.create_task(self._moved.wait())]
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
                await asyncio.gather(*waits, return_exceptions=True)


class VirtualWallClock:
    """`WallClock` of `cti.ports`: shows another clock's time until somebody sets it; then it keeps that distance."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms = 0.0

    def wall_ms(self) -> float:
        return self._clock.now_ms() + self._ahead_ms

    def set_to(self, wall_ms: float) -> None:
        """Jump, forward or back."""
        self._ahead_ms = wall_ms - self._clock.now_ms()


async def _wait_s(event: asyncio.Event, seconds: float | None) -> None:
    if event.is_set():
        return
    try:
        async with asyncio.timeout(None if seconds is None else max(seconds, 0.0)):
            await event.wait()
    except TimeoutError:
        return
