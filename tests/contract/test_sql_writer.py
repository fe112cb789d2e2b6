"""The writing thread: groups, faulty jobs among good ones, cancelled awaits, broken connections."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, create_engine, event, text

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.errors import Fenced, LedgerAway, LogAway, OutcomeUnknown
from cti.rows import Round
from cti.sql.bulk import driver_of
from cti.sql.connections import database_url, writer_engine
from cti.sql.writer import SqlWriter
from tests.contract.rows import PARTITIONS, appending, call, fence

START = dict.fromkeys(range(PARTITIONS), 0)


class Scratch:
    """A writer over a table of words, and what it did."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.writer = SqlWriter(engine, "scratch")
        self.groups: list[list[str]] = []

    def keep(self, connection: Connection, words: Sequence[str]) -> Sequence[int]:
        self.groups.append(list(words))
        for word in words:
            connection.execute(text("INSERT INTO words VALUES (:word)"), {"word": word})
        return [len(word) for word in words]

    def words(self) -> list[str]:
        with self.engine.connect() as connection:
            return sorted(connection.scalars(text("SELECT word FROM words")))

    @contextmanager
    def held(self) -> Any:
        """The thread is kept busy, so that what is asked meanwhile becomes one group."""
        entered, go = threading.Event(), threading.Event()

        def wait(_: Connection, jobs: Sequence[None]) -> Sequence[None]:
            entered.set()
            assert go.wait(20)
            return jobs

        first = asyncio.ensure_future(self.writer.run(wait, None))
        try:
            yield first, entered
        finally:
            go.set()


@pytest.fixture
async def scratch(ready_durable_url: str) -> AsyncIterator[Scratch]:
    engine = writer_engine(database_url(ready_durable_url))
    engine.pool._max_overflow = 1  # for looking while the writer holds its own
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word VARCHAR(20) PRIMARY KEY)"))
    made = Scratch(engine)
    made.writer.start()
    yield made
    await made.writer.stop()
    engine.dispose()


async def ask(scratch: Scratch, *words: str) -> list[Any]:
    """Ask for all words while the thread is busy; their answers."""
    with scratch.held() as (first, entered):
        await asyncio.to_thread(entered.wait, 20)
        asked = [asyncio.ensure_future(scratch.writer.run(scratch.keep, word)) for word in words]
        await turn()
    await first
    return await asyncio.gather(*asked, return_exceptions=True)


async def turn() -> None:
    """Let every task that was made before take its first step."""
    loop = asyncio.get_running_loop()
    turned = loop.create_future()
    loop.call_soon(turned.set_result, None)
    await turned


async def test_what_waits_is_one_transaction(scratch: Scratch) -> None:
    assert await ask(scratch, "one", "three", "fifteen") == [3, 5, 7]
    assert scratch.groups == [["one", "three", "fifteen"]]
    assert scratch.words() == ["fifteen", "one", "three"]


async def test_a_faulty_job_in_a_group_fails_alone(scratch: Scratch) -> None:
    answers = await ask(scratch, "one", "one", "two")
    assert answers[0] == 3
    assert "one" in str(answers[1]) or "UNIQUE" in str(answers[1])
    assert isinstance(answers[1], Exception)
    assert answers[2] == 3
    assert scratch.words() == ["one", "two"]


async def test_a_mistake_of_our_own_fails_alone_and_the_thread_lives(scratch: Scratch) -> None:
    def mistaken(connection: Connection, jobs: Sequence[str]) -> Sequence[int]:
        scratch.keep(connection, jobs)
        raise LookupError("our mistake")

    with pytest.raises(LookupError, match="our mistake"):
        await scratch.writer.run(mistaken, "lost")
    assert await scratch.writer.run(scratch.keep, "kept") == 4
    assert scratch.words() == ["kept"]


async def test_done_is_called_once_in_the_order_of_commits_also_for_cancelled_awaits(scratch: Scratch) -> None:
    seen: list[tuple[str, int | None]] = []

    def note(word: str) -> Callable[[int | None], None]:
        return lambda made: seen.append((word, made))

    with scratch.held() as (first, entered):
        await asyncio.to_thread(entered.wait, 20)
        asked = {
            word: asyncio.ensure_future(scratch.writer.run(scratch.keep, word, done=note(word)))
            for word in ("a", "bb", "bb", "ccc")
        }
        await turn()
        asked["a"].cancel()
        with suppress(asyncio.CancelledError):
            await asked["a"]
    await first
    await asyncio.gather(*asked.values(), return_exceptions=True)
    await scratch.writer.run(scratch.keep, "dddd", done=note("dddd"))
    assert sorted(seen[:4], key=str) == [("a", 1), ("bb", 2), ("bb", None), ("ccc", 3)]
    assert [word for word, _ in seen] == ["a", "bb", "bb", "ccc", "dddd"]
    assert scratch.words() == ["a", "bb", "ccc", "dddd"]


async def test_a_stopped_writer_has_written_what_waited(scratch: Scratch) -> None:
    asked = [asyncio.ensure_future(scratch.writer.run(scratch.keep, f"word {n}")) for n in range(30)]
    await turn()
    await scratch.writer.stop()
    assert await asyncio.gather(*asked) == [len(f"word {n}") for n in range(30)]
    assert len(scratch.words()) == 30
    with pytest.raises(LedgerAway):
        await scratch.writer.run(scratch.keep, "late")


def refuse(_: Connection, words: Sequence[str]) -> Sequence[None]:
    raise Fenced(f"not {words[0]}")


async def test_steps_are_committed_together_and_answered_in_order(scratch: Scratch) -> None:
    assert await scratch.writer.transact((scratch.keep, "one"), (scratch.keep, "three")) == [3, 5]
    with pytest.raises(Fenced):
        await scratch.writer.transact((scratch.keep, "lost"), (scratch.keep, "lost too"), (refuse, "both"))
    with pytest.raises(Exception, match=r"(?i)unique"):
        await scratch.writer.transact((scratch.keep, "lost"), (scratch.keep, "one"))
    assert scratch.words() == ["one", "three"]


async def test_steps_in_a_group_are_kept_or_lost_as_one(scratch: Scratch) -> None:
    """The group is rolled back after the good ones have run; tried again one by one, only the faulty one is missing."""
    done: list[Any] = []
    with scratch.held() as (first, entered):
        await asyncio.to_thread(entered.wait, 20)
        asked = [
            asyncio.ensure_future(scratch.writer.run(scratch.keep, "alone")),
            asyncio.ensure_future(scratch.writer.transact((scratch.keep, "a1"), (scratch.keep, "a22"))),
            asyncio.ensure_future(
                scratch.writer.transact((scratch.keep, "b1"), (refuse, "b"), (scratch.keep, "b2"), done=done.append)
            ),
            asyncio.ensure_future(scratch.writer.transact((scratch.keep, "c1"), (scratch.keep, "c22"))),
        ]
        await turn()
    await first
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert [answers[0], answers[1], answers[3]] == [5, [2, 3], [2, 3]]
    assert isinstance(answers[2], Fenced)
    assert done == [None]
    assert scratch.words() == ["a1", "a22", "alone", "c1", "c22"]
    assert sum(group == ["alone"] for group in scratch.groups) == 2, "in the group, and once more alone"


@pytest.fixture
async def store(ready_durable_url: str, clock: VirtualClock) -> AsyncIterator[Store]:
    async with open_store(ready_durable_url, clock, PARTITIONS) as started:
        yield started


async def test_a_poisonous_append_fails_alone_and_leaves_no_gap(store: Store) -> None:
    poison: Any = appending("a", tenant=None)
    answers = await asyncio.gather(
        *[store.log.append([appending("a", b"%d" % n)] if n != 7 else [poison]) for n in range(15)],
        return_exceptions=True,
    )
    assert isinstance(answers[7], Exception)
    positions = [places[0][1] for n, places in enumerate(answers) if n != 7 and not isinstance(places, BaseException)]
    assert sorted(positions) == list(range(1, 15))
    partition = store.log.partition_of(appending("a").key)
    assert [entry.position for entry in await store.log.read({partition: 0}, 100)] == list(range(1, 15))


async def test_a_fenced_round_does_not_disturb_the_appends_beside_it(store: Store) -> None:
    old = await store.ledger.claim("one", PARTITIONS)
    await store.ledger.claim("two", PARTITIONS)
    answers = await asyncio.gather(
        store.log.append([appending("a")]),
        store.ledger.commit(Round(births=[call("a")], fences=[fence(old[0])])),
        store.log.append([appending("a")]),
        return_exceptions=True,
    )
    assert isinstance(answers[1], Fenced)
    assert [answers[0][0][1], answers[2][0][1]] == [1, 2]
    assert await store.ledger.stored_calls(["a"]) == []


async def test_a_cancelled_append_leaves_no_transaction_open_and_no_gap(store: Store) -> None:
    asked = [asyncio.ensure_future(store.log.append([appending("a", b"%d" % n)])) for n in range(20)]
    await turn()
    for one in asked[::2]:
        one.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    (last,) = await store.log.append([appending("a", b"last")])
    entries = await store.log.read({last[0]: 0}, 100)
    assert [entry.position for entry in entries] == list(range(1, last[1] + 1))
    assert {b"%d" % n for n in range(1, 20, 2)} <= {entry.body for entry in entries}
    assert (await store.log.end()).at_ms == store.log.now_ms()


def cut(postgres_ready_url: str) -> None:
    """End every session of ours in this database, as an administrator or a crash would."""
    engine = create_engine(postgres_ready_url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'ringback'"
            )
        )
    engine.dispose()


async def test_after_a_broken_connection_it_goes_on_with_a_new_one(
    postgres_ready_url: str, clock: VirtualClock
) -> None:
    async with open_store(postgres_ready_url, clock, PARTITIONS) as store:
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        await store.log.append([appending("a")])
        cut(postgres_ready_url)
        with pytest.raises(LogAway):
            await store.log.append([appending("a", b"lost")])
        with pytest.raises(LedgerAway):
            await store.ledger.commit(Round(births=[call("a")], fences=[fence(claim)]))
        assert await store.log.append([appending("a")]) == [(store.log.partition_of(appending("a").key), 2)]
        await store.ledger.commit(Round(births=[call("b")], fences=[fence(claim)]))


async def test_a_connection_that_breaks_during_commit_leaves_the_outcome_unknown(postgres_ready_url: str) -> None:
    engine = writer_engine(database_url(postgres_ready_url))
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE words (word VARCHAR(20) PRIMARY KEY)"))
    scratch = Scratch(engine)
    scratch.writer.start()
    await scratch.writer.run(scratch.keep, "before")
    breaking = event.listens_for(engine, "commit", once=True)
    breaking(lambda _: cut(postgres_ready_url))
    with pytest.raises(OutcomeUnknown):
        await scratch.writer.run(scratch.keep, "perhaps")
    assert await scratch.writer.run(scratch.keep, "after") == 5
    await scratch.writer.stop()
    assert {"before", "after"} <= set(scratch.words())
    engine.dispose()


async def test_a_writer_that_stood_still_in_a_transaction_finds_the_ledger_away(postgres_ready_url: str) -> None:
    """The server has ended its session, as it must: what it was to write is not at fault, and is written again."""
    engine = writer_engine(database_url(postgres_ready_url))
    looking = create_engine(database_url(postgres_ready_url), isolation_level="AUTOCOMMIT")
    writer = SqlWriter(engine, "scratch")
    writer.start()

    def stand_still(connection: Connection, jobs: Sequence[bool]) -> Sequence[int]:
        driver = driver_of(connection)
        if jobs == [True]:
            driver.execute("SET LOCAL idle_in_transaction_session_timeout = 1")
            idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
            with looking.connect() as other:
                while other.scalar(text(idle)):
                    pass
        return [driver.execute("SELECT 7").fetchone()[0]]

    with pytest.raises(LedgerAway):
        await writer.run(stand_still, True)
    assert await writer.run(stand_still, False) == 7
    await writer.stop()
    engine.dispose()
    looking.dispose()
