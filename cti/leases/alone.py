"""Ownership where one process has the ledger for itself (SQLite, memory): everything is its own at once, from whoever
had it before; who is taken over comes to its end.
"""

import asyncio
from collections.abc import Iterable
from uuid import uuid4

from cti.errors import Fenced
from cti.ports import Ledger
from cti.rows import Changes, Claim


def new_owner() -> str:
    """A name for one start of one process: a process started again is somebody else."""
    return f"engine-{uuid4().hex[:16]}"


class Alone:
    """`Ownership` of `cti.ports` without heartbeats."""

    def __init__(self, ledger: Ledger, partitions: int, owner: str) -> None:
        self._ledger, self._partitions, self._owner = ledger, partitions, owner
        self._new: list[Claim] = []

    async def start(self) -> None:
        self._new = await self._ledger.claim(self._owner, self._partitions)

    async def run(self) -> None:
        await asyncio.Event().wait()

    def changes(self) -> Changes:
        new, self._new = self._new, []
        return Changes([], [], new)

    def released(self, partitions: Iterable[int]) -> None:
        """Nobody asks for it: there is nobody else."""

    def lost(self, partitions: Iterable[int]) -> None:
        raise Fenced(partitions=partitions)

    async def stop(self) -> None:
        """What is next to start takes everything over."""
