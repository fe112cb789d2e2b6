"""What was done about a call, found by id and by cause where it is much.

The interventions themselves are a tuple, which versions of a call share. Beside a long one stands an index, built when
it is first asked for and carried on from version to version. It is true of a version that only appended since; a round
that is dropped clears the indexes of its calls (`Layers.dropped`).
"""

from collections.abc import Iterable, Sequence

from cti.core.rules import Intervention

INDEXED_FROM = 32  # fewer are looked through


class InterventionIndex:
    """Positions in one call's interventions. What is replaced keeps its id, its cause and its position."""

    __slots__ = ("_count", "_of_cause", "_of_id")

    def __init__(self) -> None:
        self._of_id: dict[str, int] = {}
        self._of_cause: dict[str, list[int]] = {}
        self._count = 0  # of the interventions, those that are indexed

    def clear(self) -> None:
        """Begin anew: what was indexed last may not have been committed."""
        self._of_id.clear()
        self._of_cause.clear()
        self._count = 0

    def position(self, done: Sequence[Intervention], command_id: str) -> int | None:
        """Where the intervention with this id stands."""
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
