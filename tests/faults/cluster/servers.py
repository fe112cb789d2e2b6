"""The broker and the ledger's server as victims: killed and started again, or stopped and let go on.

Their starting waits, so it is done in a thread.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Protocol

from tests.faults.cluster.plan import BROKER, KILLED
from tests.faults.cluster.waiting import pause
from tests.kafka import KafkaBroker

STARTS_MAX = 3  # a server that was killed may find its own remains in the way


class Startable(Protocol):
    """A server of our own: Kafka's broker, or PostgreSQL."""

    def start(self) -> None: ...

    def kill(self) -> None: ...

    def processes(self) -> list[int]: ...


class Server:
    """`away`: called with its name, and True when it goes, False when it is back."""

    def __init__(self, name: str, server: Startable, away: Callable[[str, bool], None]) -> None:
        self.name, self._server, self._away = name, server, away
        self.up = asyncio.Event()
        self.up.set()
        self._held: list[int] = []
        self._at_it: asyncio.Future[None] | None = None  # a thread that starts or kills

    async def kill(self, rest_s: float) -> None:
        """kill -9; started again after a while."""
        await self.leave(self._server.kill)
        await pause(rest_s)
        await self.come_back()

    async def leave(self, how: Callable[[], None] | None = None) -> None:
        """Ended, by kill -9 where nothing else is said; and not started again."""
        self.up.clear()
        self._away(self.name, True)
        await self._in_thread(how or self._server.kill)

    async def come_back(self) -> None:
        await self._start()
        self._away(self.name, False)
        self.up.set()

    async def _start(self) -> None:
        for left in reversed(range(STARTS_MAX)):
            try:
                await self._in_thread(self._server.start)
            except Exception:  # whatever its own tools raise; the last time it counts
                if not left:
                    raise
                await pause(1.0)
            else:
                return

    async def _in_thread(self, work: Callable[[], None]) -> None:
        self._at_it = asyncio.ensure_future(asyncio.to_thread(work))
        await asyncio.shield(self._at_it)

    async def settled(self) -> None:
        """Return when no thread starts or kills it any more: a thread cannot be cancelled."""
        if self._at_it is not None:
            await asyncio.gather(self._at_it, return_exceptions=True)

    async def hold(self, seconds: float) -> None:
        """Every process of it stopped for so long."""
        self.up.clear()
        self.freeze()
        try:
            await pause(seconds)
        finally:
            self.thaw()
        self.up.set()

    @property
    def frozen(self) -> bool:
        return bool(self._held)

    def freeze(self) -> None:
        """Stop every process of it; the first, which starts the others, before them."""
        self._away(self.name, True)
        self._held = self._server.processes()
        _send(self._held, signal.SIGSTOP)
        born = [one for one in self._server.processes() if one not in self._held]
        _send(born, signal.SIGSTOP)
        self._held += born

    def thaw(self) -> None:
        _send(reversed(self._held), signal.SIGCONT)
        if self._held:
            self._away(self.name, False)
        self._held = []


class Broker(Server):
    """One of several; `node`: its id."""

    def __init__(self, node: int, broker: KafkaBroker, away: Callable[[str, bool], None]) -> None:
        super().__init__(f"{BROKER} {node}", broker, away)
        self.node, self._broker = node, broker

    async def go(self, how: str) -> None:
        """Away until it comes back: kill -9, or stopped."""
        if how == KILLED:
            await self.leave()
        else:
            self.up.clear()
            self.freeze()

    async def come_back(self) -> None:
        if self.frozen:
            self.thaw()
            self.up.set()
        else:
            await super().come_back()

    async def restart(self) -> None:
        """SIGTERM, and started again as soon as it has ended."""
        await self.leave(self._broker.stop)
        await self.come_back()


def _send(processes: Iterable[int], what: signal.Signals) -> None:
    for one in processes:
        with suppress(ProcessLookupError):
            os.kill(one, what)
