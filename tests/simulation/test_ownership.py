"""Ownership in a small world: every interleaving there is, then long random days; what must hold is in the model."""

import random
from collections.abc import Callable

import pytest

from tests.simulation.ownership_likeness import signature
from tests.simulation.ownership_model import Action, NamedWorld, World, at_once

LOOKS = 12  # once the faults have ended: three for silence, one to be proven, the others to hand over
SETTLED_EVERY = 23  # of the worlds explored one is let settle; no divisor of the number of actions


def explore(start: World, states_max: int) -> int:
    """Do everything that can be done, in every world that comes of it; how many different worlds that were."""
    seen, waiting = {signature(start)}, [start]
    for world in waiting:
        for action in world.actions():
            after = world.copy()
            after.do(action)
            if len(seen) < states_max and (sign := signature(after)) not in seen:
                seen.add(sign)
                waiting.append(after)
        if len(seen) % SETTLED_EVERY == 0:
            world.settle(LOOKS)
            world.settled()
    return len(seen)


def test_two_engines_and_one_partition_in_every_interleaving_and_with_every_pause() -> None:
    assert explore(World(2, 1, faults=0), 10_000) < 10_000, "all there is was explored"


def test_a_fault_among_them_as_far_as_the_budget_reaches() -> None:
    assert explore(World(2, 1, faults=1), 6_000) == 6_000


@pytest.mark.parametrize(("engines", "partitions"), [(1, 4), (3, 3), (3, 8), (4, 3), (5, 16)])
@pytest.mark.parametrize("seed", range(20))
def test_random_days(seed: int, engines: int, partitions: int) -> None:
    chance = random.Random(f"{seed} {engines} {partitions}")
    world = World(engines, partitions, faults=30)
    for _ in range(600):
        world.do(_some(chance, list(world.actions())))
    world.settle(3 * LOOKS)
    world.settled()


@pytest.mark.parametrize(("processes", "lanes"), [(1, 3), (3, 5), (4, 16)])
@pytest.mark.parametrize("seed", range(20))
def test_random_days_of_lanes_that_come_and_go(seed: int, processes: int, lanes: int) -> None:
    chance = random.Random(f"{seed} {processes} {lanes}")
    world = NamedWorld(processes, lanes, faults=40)
    for _ in range(600):
        world.do(_some(chance, list(world.actions())))
    world.settle(3 * LOOKS)
    world.settled()
    assert all(lane not in process.reads for process in world.processes.values() for lane in _retired(world))


def _retired(world: NamedWorld) -> set[str]:
    return set(world.names) - world.ledger._owners.keys()


def _some(chance: random.Random, actions: list[Action]) -> Action:
    """Faults are seldom, and a crowd of engines leaves room for time to pass."""
    weights = {
        "pass": 3.0,
        "ledger": 0.3,
        "start": 0.1,
        "crash": 0.05,
        "leave": 0.05,
        "unknown": 0.1,
        "retire": 0.02,
        "add": 0.1,
    }
    return chance.choices(actions, [weights.get(what, 1.0) for what, _ in actions])[0]


# -- how much it takes -------------------------------------------------------------------------------------------------


def test_one_alone_has_everything_with_its_first_look() -> None:
    world = World(1, 8, faults=0)
    world.settle(1)
    world.settled()


@pytest.mark.parametrize(("engines", "partitions"), [(2, 4), (3, 4), (3, 16), (8, 16), (8, 4)])
def test_many_that_start_at_the_same_instant_move_no_partition_more_than_twice(engines: int, partitions: int) -> None:
    world = World(engines, partitions, faults=0)
    world.settle(8)
    world.settled()
    assert world.moves < 2 * partitions


def _settled(engines: int, partitions: int) -> World:
    world = World(engines, partitions, faults=0)
    world.settle(LOOKS)
    world.settled()
    return world


def test_engines_that_look_at_the_same_instant_want_different_partitions() -> None:
    world = World(3, 8, faults=0)
    for name in world.processes:
        at_once(world.ledger.heartbeat(name, 2))
    for process in world.processes.values():
        process.heartbeat = 2
        world.do_turn(process)
    wanted = [one.resource for process in world.processes.values() for one in process.wanted]
    assert sorted(wanted) == list(range(8))


def test_an_engine_that_ends_at_its_start_again_and_again_moves_nothing() -> None:
    world = _settled(2, 4)
    before = world.moves
    for _ in range(10):
        world.do_start()
        world.do_crash(list(world.processes.values())[-1])
        world.settle(1)
        world.settled()
    assert world.moves == before


def test_a_ledger_that_flickers_moves_nothing() -> None:
    """It is there for each look of one engine, and for no heartbeat of the other."""
    world = _settled(2, 4)
    one, _ = world.processes.values()
    for _ in range(10):
        for action in (("ledger", ""), ("turn", one.watch.owner), ("pass", ""), ("ledger", "")):
            world.do(action)
        world.do_turn(one)
        assert not one.wanted


def _joins(world: World) -> int:
    world.do_start()
    return world.partitions // len(world.processes)


def _leaves(world: World) -> int:
    process = next(iter(world.processes.values()))
    owned = len(process.reads)
    world.do_leave(process)
    return owned


def _crashes(world: World) -> int:
    process = next(iter(world.processes.values()))
    owned = len(process.reads)
    world.do_crash(process)
    return owned


@pytest.mark.parametrize("partitions", [12, 13])
@pytest.mark.parametrize(("change", "looks"), [(_joins, 7), (_leaves, 2), (_crashes, 5)])
def test_what_need_not_move_stays(change: Callable[[World], int], looks: int, partitions: int) -> None:
    world = _settled(3, partitions)
    before = world.moves
    must_move = change(world)
    world.settle(looks)
    world.settled()
    assert must_move <= world.moves - before <= must_move + partitions % 12, (
        "who keeps the odd one may change on the way"
    )


def test_a_ledger_that_was_away_for_all_moves_nothing() -> None:
    world = _settled(3, 4)
    before = world.moves
    world.away = True
    for _ in range(20):
        world.do(("pass", ""))
        for name in world.processes:
            world.do(("turn", name))
    world.away = False
    _, *others = world.processes.values()
    for _ in range(2):  # the first is the last to reach it again
        for process in others:
            world.do_turn(process)
            assert not process.wanted
        world.do(("pass", ""))
    world.settle(6)
    assert world.moves == before


def test_a_machine_that_stood_still_moves_nothing() -> None:
    """All were stopped together: the first to go on sees an old heartbeat, and has slept itself."""
    world = _settled(2, 4)
    before = world.moves
    for _ in range(60):
        world.do(("pass", ""))
    first, _ = world.processes.values()
    world.do_turn(first)
    assert not first.wanted
    world.settle(6)
    assert world.moves == before
