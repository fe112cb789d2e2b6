"""Groups of names around the decisions: lanes that are added and retired while one process or several share them."""

import pytest

from cti.adapters.clock import VirtualClock
from cti.errors import Fenced
from cti.leases.alone import AloneNamed
from cti.leases.memory import MemoryNamedLeases
from cti.leases.ownership import SharedNamed
from cti.leases.ports import Lease, NamedOwnership
from cti.rows import Changes

NOTHING: Changes[str, Lease] = Changes([], [], [])


class Site:
    """A group in memory, a clock, and processes that take turns."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.leases = MemoryNamedLeases()
        self.woken: list[str] = []

    def dialler(self, name: str, *lanes: str) -> SharedNamed:
        return SharedNamed(self.leases, self.clock, lanes, lambda: self.woken.append(name), name)

    async def turns(self, *processes: SharedNamed, looks: int = 1) -> None:
        for _ in range(looks):
            self.clock.move_to(self.clock.now_ms() + SharedNamed.look_ms)
            for process in processes:
                await process.turn()


@pytest.fixture
def site() -> Site:
    return Site()


async def test_what_is_added_is_owned_with_the_next_look_and_what_is_retired_is_lost(site: Site) -> None:
    one = site.dialler("one", "east")
    await one.start()
    assert one.changes() == Changes([], [], [Lease("east", 1)])
    await one.add(["west", "east"])
    assert one.changes() == NOTHING, "it has not looked yet"
    await site.turns(one)
    assert one.changes() == Changes([], [], [Lease("west", 1)])
    await one.retire(["east"])
    await site.turns(one)
    assert one.changes() == Changes(["east"], [], [])
    await one.add(["east"])
    await site.turns(one)
    assert one.changes() == Changes([], [], [Lease("east", 3)])
    assert site.woken == ["one"] * 4


async def test_lanes_are_shared_and_a_crash_is_noticed_by_silence(site: Site) -> None:
    one, two = site.dialler("one", "a", "b", "c", "d"), site.dialler("two")
    await one.start()
    one.changes()
    await two.start()
    await site.turns(one, two, looks=3)
    assert one.changes().release == ["c", "d"]
    one.released(["c", "d"])
    await site.turns(one, two)
    assert two.changes() == Changes([], [], [Lease("c", 3), Lease("d", 3)])
    await site.turns(two, looks=8)
    assert [lease.resource for lease in two.changes().take] == ["a", "b"]
    await one.turn()
    assert one.changes() == Changes(["a", "b"], [], [])


async def test_a_fenced_turn_is_as_good_as_a_look(site: Site) -> None:
    one = site.dialler("one", "east")
    await one.start()
    one.changes()
    await site.leases.claim("two", ())
    with pytest.raises(Fenced) as fenced:
        site.leases.hold({"east": 1})
    one.lost(fenced.value.resources)
    assert one.changes() == NOTHING, "the dialler knows"


async def test_one_that_has_the_store_for_itself_owns_what_is_added_at_once(site: Site) -> None:
    await site.leases.claim("crashed", ["east", "gone"])
    one: NamedOwnership = AloneNamed(site.leases, ["west"], "one")
    await one.start()
    assert [lease.epoch for lease in one.changes().take] == [2, 2, 1]
    await one.add(["south", "west"])
    assert one.changes() == Changes([], [], [Lease("south", 1)])
    await one.retire(["gone"])
    assert one.changes() == Changes(["gone"], [], [])
    await one.add(["gone"])
    assert one.changes() == Changes([], [], [Lease("gone", 4)])
    await one.turn()
    one.released([])
    assert one.changes() == NOTHING
    with pytest.raises(Fenced) as fenced:
        one.lost(["west"])
    assert fenced.value.resources == {"west"}
    await one.stop()
