"""The index of a call's many legs (`leg_set`): what has been asked of them, kept up as they change.

* A copy shares the dictionaries within its dictionaries: each is replaced when it changes, never changed.
* What has not been asked is not kept. After a change of a large part of the legs, what was asked is found anew.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cti.core.legs import HELD_APART, NULL, Leg

REBUILT_SHARE: Final = 4  # where a change is of so large a part of the legs, what was asked of them is found anew

Change = tuple[str, Leg]
"""The id that a leg had, and the leg as it is now: in state null it is gone; if no leg had this id it is new."""

Numbers = dict[str, int]
"""Legs by id, and the number of each, which is higher for every leg that comes: the order of the legs."""

Keys = Callable[[Leg], tuple[str | None, ...]]
"""By what a leg is looked up; no key twice."""


def _addresses(leg: Leg) -> tuple[str | None, ...]:
    return (leg.device,) if leg.device == leg.agent else (leg.device, leg.agent)


def _holder(leg: Leg) -> tuple[str | None, ...]:
    return (leg.held_by,)


def _holder_apart(leg: Leg) -> tuple[str | None, ...]:
    return (leg.held_by if leg.traits & HELD_APART else None,)


@dataclass(slots=True, init=False)
class Index:
    """Many legs by number; and as far as asked: the numbers of those with a trait, at an address, held by somebody."""

    legs: dict[int, Leg]
    numbers: Numbers
    newest: int
    having: dict[int, Numbers]  # by trait
    firsts: dict[int, int]  # the lowest number by trait
    addressed: dict[str, Numbers] | None  # by device, and by agent
    held_by: dict[str, Numbers] | None
    apart_by: dict[str, Numbers] | None  # of these, agents on hold by somebody else

    def __init__(self, legs: dict[int, Leg], numbers: Numbers, newest: int) -> None:
        self.legs = legs
        self.numbers = numbers
        self.newest = newest
        self.having = {}
        self.firsts = {}
        self.addressed = None
        self.held_by = None
        self.apart_by = None

    def of(self, trait: int) -> Numbers:
        """The legs with this trait."""
        if trait not in self.having:
            self.having[trait] = {leg.id: number for number, leg in self.legs.items() if leg.traits & trait}
        return self.having[trait]

    def first(self, trait: int) -> Leg:
        """The first leg with this trait, which some leg has."""
        if trait not in self.firsts:
            self.firsts[trait] = min(self.of(trait).values())
        return self.legs[self.firsts[trait]]

    def at(self) -> dict[str, Numbers]:
        """The legs by device, and by agent."""
        if self.addressed is None:
            self.addressed = self._by(_addresses)
        return self.addressed

    def held(self) -> dict[str, Numbers]:
        """The legs on hold, by who holds them."""
        if self.held_by is None:
            self.held_by = self._by(_holder)
        return self.held_by

    def apart(self) -> dict[str, Numbers]:
        """The agents on hold by somebody else, by who holds them."""
        if self.apart_by is None:
            self.apart_by = self._by(_holder_apart)
        return self.apart_by

    def _by(self, keys: Keys) -> dict[str, Numbers]:
        found: dict[str, Numbers] = {}
        for number, leg in self.legs.items():
            for key in keys(leg):
                if key is not None:
                    found.setdefault(key, {})[leg.id] = number
        return found


Moved = tuple[int, Leg | None, Leg | None]
"""A leg's number, and the leg before and after; None: not there."""


def traits_of(legs: Iterable[Leg]) -> int:
    """What any of these legs has."""
    traits = 0
    for leg in legs:
        traits |= leg.traits
    return traits


def changed(known: Index, changes: Sequence[Change], traits: int) -> tuple[Index, int]:
    """The legs with these changes, and what traits they have then; `traits`: those they had.

    Old ids go before new ones come: two legs may exchange theirs.
    """
    index = Index(known.legs.copy(), known.numbers, known.newest)
    moved: list[Moved] = []
    for connection, leg in changes:
        now = None if leg.state is NULL else leg
        number = index.numbers.get(connection)
        if number is not None:
            moved.append((number, index.legs[number], now))
        elif now is not None:
            moved.append((index.newest, None, now))
            index.newest += 1
    _move(index, moved)
    if len(moved) * REBUILT_SHARE > len(index.legs):
        return index, traits_of(index.legs.values())
    return index, _follow(index, known, moved, traits)


def _move(index: Index, moved: Sequence[Moved]) -> None:
    if any(was is None or now is None or was.id != now.id for _, was, now in moved):
        numbers = index.numbers = index.numbers.copy()
        for _, was, _ in moved:
            if was is not None:
                del numbers[was.id]
        for number, _, now in moved:
            if now is not None:
                numbers[now.id] = number
    for number, _, now in moved:
        if now is None:
            del index.legs[number]
        else:
            index.legs[number] = now


def _follow(index: Index, known: Index, moved: Sequence[Moved], traits: int) -> int:
    """Bring over to a copy what was asked of the legs before they changed; what traits there are now."""
    index.having, index.firsts = known.having.copy(), known.firsts.copy()
    own: set[int] = set()
    gone = come = 0
    for number, was, now in moved:
        if was is not None:
            gone |= was.traits if now is None else was.traits & ~now.traits
            _lose(index, number, was, now.traits if now is not None and now.id == was.id else 0, own)
    for number, was, now in moved:
        if now is not None:
            come |= now.traits
            _gain(index, number, now, was.traits if was is not None and now.id == was.id else 0, own)
    index.addressed = _follow_keys(known.addressed, moved, _addresses, own)
    index.held_by = _follow_keys(known.held_by, moved, _holder, own)
    index.apart_by = _follow_keys(known.apart_by, moved, _holder_apart, own)
    traits, gone = traits | come, gone & ~come
    while gone:
        trait = gone & -gone
        gone ^= trait
        if not index.of(trait):
            traits ^= trait
    return traits


def _lose(index: Index, number: int, leg: Leg, kept: int, own: set[int]) -> None:
    """The leg no longer has its traits, except for those it keeps."""
    lost = leg.traits & ~kept
    while lost:
        trait = lost & -lost
        lost ^= trait
        if trait in index.having:
            numbers = index.having[trait] = _owned(index.having[trait], own)
            del numbers[leg.id]
            if index.firsts.get(trait) == number:
                del index.firsts[trait]


def _gain(index: Index, number: int, leg: Leg, known: int, own: set[int]) -> None:
    """The leg has its traits from now on; some of them are known."""
    new = leg.traits & ~known
    while new:
        trait = new & -new
        new ^= trait
        if trait in index.having:
            numbers = index.having[trait] = _owned(index.having[trait], own)
            if not numbers or number < index.firsts.get(trait, number):
                index.firsts[trait] = number
            numbers[leg.id] = number


def _follow_keys(
    known: dict[str, Numbers] | None, moved: Sequence[Moved], keys: Keys, own: set[int]
) -> dict[str, Numbers] | None:
    """What is known of legs by a key of theirs, after these have moved."""
    if known is None:
        return None
    gone: list[tuple[str, str]] = []
    come: list[tuple[str, str, int]] = []
    for number, was, now in moved:
        before, after = () if was is None else keys(was), () if now is None else keys(now)
        if was is not None and now is not None and was.id == now.id and before == after:
            continue
        gone += [(key, was.id) for key in before if was is not None and key is not None]
        come += [(key, now.id, number) for key in after if now is not None and key is not None]
    if not gone and not come:
        return known
    found = known.copy()
    for key, connection in gone:
        found[key] = _owned(found[key], own)
        del found[key][connection]
    for key, connection, number in come:
        found[key] = _owned(found.get(key, _NOBODY), own)
        found[key][connection] = number
    for key, _ in gone:
        if not found.get(key, True):
            del found[key]
    return found


def _owned(numbers: Numbers, own: set[int]) -> Numbers:
    """These numbers, copied unless this change has copied them already: `own` has the ids of its copies."""
    if id(numbers) in own:
        return numbers
    copied = numbers.copy()
    own.add(id(copied))
    return copied


_NOBODY: Final[Numbers] = {}
