"""The quarantine as a table: what happens, in which state, and what becomes of it."""

from collections.abc import Callable

import pytest

from cti.engine.quarantine import Quarantine, State

A, B, LATER = (0, 5), (1, 9), (0, 8)


def clear() -> Quarantine:
    return Quarantine()


def spoiled() -> Quarantine:
    it = Quarantine()
    it.entry_failed(A)
    return it


def searching() -> Quarantine:
    it = Quarantine()
    assert it.round_refused(3, [A, B])
    return it


def spoiled_while_searching() -> Quarantine:
    it = searching()
    it.entry_failed(A)
    return it


TABLE: list[tuple[Callable[[], Quarantine], Callable[[Quarantine], object], State, set[tuple[int, int]]]] = [
    (clear, lambda it: it.round_committed(10, {0: 5}), State.CLEAR, set()),
    (clear, lambda it: it.round_dropped(), State.CLEAR, set()),
    (clear, lambda it: it.entry_failed(A), State.SPOILED, {A}),
    (clear, lambda it: it.round_refused(3, [A, B]), State.SEARCHING, set()),
    (clear, lambda it: it.round_refused(1, [A]), State.SEARCHING, {A}),
    (clear, lambda it: it.round_refused(0, []), State.CLEAR, set()),
    (spoiled, lambda it: it.round_dropped(), State.CLEAR, {A}),
    (spoiled, lambda it: it.forget([0]), State.SPOILED, set()),
    (spoiled_while_searching, lambda it: it.round_dropped(), State.SEARCHING, {A}),
    (searching, lambda it: it.round_committed(1, {0: 5}), State.SEARCHING, set()),
    (searching, lambda it: it.round_committed(3, {0: 5}), State.CLEAR, set()),
    (searching, lambda it: it.round_refused(1, [B]), State.SEARCHING, {B}),
    (searching, lambda it: it.round_dropped(), State.SEARCHING, set()),
]


@pytest.mark.parametrize(("begin", "happens", "state", "poison"), TABLE)
def test_what_becomes_of_it(
    begin: Callable[[], Quarantine],
    happens: Callable[[Quarantine], object],
    state: State,
    poison: set[tuple[int, int]],
) -> None:
    it = begin()
    happens(it)
    assert (it.state, it.poison) == (state, poison)
    assert it.spoiled is (state is State.SPOILED)


def test_one_entry_a_round_until_all_that_were_refused_have_passed() -> None:
    it = searching()
    for position in (5, 6):
        it.round_committed(1, {0: position})
        assert it.searching
    it.round_committed(1, {0: 7})
    assert not it.searching


def test_poison_is_forgotten_once_it_is_committed_as_a_dead_letter() -> None:
    it = clear()
    it.entry_failed(A)
    it.entry_failed(LATER)
    it.round_dropped()
    it.round_committed(4, {0: 5, 1: 9})
    assert it.poison == {LATER}


def test_a_round_that_is_refused_although_its_entry_was_set_aside_says_so() -> None:
    """Nothing is left to set aside: going round for ever would only hide it."""
    it = clear()
    assert it.round_refused(1, [A])
    assert not it.round_refused(1, [A])
