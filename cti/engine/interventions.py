"""An index of a call's interventions, by id and by cause, for calls that have many.

The interventions are a tuple, which versions of a call share. A long tuple has an index, built when it is first needed
and passed on from version to version. It is valid for versions that only appended since; when a round is dropped, the
indexes of its calls are cleared (`Layers.dropped`).
"""

from collections.abc import Iterable, Sequence
from typing import Final

from cti.core.rules import Intervention

INDEXED_FROM: Final = 32  # fewer are searched one by one


class InterventionIndex:
    """Positions in one call's interventions. A replaced intervention keeps its id, its cause and its position."""

    __slots__ = ("_count", "_of_cause", "_of_id")

    def __init__(self) -> None:
        self._of_id: dict[str, int] = {}
        self._of_cause: dict[str, list[int]] = {}
        self._count = 0  # how many interventions are indexed

    def clear(self) -> None:
        """Empty the index: what was indexed last may not have been committed."""
        self._of_id.clear()
        self._of_cause.clear()
        self._count = 0

    def position(self, done: Sequence[Intervention], command_id: str) -> int | None:
        """The position of the intervention with this id."""
        self._extend(done)
        return self._of_id.get(command_id)

    def of_causes(self, done: Sequence[Intervention], causes: Iterable[str]) -> list[Intervention]:
        """The interventions of these causes, in their order within each cause."""
        self._extend(done)
        return [done[position] for cause in causes for position in self._of_cause.get(cause, ())]

    def _extend(self, done: Sequence[Intervention]) -> None:
        for position in range(self._count, len(done)):
            intervention = done[position]
            self._of_id[intervention.id] = position
            self._of_cause.setdefault(intervention.cause, []).append(position)
        self._count = len(done)
