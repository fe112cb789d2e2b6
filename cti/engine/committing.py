"""Commits a round to the ledger, and finds out whether it was committed."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import structlog

from cti import errors
from cti.caller_rows import Asked
from cti.engine.live_calls import Key
from cti.engine.metrics import CallMetrics
from cti.ports import Clock, Ledger
from cti.rows import Fence, Round

ASK_AGAIN_MS: Final = 500.0  # while the ledger does not answer whether it committed

log: Final = structlog.get_logger()


class Committing(NamedTuple):
    """A round that is being written."""

    round_: Round
    positions: Mapping[int, int]  # of each partition, once it is committed
    taken: int  # entries in it
    ended: list[Key]
    live: tuple[int, ...]  # what is live once it is committed, as telemetry counts it
    started: float
    callers: list[Asked]  # whose births are in it


class Verdict(NamedTuple):
    """The outcome of a commit. `lost`: partitions that another process has taken."""

    committed: bool
    lost: frozenset[int] = frozenset()
    error: Exception | None = None
    refused: bool = False  # by a ledger that was reachable: a defect in our code


class Commit:
    """One round's transaction under way."""

    def __init__(
        self, ledger: Ledger, clock: Clock, what: Committing, wake: Callable[[], None], first: Awaitable[None] | None
    ) -> None:
        """`first` is awaited before the round is written."""
        self.what = what
        self._ledger, self._clock = ledger, clock
        self._task = asyncio.create_task(self._write(first))
        self._task.add_done_callback(lambda _: wake())

    async def _write(self, first: Awaitable[None] | None) -> None:
        if first is not None:
            await first
        await self._ledger.commit(self.what.round_)

    @property
    def done(self) -> bool:
        return self._task.done()

    async def verdict(self, telemetry: CallMetrics) -> Verdict:
        """Wait for its end."""
        await asyncio.wait([self._task])
        fault = self._task.exception()
        if fault is None:
            telemetry.committed(self.what.taken, time.perf_counter() - self.what.started)
            return Verdict(True)
        if isinstance(fault, errors.Fenced):
            telemetry.commit_failed("fenced")
            return Verdict(False, fault.partitions, fault)
        if isinstance(fault, errors.OutcomeUnknown):
            telemetry.commit_failed("outcome_unknown")
            return await self._verify(fault)
        if isinstance(fault, errors.LedgerAway | errors.LogAway):
            telemetry.commit_failed("ledger_away" if isinstance(fault, errors.LedgerAway) else "log_away")
            return Verdict(False, error=fault)
        if not isinstance(fault, Exception):
            raise fault
        log.error("round refused", action="poison_round", entries=self.what.taken, exc_info=fault)
        telemetry.commit_failed("poison")
        return Verdict(False, error=fault, refused=True)

    async def _verify(self, fault: errors.OutcomeUnknown) -> Verdict:
        """Read from the ledger whether the transaction was committed.

        If a partition was lost, the positions of the others answer it: the round is one transaction.
        """
        found = await self._committed(fault)
        fences = self.what.round_.fences
        lost = frozenset(fence.partition for fence in fences if _epoch(found, fence) != fence.epoch)
        took_place = all(found[fence.partition] == fence for fence in fences if fence.partition not in lost)
        return Verdict(took_place and len(lost) < len(fences), lost, fault)

    async def _committed(self, fault: errors.RingbackError) -> Mapping[int, Fence]:
        while True:
            try:
                return await self._ledger.committed()
            except errors.LedgerAway as error:
                fault = error
            log.warning("waiting", action="engine_waits", why=str(fault), for_ms=ASK_AGAIN_MS)
            await self._clock.wait(asyncio.Event(), self._clock.now_ms() + ASK_AGAIN_MS)


def _epoch(found: Mapping[int, Fence], fence: Fence) -> int | None:
    return found[fence.partition].epoch if fence.partition in found else None


def says_anything(round_: Round) -> bool:
    """Whether there is anything to write besides the positions."""
    return bool(
        round_.timeline
        or round_.records
        or round_.commands
        or round_.outcomes
        or round_.results
        or round_.agents
        or round_.dead_letters
    )
