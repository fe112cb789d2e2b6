"""The signal inside one process from the engine to the gateway: a round was committed, commands were issued.

It only saves waiting. Waiters also poll now and then, because the engine may be in another process.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

from cti.rows import CommandRow, OutcomeRow

Subscriber = Callable[[Sequence[CommandRow] | None, Sequence[OutcomeRow]], None]


class Pulse:
    """Called by the engine after each commit, in the event loop's thread."""

    def __init__(self) -> None:
        self._positions: dict[int, int] = {}
        self.only_tenant: str | None = None  # as the engine of this process said last
        self._moved = asyncio.Event()
        self._subscribers: list[Subscriber] = []

    @property
    def positions(self) -> Mapping[int, int]:
        """The last committed position of each partition, as far as the engine has reported."""
        return self._positions

    def committed(self, positions: Mapping[int, int]) -> None:
        """A round is committed: its effects up to these positions can be read."""
        for partition, position in positions.items():
            if position > self._positions.get(partition, -1):
                self._positions[partition] = position
        self._moved.set()
        self._moved = asyncio.Event()

    def present(self, only_tenant: str | None) -> None:
        """The only tenant whom a delay of the engine can harm; None: several, or it is not known."""
        self.only_tenant = only_tenant

    def commanded(self, rows: Sequence[CommandRow] | None = None, outcomes: Sequence[OutcomeRow] = ()) -> None:
        """The round held these commands and outcomes; None: some that are to be read from the ledger."""
        for subscriber in self._subscribers:
            subscriber(rows, outcomes)

    @property
    def moved(self) -> asyncio.Event:
        """Set at the next `committed`; take it before looking at `positions`."""
        return self._moved

    def subscribe(self, subscriber: Subscriber) -> None:
        """Call `subscriber` at every `commanded`."""
        self._subscribers.append(subscriber)

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Stop calling `subscriber`."""
        self._subscribers.remove(subscriber)
