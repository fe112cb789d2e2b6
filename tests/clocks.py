"""Clocks of tests that stand beside the product's: they hold a virtual one, since a compiled class has no subclass."""

import asyncio

from cti.adapters.clock import VirtualClock


class WatchedClock:
    """`Clock` of `cti.ports`: moved by a test alone, and says until when somebody waits for it."""

    def __init__(self, start_ms: float) -> None:
        self._clock = VirtualClock(start_ms)
        self.waits: asyncio.Queue[float | None] = asyncio.Queue()

    def now_ms(self) -> float:
        return self._clock.now_ms()

    def move_to(self, now_ms: float) -> None:
        self._clock.move_to(now_ms)

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        self.waits.put_nowait(until_ms)
        await self._clock.wait(event, until_ms)

    async def move_on(self) -> None:
        """On to what is waited for next."""
        until_ms = await self.waits.get()
        assert until_ms is not None, "it is waited for without an end"
        self.move_to(max(until_ms, self.now_ms()))
