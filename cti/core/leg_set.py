"""A call's legs, and what is asked of them whenever an event moves one.

* A call has LEGS_MAX legs at a time at most; a further leg is not known.
* Up to FEW legs stand in a tuple, which is searched. More are indexed, because a call may have thousands of events:
  then no question and no change costs a step for each leg, only a copy of what changes.
* The order is that in which the legs came. A leg that moves or gets another id keeps its place.
* A question names a trait (`legs.Leg.traits`) instead of a condition, so that both forms answer the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from cti.core.leg_index import Change, Index, Numbers, changed, traits_of
from cti.core.legs import HELD, HELD_APART, NULL, Leg, renamed

LEGS_MAX: Final = 1_024  # more than a queue rings at once: 500 agents
FEW: Final = 32


class Legs:
    """The legs of one call, in order. Never changed: a change makes another one. False without any leg."""

    __slots__ = ("_few", "_index", "traits")

    def __init__(self, few: tuple[Leg, ...] = (), index: Index | None = None, traits: int = 0) -> None:
        """`few`: the legs, if no index holds them. `traits`: what any of them has."""
        self._few = few
        self._index = index
        self.traits = traits

    def __iter__(self) -> Iterator[Leg]:
        return (
            iter(self._few)
            if self._index is None
            else iter([self._index.legs[number] for number in sorted(self._index.legs)])
        )

    def __len__(self) -> int:
        return len(self._few) if self._index is None else len(self._index.legs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Legs) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return len(self)

    def is_full_for(self, leg: Leg) -> bool:
        """Whether this is a further leg, and there is no room for it."""
        return len(self) >= LEGS_MAX and self.named(leg.id) is None

    def named(self, connection: str | None) -> Leg | None:
        """The leg with this connection id."""
        index = self._index
        if index is not None:
            number = None if connection is None else index.numbers.get(connection)
            return None if number is None else index.legs[number]
        for leg in self._few:
            if leg.id == connection:
                return leg
        return None

    def at(self, device: str | None) -> Leg | None:
        """The first leg of this device, or of the agent with this number."""
        if device is None:
            return None
        index = self._index
        if index is not None:
            numbers = index.at().get(device)
            return None if numbers is None else index.legs[min(numbers.values())]
        for leg in self._few:
            if device in (leg.device, leg.agent):
                return leg
        return None

    def first(self, trait: int) -> Leg | None:
        """The first leg with this trait."""
        if not self.traits & trait:
            return None
        index = self._index
        if index is not None:
            return index.first(trait)
        for leg in self._few:
            if leg.traits & trait:
                return leg
        return None

    def last(self, trait: int) -> Leg | None:
        """The last leg with this trait."""
        if not self.traits & trait:
            return None
        index = self._index
        if index is not None:
            return index.legs[max(index.of(trait).values())]
        return [leg for leg in self._few if leg.traits & trait][-1]

    def count(self, trait: int) -> int:
        """How many legs have this trait."""
        if not self.traits & trait:
            return 0
        index = self._index
        if index is not None:
            return len(index.of(trait))
        return len([True for leg in self._few if leg.traits & trait])

    def having(self, trait: int) -> list[Leg]:
        """Every leg with this trait, in order: a step for each of them."""
        if not self.traits & trait:
            return []
        index = self._index
        if index is not None:
            return [index.legs[number] for number in sorted(index.of(trait).values())]
        return [leg for leg in self._few if leg.traits & trait]

    def numbers(self, trait: int) -> Numbers:
        """The legs with this trait, by id; the values are in the order of the legs. It must not be changed."""
        index = self._index
        if index is not None:
            return index.of(trait)
        return {leg.id: number for number, leg in enumerate(self._few) if leg.traits & trait}

    def first_held_by(self, holders: Iterable[str | None], trait: int = HELD) -> Leg | None:
        """The first leg on hold that one of these holds; HELD_APART: the first agent whom somebody else holds."""
        index = self._index
        if index is None:
            return next((leg for leg in self._few if leg.traits & trait and leg.held_by in {*holders} - {None}), None)
        held = index.apart() if trait == HELD_APART else index.held()
        numbers = [min(held[holder].values()) for holder in holders if holder is not None and holder in held]
        return index.legs[min(numbers)] if numbers else None

    def apart_by(self, holders: Iterable[str | None]) -> list[str]:
        """Which of these hold an agent who is not their own leg."""
        index = self._index
        if index is not None:
            return [holder for holder in holders if holder is not None and holder in index.apart()]
        return [leg.held_by for leg in self._few if leg.traits & HELD_APART and leg.held_by in holders and leg.held_by]

    def strangers_holding(self) -> AbstractSet[str]:
        """Who holds an agent, but is neither the id nor an address of a leg here."""
        index = self._index
        if index is not None:
            return index.apart().keys() - index.at().keys() - index.numbers.keys()
        holders = {leg.held_by for leg in self._few if leg.traits & HELD_APART and leg.held_by is not None}
        return {holder for holder in holders if self.at(holder) is None and self.named(holder) is None}

    def with_leg(self, leg: Leg) -> "Legs":
        """The legs with this one instead of that of the same id; a leg in state null is no longer there."""
        if self._index is not None:
            return Legs((), *changed(self._index, [(leg.id, leg)], self.traits))
        few = self._few
        for index, known in enumerate(few):
            if known.id == leg.id:
                here = () if leg.state is NULL else (leg,)
                return _of_few((*few[:index], *here, *few[index + 1 :]))
        return self if leg.state is NULL else legs_of((*few, leg))

    def renamed(self, known: Leg, connection: str) -> "Legs":
        """The legs with another id for this one, which is among them. Beside few legs another may have the old id."""
        new = renamed(known, connection)
        if self._index is not None:
            return self.changed([(known.id, new)])
        return _of_few(tuple([new if leg is known else leg for leg in self._few]))

    def changed(self, changes: Sequence[Change]) -> "Legs":
        """The legs with these changes, new ones at the end. No two of them may have one id afterwards."""
        if not changes:
            return self
        index = self._index
        if index is None:
            new = dict(changes)
            legs = [new.pop(leg.id, leg) for leg in self._few]
            return legs_of([leg for leg in (*legs, *new.values()) if leg.state is not NULL])
        return Legs((), *changed(index, changes, self.traits))


def legs_of(legs: Iterable[Leg]) -> Legs:
    """These legs."""
    few = tuple(legs)
    if len(few) <= FEW:
        return _of_few(few)
    numbered = dict(enumerate({leg.id: leg for leg in few}.values()))
    index = Index(numbered, {leg.id: number for number, leg in numbered.items()}, len(numbered))
    return Legs((), index, traits_of(few))


def _of_few(legs: tuple[Leg, ...]) -> Legs:
    return Legs(legs, None, traits_of(legs))


NO_LEGS: Final = Legs()
