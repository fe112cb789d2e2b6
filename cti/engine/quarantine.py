"""Finds the entries that must not be tried again: an entry that cannot be processed never stops a partition.

| state | a round | becomes |
| --- | --- | --- |
| `CLEAR` | holds as much as it may | `SPOILED` when an entry fails; `SEARCHING` when the ledger refuses a round |
| `SPOILED` | is dropped, and read again without the entry that failed | `CLEAR` or `SEARCHING`, as before |
| `SEARCHING` | holds one entry | `CLEAR` when as many entries as were refused have been committed |

An entry that fails, or that alone in a round is refused, is *poison*: read again, it goes to the dead letters.
"""

from collections.abc import Collection, Iterable, Mapping
from enum import StrEnum

EntryId = tuple[int, int]
"""(partition, position) of an entry."""


class State(StrEnum):
    CLEAR = "clear"
    SPOILED = "spoiled"
    SEARCHING = "searching"


class Quarantine:
    """The state of the search for entries that fail. It outlives the rounds that are dropped."""

    def __init__(self) -> None:
        self.poison: set[EntryId] = set()
        self._spoiled = False
        self._suspects = 0  # entries still to be tried, one per round

    @property
    def state(self) -> State:
        if self._spoiled:
            return State.SPOILED
        return State.SEARCHING if self._suspects else State.CLEAR

    @property
    def searching(self) -> bool:
        """Whether a round holds one entry, and none is gathered while another commits."""
        return self._suspects > 0

    @property
    def spoiled(self) -> bool:
        """Whether the round being gathered must not be written, because an entry failed half-way."""
        return self._spoiled

    def entry_failed(self, entry: EntryId) -> None:
        """Note that the engine failed on this entry half-way."""
        self.poison.add(entry)
        self._spoiled = True

    def round_dropped(self) -> None:
        """Note that the uncommitted entries were dropped and are read again."""
        self._spoiled = False

    def round_committed(self, entries: int, positions: Mapping[int, int]) -> None:
        """Note that a round of so many entries, up to these positions, is committed."""
        self._suspects = max(self._suspects - entries, 0)
        self.poison = {entry for entry in self.poison if entry[1] > positions.get(entry[0], 0)}

    def round_refused(self, entries: int, last: Collection[EntryId]) -> bool:
        """Note that the ledger refused a round of so many entries; `last`: the last one of each partition.

        Returns False if there is nothing to set aside: the round had no entry, or its entry was set aside already.
        """
        if not entries or set(last) <= self.poison:
            return False
        if entries == 1:
            self.poison |= set(last)
        self._suspects = entries
        return True

    def forget(self, partitions: Iterable[int]) -> None:
        """Drop the state of partitions that another process works on."""
        gone = set(partitions)
        self.poison = {entry for entry in self.poison if entry[0] not in gone}
