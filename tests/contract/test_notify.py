"""Two processes on one PostgreSQL hear of each other at once, and again after their line was cut."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection, create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.store import APPENDED, COMMANDED, SqlStore, Store, open_store
from cti.dial.store import ORDERED
from cti.rows import Round
from cti.sql import notify
from cti.sql.connections import database_url
from cti.sql.notify import PRESENT, Notifications
from tests.contract.rows import PARTITIONS, START_MS, appending, call, command, event, fence

START = dict.fromkeys(range(PARTITIONS), 0)
WAIT_S = 20


class Ear:
    """Counts what it hears."""

    def __init__(self) -> None:
        self.heard = 0
        self._event = asyncio.Event()

    def __call__(self) -> None:
        self.heard += 1
        self._event.set()

    async def hears(self) -> None:
        """Wait for the next notice."""
        self._event.clear()
        async with asyncio.timeout(WAIT_S):
            await self._event.wait()


@contextmanager
def transaction(url: str) -> Iterator[Connection]:
    """One that commits at its end."""
    engine = create_engine(database_url(url))
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def cut(url: str) -> None:
    """End the connections of all listeners."""
    with transaction(url) as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ringback-notify'"
        assert list(connection.scalars(text(ended)))


@pytest.fixture
async def pair(postgres_ready_url: str) -> AsyncIterator[tuple[Store, Store, Ear]]:
    """Two stores at one clock that stands still; the second one listens for commands."""
    clock = VirtualClock(START_MS)
    async with open_store(postgres_ready_url, clock, PARTITIONS) as one:
        two, ear = open_store(postgres_ready_url, clock, PARTITIONS), Ear()
        two.subscribe_commands(ear)
        async with two:
            await ear.hears()  # it listens
            await known(one)
            yield one, two, ear


async def known(store: Store) -> None:
    """Wait until the store has heard that another process is there."""
    there = Ear()
    assert isinstance(store, SqlStore)
    assert store.database.notifications is not None
    store.database.notifications.subscribe(PRESENT, there)
    while APPENDED not in store.database.notifications.wanted:
        await there.hears()


async def test_what_another_process_appends_is_read_at_once(pair: tuple[Store, Store, Ear]) -> None:
    one, two, _ = pair
    wake = asyncio.Event()
    two.log.wake(wake)
    assert await two.log.read(START, 10) == []
    wake.clear()
    await one.log.append([appending("a", b"1"), appending("b", b"2")])
    async with asyncio.timeout(WAIT_S):
        await wake.wait()
    assert sorted(entry.body for entry in await two.log.read(START, 10)) == [b"1", b"2"], "though no time has passed"


async def test_commands_are_heard_of_and_rounds_without_them_are_not(pair: tuple[Store, Store, Ear]) -> None:
    one, two, ear = pair
    claims = await one.ledger.claim("one", PARTITIONS)
    before = ear.heard
    await one.ledger.commit(Round(timeline=[event(1, 1)], births=[call("a")], fences=[fence(claims[0], 1)]))
    heard = asyncio.create_task(ear.hears())
    await one.ledger.commit(
        Round(commands=[command(f"c{n}", n) for n in range(1, 50)], fences=[fence(claims[0], 2, 49)])
    )
    await heard
    assert ear.heard == before + 1, "once, for all of a round"
    assert len(await two.ledger.commands_after({0: 0}, 100)) == 49, "and they can be read by then"


async def test_who_is_alone_says_nothing(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as one:
        ear = Ear()
        listener = Notifications(database_url(postgres_ready_url), [APPENDED])
        listener.subscribe(APPENDED, ear)
        assert isinstance(one, SqlStore)
        assert one.database.notifications is not None
        await one.log.append([appending("a")])
        assert not one.database.notifications.wanted
        listener.start()
        await ear.hears()
        await known(one)
        heard = asyncio.create_task(ear.hears())
        await one.log.append([appending("a")])
        await heard
        await listener.stop()


async def test_a_round_that_was_refused_is_not_heard_of(pair: tuple[Store, Store, Ear]) -> None:
    one, _, ear = pair
    claims = await one.ledger.claim("one", PARTITIONS)
    before = ear.heard
    with pytest.raises(Exception, match="owns a partition"):
        await one.ledger.commit(Round(commands=[command("c")], fences=[fence(claims[0])._replace(epoch=99)]))
    heard = asyncio.create_task(ear.hears())
    await one.ledger.commit(Round(commands=[command("d")], fences=[fence(claims[0])]))
    await heard
    assert ear.heard == before + 1


async def test_a_listener_that_was_cut_off_listens_anew_and_says_so(
    pair: tuple[Store, Store, Ear], postgres_ready_url: str
) -> None:
    one, _, ear = pair
    claims = await one.ledger.claim("one", PARTITIONS)
    anew = asyncio.create_task(ear.hears())
    await asyncio.to_thread(cut, postgres_ready_url)
    await anew  # something may have been missed
    before = ear.heard
    heard = asyncio.create_task(ear.hears())
    await one.ledger.commit(Round(commands=[command("c")], fences=[fence(claims[0])]))
    await heard
    assert ear.heard == before + 1


async def test_a_server_that_is_away_is_asked_again_and_again(
    postgres_ready_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notify, "BACKOFF_MIN_S", 0.001)
    monkeypatch.setattr(notify, "BACKOFF_MAX_S", 0.002)
    tries: list[float] = []
    enough = asyncio.Event()
    nowhere = database_url(postgres_ready_url).set(host="127.0.0.1", port=1, query={}, password="none")
    listener = Notifications(nowhere, [APPENDED])

    def waits(*_: object, **told: float) -> None:
        tries.append(told["for_ms"])
        if len(tries) == 4:
            enough.set()

    monkeypatch.setattr(notify.log, "warning", waits)
    listener.start()
    async with asyncio.timeout(WAIT_S):
        await enough.wait()
    await listener.stop()
    assert tries[:4] == [1, 2, 2, 2]


async def test_only_channels_that_another_process_hears_are_notified(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS) as one:
        there, appended, ordered = Ear(), Ear(), Ear()
        assert isinstance(one, SqlStore)
        ours = one.database.notifications
        assert ours is not None
        ours.subscribe(PRESENT, there)
        listener = Notifications(database_url(postgres_ready_url), [APPENDED, ORDERED], unused_channels=[APPENDED])
        listener.subscribe(APPENDED, appended)
        listener.subscribe(ORDERED, ordered)
        listener.start()
        while not ours.wanted:
            await there.hears()
        assert ours.wanted == {ORDERED, PRESENT}
        before = ordered.heard
        with transaction(postgres_ready_url) as connection:
            ours.notify(connection, APPENDED)
            ours.notify(connection, ORDERED)
        while ordered.heard == before:
            await ordered.hears()
        assert appended.heard == 0
        await listener.stop()


async def test_a_process_of_the_earlier_release_hears_every_channel(postgres_ready_url: str) -> None:
    async with open_store(postgres_ready_url, VirtualClock(START_MS), PARTITIONS, unused_channels=[COMMANDED]) as one:
        there = Ear()
        assert isinstance(one, SqlStore)
        ours = one.database.notifications
        assert ours is not None
        ours.subscribe(PRESENT, there)
        while not ours.wanted:  # until ours listens, nothing is heard
            heard = asyncio.create_task(there.hears())
            with transaction(postgres_ready_url) as connection:
                connection.execute(text(f"SELECT pg_notify('{PRESENT}', 'abcdef012345')"))
            await heard
        assert ours.wanted >= {APPENDED, COMMANDED, ORDERED, PRESENT}
