"""The message gateway of trials: it takes every message, and says after a while that it was delivered."""

import asyncio
from collections.abc import Awaitable, Callable

from campaigns.messages.port import Answer, Message, Verdict

DELIVERED_S = 2.0

Delivered = Callable[[str], Awaitable[object]]
"""Report the message of an order as delivered."""


class SimulatedGateway:
    """`MessageGateway`. `sleep` is the clock's."""

    def __init__(self, delivered: Delivered, sleep: Callable[[float], Awaitable[object]]) -> None:
        self._delivered, self._sleep = delivered, sleep
        self._reports: set[asyncio.Task[None]] = set()

    async def send(self, message: Message) -> Answer:
        if message.left_ms() <= 0:
            return Answer(Verdict.NOT_TAKEN, "expired")
        report = asyncio.create_task(self._report(message.id))
        self._reports.add(report)
        report.add_done_callback(self._reports.discard)
        return Answer(Verdict.TAKEN, "simulated")

    async def _report(self, order: str) -> None:
        await self._sleep(DELIVERED_S)
        await self._delivered(order)

    async def is_there(self) -> bool:
        return True

    async def close(self) -> None:
        for report in list(self._reports):
            report.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
