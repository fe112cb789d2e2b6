"""A part that fails beside rounds: the round is written without it, no event is set aside, and the part can tell."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, text

from cti.adapters.ledger import beside
from cti.adapters.ledger.beside import REST_MAX_S, REST_MIN_S
from cti.errors import Fenced, LedgerAway
from cti.hosting import Host, Opened, Part
from cti.parts.missed import Missed, read_missed, settle_missed
from cti.rows import Round
from tests.rooms import notes
from tests.scheduler import Scene, event, scene

Fails = Callable[[Connection], None]
CALLER = {"connection": "c", "calling": "13800000000", "called": "95598", "direction": "inbound"}


class Faulty:
    """Statements beside rounds that fail while `fails` is set."""

    def __init__(self) -> None:
        self.fails: Fails | None = None
        self.runs = 0

    def write(self, connection: Connection, round_: Round) -> None:
        if not round_.births:
            return
        self.runs += 1
        notes.keep_births(connection, round_)
        if self.fails is not None:
            self.fails(connection)

    def open(self, _host: Host) -> Opened:
        return Opened(beside_round=self.write)


def raises(fault: BaseException) -> Fails:
    def fail(_connection: Connection) -> None:
        raise fault

    return fail


def statement(words: str) -> Fails:
    return lambda connection: connection.execute(text(words)) and None


def swallows(connection: Connection) -> None:
    """It takes its own statement's error for harmless; on PostgreSQL the transaction is lost with it."""
    try:
        connection.execute(text("SELECT gone FROM nowhere"))
    except Exception:
        if connection.dialect.name == "sqlite":
            raise


FAULTS: dict[str, Fails] = {
    "raises": raises(LookupError("of the part's own")),
    "exits": raises(SystemExit(1)),
    "is cancelled": raises(asyncio.CancelledError()),
    "says the ledger is away": raises(LedgerAway("it is not")),
    "says it is fenced": raises(Fenced(partitions=[0, 1, 2, 3])),
    "has no table": statement("SELECT gone FROM nowhere"),
    "breaks a constraint": statement("INSERT INTO note_births SELECT call_id FROM note_births"),
    "swallows an error": swallows,
    "rolls back": lambda connection: connection.rollback(),
    "commits": lambda connection: connection.commit(),
    "closes": lambda connection: connection.close(),
}


@asynccontextmanager
async def hosted(url: str, faulty: Faulty) -> AsyncIterator[Scene]:
    async with scene(url, parts=[Part(name="faulty", open=faulty.open, chain=notes.CHAIN)]) as it:
        await it.declare("s1")
        yield it


async def offer(it: Scene, subject: str) -> None:
    await it.post(event("s1", subject, "offered", it.now_s, CALLER))


async def rows(it: Scene, words: str) -> list[Any]:
    assert it.store.database is not None
    return await it.store.database.reader.run(lambda connection: list(connection.scalars(text(words))))


async def missed(it: Scene) -> list[Missed]:
    assert it.store.database is not None
    return await it.store.database.reader.run(read_missed, "faulty")


def metric(it: Scene, name: str, **labels: str) -> float | None:
    return it.engine.work.telemetry.registry.get_sample_value(name, {"part": "faulty", **labels})


@pytest.mark.parametrize("fails", FAULTS.values(), ids=FAULTS)
async def test_the_round_is_written_without_the_part_and_no_event_is_set_aside(url: str, fails: Fails) -> None:
    faulty = Faulty()
    async with hosted(url, faulty) as it:
        await offer(it, "seen")
        faulty.fails = fails
        await offer(it, "missed-1")
        await offer(it, "missed-2")
        assert faulty.runs == 2, "after its failure it rests"
        assert len(await rows(it, "SELECT call_id FROM calls")) == 3
        assert len(await rows(it, "SELECT call_id FROM note_births")) == 1
        assert await rows(it, "SELECT reason FROM dead_letters") == []
        assert not it.engine.quarantine.searching
        assert metric(it, "ringback_part_broken") == 1
        assert metric(it, "ringback_part_faults_total", doing="beside_round") == 1
        faulty.fails = None
        await it.to(it.now_s + REST_MIN_S)
        await offer(it, "seen-again")
        assert metric(it, "ringback_part_broken") == 0
        assert len(await rows(it, "SELECT call_id FROM note_births")) == 2


async def test_the_part_learns_which_rounds_it_missed_and_settles_them(url: str) -> None:
    faulty = Faulty()
    async with hosted(url, faulty) as it:
        await offer(it, "seen")
        before = dict(it.engine.positions)
        assert await missed(it) == []
        faulty.fails = raises(LookupError("broken"))
        await offer(it, "missed-1")
        first = await missed(it)
        await offer(it, "missed-2")
        second = await missed(it)
        assert {one.partition: one.after_position for one in second} == before
        assert {one.partition: one.to_position for one in second} == it.engine.positions
        assert metric(it, "ringback_part_rounds_missed_total") == max(one.rounds for one in second) >= 2
        database = it.store.database
        assert database is not None

        async def settle(seen: list[Missed]) -> None:
            await database.writer("ledger-writer").run(
                lambda connection, given: [settle_missed(connection, "faulty", one) for one in given], seen
            )

        await settle(first)
        assert await missed(it) == second, "more was missed since it was read"
        await settle(second)
        assert await missed(it) == []


async def test_its_rests_grow_to_their_limit(url: str) -> None:
    faulty = Faulty()
    faulty.fails = raises(LookupError("broken"))
    async with hosted(url, faulty) as it:
        rest_s = REST_MIN_S
        for number in range(8):
            await offer(it, f"tried-{number}")
            await it.to(it.now_s + rest_s - 0.01)
            await offer(it, f"left-out-{number}")
            assert faulty.runs == number + 1
            await it.to(it.now_s + 0.02)
            rest_s = min(2 * rest_s, REST_MAX_S)
        assert rest_s == REST_MAX_S


async def test_a_part_that_is_slow_twice_in_a_row_is_left_out(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faulty, elapsed = Faulty(), [0.0]
    monkeypatch.setattr(beside.BesideRounds.add, "__defaults__", (lambda: elapsed[0],))

    def takes_long(_connection: Connection) -> None:
        elapsed[0] += beside.SLOW_S + 0.1

    async with hosted(url, faulty) as it:
        faulty.fails = takes_long
        await offer(it, "slow")
        assert await missed(it) == [], "the process may have stood still"
        await offer(it, "slow again")
        assert len(await rows(it, "SELECT call_id FROM note_births")) == 1
        assert len(await rows(it, "SELECT call_id FROM calls")) == 2
        assert await missed(it) != []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_what_the_database_does_to_a_part_s_statement_is_the_part_s(url: str) -> None:
    """A statement cut off for its time, or for a lock that another holds, does not stop the rounds."""
    faulty = Faulty()
    async with hosted(url, faulty) as it:
        faulty.fails = lambda connection: (
            [connection.execute(text(words)) for words in ("SET LOCAL statement_timeout = 20", "SELECT pg_sleep(60)")]
            and None
        )
        began = time.monotonic()
        await offer(it, "cut off")
        assert time.monotonic() - began < 30
        assert len(await rows(it, "SELECT call_id FROM calls")) == 1
        assert await missed(it) != []


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_a_connection_that_breaks_in_a_part_s_statement_is_the_database_s(url: str) -> None:
    faulty, broken = Faulty(), list[int]()

    def cut(connection: Connection) -> None:
        if not broken:
            broken.append(1)
            connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    async with hosted(url, faulty) as it:
        faulty.fails = cut
        await offer(it, "cut")
        await it.to(it.now_s + 2)
        assert len(await rows(it, "SELECT call_id FROM note_births")) == 1, "tried again with the part"
        assert await missed(it) == []
        assert metric(it, "ringback_part_broken") == 0
