"""Which parts of this process are broken, and at what: for the log, the metrics and /readyz."""

import asyncio
import threading
from collections.abc import Coroutine, Mapping
from typing import Any, Self, TypeVar

import structlog

from cti.ports import Clock
from cti.telemetry import Telemetry

BESIDE, CALLERS, METRICS, PURGE = "beside_round", "callers", "metrics", "purge"
START, STOP = "start", "stop"

log = structlog.get_logger()
Made = TypeVar("Made")


class PartHealth:
    """Called from any thread. A fault is logged once, and again only after the part has been well at the same work."""

    def __init__(self, telemetry: Telemetry, clock: Clock) -> None:
        """`clock` is monotonic."""
        self.now_ms = clock.now_ms
        self._telemetry = telemetry
        self._lock = threading.Lock()
        self._broken: dict[tuple[str, str], None] = {}

    def hosts(self, part: str) -> None:
        """Show the part as well."""
        self._telemetry.part_broken(part, False)

    def failed(self, part: str, doing: str, fault: BaseException) -> None:
        """Note that the part failed at this work."""
        self._telemetry.part_failed(part, doing)
        with self._lock:
            known = (part, doing) in self._broken
            self._broken[part, doing] = None
            self._telemetry.part_broken(part, True)
        if not known:
            why = str(fault) or type(fault).__name__
            log.error("a part is broken", action="part_broken", part=part, doing=doing, why=why, exc_info=fault)

    def well(self, part: str, doing: str) -> None:
        """Note that the part did this work."""
        if (part, doing) not in self._broken:  # nearly always
            return
        with self._lock:
            self._broken.pop((part, doing), None)
            self._telemetry.part_broken(part, any(name == part for name, _ in self._broken))
        log.info("a part is well again", action="part_well", part=part, doing=doing)

    def missed(self, part: str) -> None:
        """Note that a round was committed without the part's statements."""
        self._telemetry.part_missed_round(part)

    def broken(self) -> Mapping[str, str]:
        """Each broken part with the work that it fails at, the earliest fault first."""
        with self._lock:
            faults = list(self._broken)
        return dict(reversed(faults))


class Caught:
    """Keeps what the code of a part raises in this `with`, if it is of one of these kinds."""

    def __init__(self, *kinds: type[BaseException]) -> None:
        self.fault: BaseException | None = None
        self._kinds = kinds

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, _: object) -> bool:
        self.fault = fault if isinstance(fault, self._kinds) else None
        return self.fault is not None


async def bounded(work: Coroutine[Any, Any, Made], seconds: float) -> Made:
    """What the work makes. Raises TimeoutError after so long, even if the work ignores its cancellation."""
    task = asyncio.create_task(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
        if task.cancelled():
            raise RuntimeError("it was cancelled by its own code")
        if task.done():
            return task.result()
    finally:
        if not task.done():
            task.cancel()
            task.add_done_callback(_discard)
    raise TimeoutError(f"it did not end within {seconds:g} s")


def _discard(task: asyncio.Task[Any]) -> None:
    """Retrieve what a task raised that nobody waits for."""
    if not task.cancelled():
        task.exception()
