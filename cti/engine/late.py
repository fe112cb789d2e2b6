"""Calls that are concluded once per round, and not at each of their facts.

* A late fact is written and kept with its call at once, but the call is folded again only when the round is about to
  commit: once, however many facts came late. Until then its state is what it was, its later facts wait too, and its
  timers do.
* A long call is advanced fact by fact, but what follows from its state (what is due, its record) is computed once a
  round, because the cost grows with the length of the call.
* A round concludes at most LATE_FACTS_MAX facts. A partition whose calls cost much is paused (`pause_ms`), and all that
  arrives in the pause is concluded at once.
"""

from typing import Final, NamedTuple

from cti.core.call import fold
from cti.core.call_state import Call
from cti.core.facts import Fact
from cti.engine.carried_orders import orders_of
from cti.engine.live_calls import Key, LiveCall
from cti.ports import Entry

LONG_FACTS: Final = 512  # of one call
LATE_FACTS_MAX: Final = 10_000  # of all calls to be concluded; once they are more, the round is full: some 50 ms
PAUSE_FACTS: Final = 2_000  # fewer are folded in some 10 ms: no pause is needed
PAUSE_FACTS_A_MS: Final = 100.0  # a partition rests about as long as the folding took
PAUSE_MAX_MS: Final = 100.0


class LateFacts(NamedTuple):
    """A call to be concluded."""

    before: LiveCall  # as it was before the first of these facts
    was: Call  # its state then
    folds: bool  # one of the facts came late
    entry: Entry  # the last that brought a fact of it
    results: tuple[Fact, ...]  # answers to commands among the facts, in the order of arrival


class LateCalls:
    """The calls that are to be concluded before the round commits."""

    __slots__ = ("_calls", "facts")

    def __init__(self) -> None:
        self._calls: dict[Key, LateFacts] = {}
        self.facts = 0  # of all these calls

    def __contains__(self, key: Key) -> bool:
        return key in self._calls

    def __bool__(self) -> bool:
        return bool(self._calls)

    def folds(self, key: Key) -> bool:
        """Whether the call is to be folded again: its state is not yet what its facts make."""
        known = self._calls.get(key)
        return known is not None and known.folds

    @property
    def full(self) -> bool:
        """Whether the round has enough to conclude."""
        return self.facts >= LATE_FACTS_MAX

    def add(self, key: Key, before: LiveCall, live: LiveCall, was: Call, fact: Fact, entry: Entry, late: bool) -> None:
        """Note that `live`, which holds the fact by now, is to be concluded; `was`: its state before the fact."""
        known = self._calls.get(key)
        if known is None:
            self.facts += live.facts
            known = LateFacts(before, was, late, entry, ())
        results = (*known.results, fact) if fact.kind == "commandResult" else known.results
        self._calls[key] = LateFacts(known.before, known.was, known.folds or late, entry, results)

    def take(self, key: Key | None = None) -> tuple[Key, LateFacts]:
        """Remove and return one: this one, or the one that has waited longest."""
        key = next(iter(self._calls)) if key is None else key
        late = self._calls.pop(key)
        if not self._calls:
            self.facts = 0
        return key, late

    def clear(self) -> None:
        self._calls.clear()
        self.facts = 0


def refolded(live: LiveCall) -> tuple[LiveCall, tuple[Fact, ...]]:
    """A copy of the call with the state that all its facts make, and the facts that begin its next incarnation."""
    again = live.copy()
    facts = live.history()
    folded = fold(live.subject, facts)
    again.state = folded.call
    again.orders = orders_of(folded.call, facts, folded.beyond, live.done)
    return again, folded.beyond


def pause_ms(facts: int) -> float:
    """How long a partition is paused whose calls took so many facts to conclude."""
    return 0.0 if facts < PAUSE_FACTS else min(facts / PAUSE_FACTS_A_MS, PAUSE_MAX_MS)
