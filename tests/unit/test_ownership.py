"""The loop around the decisions: heartbeats in time, refusals of the ledger, what the engine hears, an orderly stop."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from cti.adapters.clock import VirtualClock
from cti.errors import Fenced, LedgerAway, OutcomeUnknown, RingbackError
from cti.leases.alone import Alone
from cti.leases.memory import MemoryLeases
from cti.leases.ownership import LOOK_MS, Shared, Watch, new_owner
from cti.leases.ports import Holding, Holdings, Wanted
from cti.rows import Changes, Claim

PARTITIONS = 4
NOTHING = Changes([], [], [])


class Site:
    """A ledger, a clock, and engines that take turns."""

    def __init__(self) -> None:
        self.clock = VirtualClock(0)
        self.ledger = MemoryLeases()
        self.woken: list[str] = []

    def engine(self, name: str, ledger: Any = None) -> Shared:
        return Shared(ledger or self.ledger, self.clock, PARTITIONS, lambda: self.woken.append(name), name)

    async def turns(self, *engines: Shared, looks: int = 1) -> None:
        for _ in range(looks):
            self.clock.move_to(self.clock.now_ms() + LOOK_MS)
            for engine in engines:
                await engine.turn()

    async def owners(self) -> list[str]:
        return [one.owner for one in (await self.ledger.holdings()).resources]


@pytest.fixture
def site() -> Site:
    return Site()


async def test_one_alone_has_everything_when_it_has_started(site: Site) -> None:
    one = site.engine("one")
    await one.start()
    assert one.changes() == Changes([], [], [Claim(n, 1, 0, 0) for n in range(PARTITIONS)])
    assert site.woken == ["one"]
    assert one.changes() == NOTHING
    await site.turns(one, looks=10)
    assert one.changes() == NOTHING
    assert (await site.ledger.holdings()).heartbeats == {"one": 6}, "every second turn a heartbeat"
    assert site.woken == ["one"]


async def test_a_newcomer_gets_what_its_elder_has_let_go(site: Site) -> None:
    one, two = site.engine("one"), site.engine("two")
    await one.start()
    one.changes()
    await two.start()
    await site.turns(one, two, looks=2)
    assert one.changes() == NOTHING, "it has not written two heartbeats yet"
    await site.turns(one)
    assert one.changes().release == [2, 3]
    await site.turns(one, two)
    assert one.changes().release == [2, 3], "named until it is done"
    assert two.changes() == NOTHING
    one.released([2, 3])
    assert one.changes() == NOTHING
    assert await site.owners() == ["one"] * 4
    await site.turns(one, two)
    assert two.changes() == Changes([], [], [Claim(2, 3, 0, 0), Claim(3, 3, 0, 0)])
    assert await site.owners() == ["one", "one", "two", "two"]


async def test_who_falls_silent_is_taken_over_and_hears_of_it(site: Site) -> None:
    one, two = site.engine("one"), site.engine("two")
    await one.start()
    await two.start()
    one.changes()
    await site.turns(two, looks=5)
    assert two.changes() == NOTHING
    await site.turns(two)
    assert [claim.epoch for claim in two.changes().take] == [2] * 4
    await one.turn()
    assert one.changes() == Changes([0, 1, 2, 3], [], [])
    await site.turns(one, two, looks=2)
    assert two.changes().release == [2, 3], "it came back, and is given its share"


async def test_a_fenced_round_is_as_good_as_a_look(site: Site) -> None:
    one = site.engine("one")
    await one.start()
    one.changes()
    await site.ledger.claim("two", PARTITIONS)
    one.lost(range(PARTITIONS))
    assert one.changes() == NOTHING, "the engine knows"
    await one.turn()
    assert [claim.epoch for claim in one.changes().take] == [3] * 4, "of `two` there is no heartbeat"


async def test_an_orderly_stop_hands_over_with_the_next_look(site: Site) -> None:
    one, two = site.engine("one"), site.engine("two")
    await one.start()
    await two.start()
    await site.turns(one, two, looks=2)
    await one.stop()
    await site.turns(two)
    assert await site.owners() == ["two"] * 4


class Failing:
    """A ledger of which some methods raise."""

    def __init__(self, ledger: MemoryLeases) -> None:
        self._ledger = ledger
        self.raises: Mapping[str, RingbackError] = {}

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*given: Any) -> Any:
            if isinstance(self.raises.get(name), LedgerAway):
                raise self.raises[name]
            made = await getattr(self._ledger, name)(*given)
            if name in self.raises:
                raise self.raises[name]
            return made

        return call


async def test_a_ledger_that_is_away_starts_the_waiting_anew(site: Site) -> None:
    ledger = Failing(site.ledger)
    one, two = site.engine("one"), site.engine("two", ledger)
    await one.start()
    await two.start()
    await site.turns(two, looks=5)
    ledger.raises = {"holdings": LedgerAway("gone")}
    await site.turns(two, looks=20)
    ledger.raises = {}
    await site.turns(two, looks=6)
    assert two.changes() == NOTHING
    await site.turns(two)
    assert len(two.changes().take) == 4


async def test_a_heartbeat_that_fails_is_tried_with_the_next_turn_and_nothing_is_taken_before(site: Site) -> None:
    ledger = Failing(site.ledger)
    one = site.engine("one", ledger)
    await one.start()
    ledger.raises = {"heartbeat": LedgerAway("gone")}
    await site.turns(one, looks=5)
    ledger.raises = {}
    await site.turns(one)
    assert (await site.ledger.holdings()).heartbeats == {"one": 2}
    assert len(one.changes().take) == 4, "it lapsed, was not taken, and goes on"


async def test_what_was_taken_without_an_answer_is_taken_again(site: Site) -> None:
    ledger = Failing(site.ledger)
    one = site.engine("one", ledger)
    ledger.raises = {"take": OutcomeUnknown("broken")}
    await one.start()
    assert one.changes() == NOTHING
    assert await site.owners() == ["one"] * 4
    ledger.raises = {}
    await one.turn()
    assert [claim.epoch for claim in one.changes().take] == [2] * 4


async def test_what_was_let_go_without_an_answer_is_not_ours(site: Site) -> None:
    ledger = Failing(site.ledger)
    one, two = site.engine("one", ledger), site.engine("two")
    await one.start()
    await two.start()
    one.changes()
    await site.turns(one, two, looks=3)
    one.released(one.changes().release)
    ledger.raises = {"release": OutcomeUnknown("broken")}
    await site.turns(one, two)
    assert await site.owners() == ["one", "one", "two", "two"]
    ledger.raises = {}
    await site.turns(one, two, looks=4)
    assert one.changes() == NOTHING
    assert await site.owners() == ["one", "one", "two", "two"]


async def test_a_stop_without_a_ledger_comes_to_its_end(site: Site) -> None:
    ledger = Failing(site.ledger)
    one = site.engine("one", ledger)
    await one.start()
    ledger.raises = {"leave": LedgerAway("gone")}
    await one.stop()


def test_what_is_let_go_while_a_look_is_under_way_counts_as_let_go() -> None:
    """Of eight two others shall get two each: what the ledger still names as ours is not let go twice."""
    watch = Watch("one")
    watch.gained([Claim(n, 1, 0, 0) for n in range(8)])
    seen = Holdings({"one": 5, "two": 5}, [Holding(n, 1, "one") for n in range(8)])
    watch.judge(0, 0, seen)
    let_go = watch.changes().release
    assert let_go == [4, 5, 6, 7]
    watch.released(let_go)
    assert watch.judge(500, 500, seen).take == []
    assert watch.changes() == NOTHING


def test_engines_that_are_silent_for_long_are_removed() -> None:
    watch = Watch("one")
    seen = Holdings({"one": 5, "old": 7}, [Holding(0, 1, "one")])
    plans = [watch.judge(at_ms, at_ms, seen) for at_ms in range(0, 61_000, 500)]
    assert [dict(plan.forget) for plan in plans[:-2]] == [{}] * (len(plans) - 2)
    assert plans[-1].forget == {"old": 7}


def test_what_is_taken_is_named_as_it_was_seen() -> None:
    watch = Watch("one")
    seen = Holdings({"one": 5, "two": 9}, [Holding(0, 3, "two"), Holding(1, 4, ""), Holding(2, 1, "engine")])
    for at_ms in range(0, 3_000, 500):
        assert Wanted(0, 3, 9) not in watch.judge(at_ms, at_ms, seen).take
    assert watch.judge(3_000, 3_000, seen).take == [Wanted(0, 3, 9), Wanted(1, 4, None), Wanted(2, 1, None)]


async def test_one_that_has_the_ledger_for_itself_takes_over_and_ends_when_it_is_taken_over() -> None:
    ledger: Any = MemoryLeases()
    await ledger.claim("crashed", PARTITIONS)
    one = Alone(ledger, PARTITIONS, "one")
    await one.start()
    assert [claim.epoch for claim in one.changes().take] == [2] * 4
    assert one.changes() == NOTHING
    one.released([])
    with pytest.raises(Fenced) as fenced:
        one.lost([1, 3])
    assert fenced.value.partitions == {1, 3}
    await one.stop()


def test_every_start_has_a_name_of_its_own() -> None:
    assert len({new_owner() for _ in range(100)}) == 100


def by_topic(partition: int) -> int:
    return partition % 3


def test_each_kind_of_partitions_is_shared_by_itself() -> None:
    """Kafka numbers its three topics in turn. One engine has all calls, the other all agents and switches: as many
    partitions as are left over would be fair by number, and one of them would do all the work.
    """
    held = [Holding(n, 1, "one" if n % 3 == 0 else "two") for n in range(12)]
    seen = Holdings({"one": 5, "two": 5}, held)
    released = {}
    for name in ("one", "two"):
        watch = Watch(name, kind_of=by_topic)
        watch.gained([Claim(one.resource, 1, 0, 0) for one in held if one.owner == name])
        watch.judge(0, 0, seen)
        released[name] = watch.changes().release
    assert released == {"one": [6, 9], "two": [7, 8, 10, 11]}


def test_what_is_free_is_dealt_out_by_kind() -> None:
    free = [Holding(n, 1, "") for n in range(12)]
    taken = [
        one.resource for one in Watch("one", kind_of=by_topic).judge(0, 0, Holdings({"one": 5, "two": 5}, free)).take
    ]
    assert sorted(n % 3 for n in taken) == [0, 0, 1, 1, 2, 2]
