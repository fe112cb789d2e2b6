"""The signal inside one process from the engine to the gateway: something was committed, commands were given.

It only saves waiting. Whoever waits also looks for himself now and then, because the engine may be another process.
"""

import asyncio
from collections.abc import Mapping


class Pulse:
    """Called by the engine after each commit, in the event loop's thread."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self._moved = asyncio.Event()
        self._commands: set[asyncio.Event] = set()

    @property
    def positions(self) -> Mapping[int, int]:
        """The last positions heard of, by partition."""
        return self._positions

    def committed(self, positions: Mapping[int, int]) -> None:
        """A round stands: its effects up to these positions can be read."""
        for partition, position in positions.items():
            if position > self._positions.get(partition, -1):
                self._positions[partition] = position
        self._moved.set()
        self._moved = asyncio.Event()

    def commanded(self) -> None:
        """The round held commands for switches."""
        for event in self._commands:
            event.set()

    @property
    def moved(self) -> asyncio.Event:
        """Set at the next `committed`; take it before looking at `positions`."""
        return self._moved

    def wake_on_commands(self, event: asyncio.Event) -> None:
        """Set `event` at every `commanded`."""
        self._commands.add(event)

    def forget(self, event: asyncio.Event) -> None:
        """No longer."""
        self._commands.discard(event)
