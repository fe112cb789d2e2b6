"""The hub between the engine's hand and the ledger: each command once, in order, whichever way it comes."""

import asyncio
from collections.abc import AsyncIterator, Mapping

import pytest

from cti.adapters.ledger.memory import MemoryLedger
from cti.gateway.command_numbers import GAP_S, GAPS_MAX, CommandNumbers
from cti.gateway.hub import Hub, Subscription
from cti.gateway.pulse import Pulse
from cti.rows import Claim, CommandRow, OutcomeRow, Round
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from tests.contract.rows import PARTITIONS, SOURCE, TENANT, command, fence


class Ledger(MemoryLedger):
    """Counts what the hub reads, and can hold a read up once it has looked."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.going = asyncio.Event()
        self.going.set()
        self.looked = asyncio.Event()

    async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
        self.reads += 1
        found = await super().commands_after(marks, limit)
        self.looked.set()
        await self.going.wait()
        return found


class Desk:
    """An engine's hand, a ledger and a hub."""

    def __init__(self) -> None:
        self.ledger, self.pulse = Ledger(), Pulse()
        self.hub = Hub(self.ledger, self.pulse, Limits(stream_poll_s=60), Telemetry(), PARTITIONS)
        self.claims: list[Claim] = []
        self.task = asyncio.create_task(self.hub.run())

    async def commit(self, *rows: CommandRow, outcomes: tuple[OutcomeRow, ...] = (), handed: bool = True) -> None:
        self.claims = self.claims or await self.ledger.claim("test", PARTITIONS)
        await self.ledger.commit(
            Round(
                commands=list(rows),
                outcomes=list(outcomes),
                fences=[fence(self.claims[row.partition], command_no=row.no) for row in rows],
            )
        )
        if handed:
            self.pulse.commanded(rows, outcomes)

    async def listening(self) -> Subscription:
        """A stream that has come to rest."""
        one = await self.hub.subscribe(TENANT, SOURCE, lambda: True)
        await asyncio.wait_for(self.ledger.looked.wait(), 20)
        await settled()
        return one


async def settled() -> None:
    """Let every task that can go on do so: ten turns of the loop."""
    for _ in range(10):
        turn = asyncio.get_running_loop().create_future()
        turn.get_loop().call_soon(turn.set_result, None)
        await turn


async def ids(one: Subscription) -> list[str]:
    await settled()
    return [row.id for row in await one.next(0)]


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    await settled()
    yield made
    made.task.cancel()
    await asyncio.gather(made.task, return_exceptions=True)


async def test_what_the_engine_hands_over_needs_no_read(desk: Desk) -> None:
    one = await desk.listening()
    reads = desk.ledger.reads
    await desk.commit(
        command("a", 1), command("b", 2), command("c", 1, partition=2), command("d", 3, state="overtaken")
    )
    await desk.commit(command("e", 4), command("f", 5, source="/switches/other"), command("g", 6))
    assert await ids(one) == ["a", "b", "c", "e", "g"]
    assert desk.ledger.reads == reads


async def test_what_stands_before_it_is_read_first(desk: Desk) -> None:
    one = await desk.listening()
    await desk.commit(command("a", 1), command("b", 2), handed=False)
    await desk.commit(command("c", 3), command("d", 1, partition=1))
    assert sorted(await ids(one)) == ["a", "b", "c", "d"]
    await desk.commit(command("e", 4))
    assert await ids(one) == ["e"]


async def test_a_read_under_way_repeats_nothing_that_was_handed_over(desk: Desk) -> None:
    one = await desk.listening()
    desk.ledger.going.clear()
    desk.ledger.looked.clear()
    await desk.commit(command("a", 1), handed=False)
    desk.pulse.commanded()
    await desk.ledger.looked.wait()
    await desk.commit(command("b", 2))
    desk.pulse.commanded([command("a", 1)])
    desk.pulse.commanded([command("b", 2), command("a", 1)])
    desk.ledger.going.set()
    assert await ids(one) == ["a", "b"]


async def test_a_command_that_the_ledger_had_already_is_not_sent_again(desk: Desk) -> None:
    one = await desk.listening()
    await desk.commit(command("a", 1))
    await desk.commit(command("a", 2), command("b", 3))
    assert await ids(one) == ["a", "b"]


async def test_a_stream_that_came_during_a_read_of_others_gets_its_own_only(desk: Desk) -> None:
    first = await desk.listening()
    desk.ledger.going.clear()
    desk.ledger.looked.clear()
    await desk.commit(command("a", 1), handed=False)
    desk.pulse.commanded()
    await desk.ledger.looked.wait()
    desk.hub.unsubscribe(first)
    second = await desk.hub.subscribe(TENANT, SOURCE, lambda: True)
    desk.ledger.going.set()
    await settled()
    await desk.commit(command("b", 2))
    assert await ids(second) == ["b"]  # "a" is what it reads itself when it opens


async def test_commands_are_kept_until_their_result(desk: Desk) -> None:
    rows = [command("a", 1), command("b", 2), command("c", 3, state="overtaken"), command("d", 4)]
    gone = OutcomeRow("d", "unanswered", None, 0)
    await desk.commit(*rows, outcomes=(gone,))
    assert [desk.hub.lately(TENANT, row.id) for row in rows] == [*rows[:2], None, None]
    assert desk.hub.lately("stranger", "a") is None
    await desk.commit(outcomes=(OutcomeRow("a", "accepted", None, 0), OutcomeRow("b", "refused", "busy", 0)))
    assert [desk.hub.lately(TENANT, name) for name in ("a", "b")] == [rows[0], None]


async def test_no_more_are_kept_than_the_bound(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cti.gateway.hub.UNSETTLED_MAX", 3)
    desk.pulse.commanded([command(f"c{no}", no) for no in range(1, 6)])
    assert [no for no in range(1, 6) if desk.hub.lately(TENANT, f"c{no}")] == [3, 4, 5]


async def test_a_number_that_is_committed_after_a_higher_one_is_passed_on_all_the_same(desk: Desk) -> None:
    """Two writers number one partition: a transaction that began first may commit last."""
    one = await desk.listening()
    await desk.commit(command("late", no=2), handed=False)
    desk.pulse.commanded()
    assert await ids(one) == ["late"]
    await desk.commit(command("early", no=1), handed=False)
    desk.hub._looked_back_s = float("-inf")
    desk.pulse.commanded()
    assert await ids(one) == ["early"]
    desk.hub._looked_back_s = float("-inf")
    desk.pulse.commanded()
    assert await ids(one) == []


def test_a_missing_number_is_looked_for_as_long_as_a_transaction_may_last() -> None:
    numbers = CommandNumbers({0: 4})
    assert numbers.is_new(0, 7, 10.0)
    assert numbers.gaps(10.0) == {0: 4}
    assert numbers.is_new(0, 6, 11.0)
    assert not numbers.is_new(0, 6, 11.0)
    assert not numbers.is_new(0, 7, 11.0)
    assert numbers.gaps(10.0 + GAP_S) == {0: 4}
    assert numbers.gaps(10.1 + GAP_S) == {}
    assert not numbers.is_new(0, 5, 11.0 + GAP_S)


def test_missing_numbers_are_bounded() -> None:
    numbers = CommandNumbers({})
    assert numbers.is_new(0, GAPS_MAX * 3, 0.0)
    assert numbers.gaps(0.0) == {0: GAPS_MAX * 2 - 1}
