"""What the handlers of the gateway share: the stores, the limits, the signals. Made once, by `app.make_app`."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol

from cti.gateway.backpressure import Backpressure
from cti.gateway.bindings import Bindings
from cti.gateway.catching_up import CatchingUp
from cti.gateway.dialling import Dialling
from cti.gateway.hub import Hub
from cti.gateway.results_given import ResultsGiven
from cti.ports import EventLog, Reads, Registry
from cti.rows import StoredCall, Totals
from cti.web.limits import Limits
from cti.web.meter import Meter
from cti.web.refusal import Refusal, busy


class Kept(Protocol):
    """What is kept of a call that was described before. `after`: (position, n) of its last event then."""

    @property
    def after(self) -> tuple[int, int]: ...


class Describe(Protocol):
    """Makes the JSON of calls: state, legs, offers, holds, rules, commands; not the timeline. `now_ms`: by the log's
    clock. May run in threads.
    """

    def whole(self, stored: StoredCall, now_ms: float) -> Mapping[str, Any]: ...

    def kept(self, call_id: str) -> Any:
        """A `Kept`, or None."""

    def since(self, kept: Any, stored: StoredCall, events: int, now_ms: float) -> Mapping[str, Any] | None:
        """The same from a timeline after `kept.after`; None: the whole timeline is needed."""


Figures = Callable[[Totals], Mapping[str, Any]]
"""The indicators of one row of totals."""

Checks = Callable[[], Awaitable[Mapping[str, str | None]]]
"""What /readyz asks: each dependency with None (well) or what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Standard:
    """What the profile in force lends to the reads. `needs`: per rule, the facts without which it cannot be
    measured.
    """

    describe: Describe
    figures: Figures
    needs: Mapping[str, Sequence[str]]
    service_ms: int
    ring_ms: int


class LogWaiters:
    """How many requests wait for the log at a time; one more is refused at once, as it would only wait longer."""

    __slots__ = ("_limits", "_taken")

    def __init__(self, limits: Limits) -> None:
        self._limits, self._taken = limits, 0

    async def __aenter__(self) -> None:
        if self._taken >= self._limits.log_waiting:
            raise self.busy(f"{self._taken} requests wait already")
        self._taken += 1

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._taken -= 1

    def busy(self, detail: str) -> Refusal:
        """The refusal for a request that would have to wait."""
        return busy("log_busy", self._limits.retry_after_s, detail)


class LatestTime:
    """The latest time that the log's clock has shown. A clock set back refuses no event as one of the future."""

    __slots__ = ("_latest_ms",)

    def __init__(self) -> None:
        self._latest_ms = 0.0

    def of(self, now_ms: float) -> float:
        """`now_ms`, or the latest time before it."""
        self._latest_ms = max(self._latest_ms, now_ms)
        return self._latest_ms


class MadeOnce:
    """Bytes that are made in a thread when they are first asked for, and kept. Nothing is kept of a failure."""

    __slots__ = ("_lock", "_made", "_make")

    def __init__(self, make: Callable[[], bytes]) -> None:
        self._make, self._lock = make, asyncio.Lock()
        self._made: bytes | None = None

    async def whole(self) -> bytes:
        """Whoever asks meanwhile waits for the same."""
        async with self._lock:
            if self._made is None:
                self._made = await asyncio.to_thread(self._make)
            return self._made


@dataclass(frozen=True, slots=True)
class Context:
    """What the handlers of one gateway share."""

    log: EventLog
    reads: Reads
    registry: Registry
    limits: Limits
    meter: Meter
    standard: Standard
    ready: Checks
    broken: Callable[[], Mapping[str, str]]  # the broken parts, each with a word: they make nothing not ready
    bindings: Bindings
    catching_up: CatchingUp
    hub: Hub
    results: ResultsGiven
    log_waiters: LogWaiters
    latest: LatestTime
    backpressure: Backpressure
    openapi: MadeOnce
    describing: asyncio.Semaphore
    dialling: Dialling | None = None  # None: a store in memory, which does not dial
    scraping: asyncio.Lock = field(default_factory=asyncio.Lock)
