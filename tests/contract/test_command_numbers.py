"""Two writers number a partition's commands, and the smaller number is committed last: no stream misses it."""

from collections.abc import AsyncIterator

import pytest

from cti.adapters.store import Store
from cti.gateway.command_numbers import GAP_S
from cti.gateway.hub import Hub, Subscription
from cti.gateway.pulse import Pulse
from cti.rows import CommandRow, Fence, Round
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from tests.contract.rows import PARTITIONS, SOURCE, TENANT, command


class Stream:
    """A hub over the store, read by hand, and one stream's end of it."""

    def __init__(self, store: Store) -> None:
        self.store, self.now_s = store, 0.0
        pulse = Pulse()
        self.hub = Hub(store.ledger, pulse, Limits(), Telemetry(), PARTITIONS, lambda: self.now_s)
        self.end: Subscription | None = None

    async def begin(self) -> None:
        self.end = await self.hub.subscribe(TENANT, SOURCE, lambda: True)
        await self.hub.expect_late()

    async def write(self, *rows: CommandRow, moves: bool = False) -> None:
        """One transaction. `moves`: it says how far the numbers are, as an engine's round does."""
        claims = await self.store.ledger.committed()
        fences = [Fence(0, claims[0].epoch, claims[0].position, max(row.no for row in rows))] if moves else []
        await self.store.ledger.commit(Round(commands=list(rows), fences=fences))

    async def sent(self) -> list[str]:
        """What the stream gets after one more look at the ledger, a second later."""
        self.now_s += 1.0
        await self.hub._pass_on()
        assert self.end is not None
        return [row.id for row in await self.end.next(0)]


@pytest.fixture
async def stream(store: Store) -> AsyncIterator[Stream]:
    await store.ledger.claim("engine", PARTITIONS)
    one = Stream(store)
    yield one
    one.hub.stop()


async def test_a_smaller_number_that_is_committed_last_is_sent(stream: Stream) -> None:
    await stream.begin()
    await stream.write(command("b", no=2), command("d", no=4), moves=True)
    assert await stream.sent() == ["b", "d"]
    await stream.write(command("c", no=3))
    assert await stream.sent() == ["c"]
    await stream.write(command("a", no=1))
    assert await stream.sent() == ["a"]
    assert await stream.sent() == [], "none comes twice"


async def test_a_stream_that_begins_between_the_two_gets_it_too(stream: Stream) -> None:
    await stream.write(command("b", no=2), moves=True)
    await stream.begin()
    assert await stream.sent() == [], "what is open then, a stream reads by itself"
    await stream.write(command("a", no=1))
    assert await stream.sent() == ["a"]
    assert await stream.sent() == []


async def test_a_number_that_nobody_uses_is_given_up(stream: Stream) -> None:
    await stream.begin()
    await stream.write(command("b", no=2), moves=True)
    assert await stream.sent() == ["b"]
    stream.now_s += GAP_S
    assert await stream.sent() == []
    await stream.write(command("a", no=1))
    assert await stream.sent() == [], "no transaction lasts so long; a new stream reads it as open"
