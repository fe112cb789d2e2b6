"""The parts of this process that know callers, asked side by side. None of them can hold up another or the engine.

A part that raises, or takes longer than LOOK_S, is broken until it answers again; the others' answers hold.
"""

import asyncio
from collections.abc import Collection, Coroutine, Sequence
from typing import Any, TypeVar

from cti.callers.ports import KnowsCallers
from cti.callers.rows import Caller, KnownCaller
from cti.parts.health import CALLERS, Caught, PartHealth, bounded

LOOK_S = 2.0
Made = TypeVar("Made")


class PartCallers:
    """Nothing is raised."""

    def __init__(self, parts: Sequence[tuple[str, KnowsCallers]], health: PartHealth) -> None:
        self._parts, self._health = parts, health

    async def look(self, callers: Sequence[Caller]) -> Sequence[KnownCaller] | None:
        """What each part says, one after the other; None: a part could not tell."""
        found = await asyncio.gather(*(self._asked(part, knows.look(callers)) for part, knows in self._parts))
        known_cases = [known for said in found if said is not None for known in said]
        return None if any(said is None for said in found) and not known_cases else known_cases

    async def left(self, call_ids: Collection[str]) -> None:
        await asyncio.gather(*(self._asked(part, knows.left(call_ids)) for part, knows in self._parts))

    async def _asked(self, part: str, work: Coroutine[Any, Any, Made]) -> Made | None:
        made: Made | None = None
        with Caught(Exception) as caught:
            made = await bounded(work, LOOK_S)
        if caught.fault is not None:
            self._health.failed(part, CALLERS, caught.fault)
        else:
            self._health.well(part, CALLERS)
        return made
