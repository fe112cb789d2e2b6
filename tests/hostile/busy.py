"""How busy the machine was during an attack: a time that misses its limit is judged with it."""

import asyncio
import os
import time
from pathlib import Path

from tests.hostile.site import pause
from tests.hostile.verdict import spread

LOOK_S = 0.02
CPU = Path("/proc/stat")
IDLE = slice(3, 5)  # of the times of a processor: idle, and waiting for a disk


class Busy:
    """Looks on from its making until `figure`."""

    def __init__(self) -> None:
        self._late_ms: list[float] = []
        self._processors = _processors()
        self._looking = asyncio.create_task(self._look())

    async def figure(self) -> dict[str, object]:
        """`own_delay`: how late the judge itself was woken, which is no fault of the product's; `processors_busy`: the
        share of all processors, by whatever; `machine_load`: of the last minute.
        """
        self._looking.cancel()
        await asyncio.wait({self._looking})
        every, idle = (after - before for before, after in zip(self._processors, _processors(), strict=True))
        return {
            "own_delay": spread(self._late_ms),
            "processors_busy": round(1 - idle / every, 2) if every else None,
            "machine_load": round(os.getloadavg()[0], 1),
        }

    async def _look(self) -> None:
        while True:
            began = time.monotonic()
            await pause(LOOK_S)
            self._late_ms.append((time.monotonic() - began - LOOK_S) * 1000)


def _processors() -> tuple[int, int]:
    """(time, idle time) of all processors together; 0 where the system does not say."""
    if not CPU.exists():
        return 0, 0
    times = [int(each) for each in CPU.read_text().partition("\n")[0].split()[1:9]]
    return sum(times), sum(times[IDLE])
