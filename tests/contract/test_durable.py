"""What a store keeps beyond its process, and what several processes may do to one database."""

import asyncio
import sqlite3
import threading
from collections import defaultdict
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import DBAPIError

from cti.adapters.clock import VirtualClock
from cti.adapters.migrations import CHAIN
from cti.adapters.store import OURS, open_store
from cti.errors import LedgerAway, LogAway, SchemaTooNew, SettingsMistake, WrongPartitions
from cti.rows import Round
from cti.sql import connections
from cti.sql.connections import database_url, reader_engine, writer_engine
from cti.sql.schema import upgrade
from tests.contract.rows import PARTITIONS, START_MS, appending, call, event, fence
from tests.postgres import PostgresServer

START = dict.fromkeys(range(PARTITIONS), 0)


async def test_a_store_opened_again_goes_on(durable_url: str, clock: VirtualClock) -> None:
    clock.move_to(START_MS + 9_000)
    async with open_store(durable_url, clock, PARTITIONS) as store:
        first = await store.log.append([appending("a", b"1"), appending("a", b"2")])
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        await store.ledger.commit(Round(timeline=[event(1, 1)], births=[call("a")], fences=[fence(claim, 2, 4)]))
    behind = VirtualClock(START_MS)  # a machine whose clock was set back
    async with open_store(durable_url, behind, PARTITIONS) as store:
        (second,) = await store.log.append([appending("a", b"3")])
        assert second == (first[0][0], 3)
        entries = await store.log.read(START, 100)
        assert [entry.body for entry in entries] == [b"1", b"2", b"3"]
        assert [entry.appended_at_ms - START_MS for entry in entries] == [9_000, 9_000, 0], "as the clock says now"
        assert tuple((await store.ledger.claim("two", PARTITIONS))[0]) == (0, 2, 2, 4)
        (live,) = [stored async for some in store.ledger.live_calls([0]) for stored in some]
        assert (live.row, live.timeline) == (call("a"), [event(1, 1)])


async def test_another_number_of_partitions_is_refused(durable_url: str, clock: VirtualClock) -> None:
    async with open_store(durable_url, clock, PARTITIONS):
        pass
    with pytest.raises(WrongPartitions):
        await open_store(durable_url, clock, PARTITIONS + 1).start()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith(("ledger-", "log-", "heartbeat-"))]


async def test_a_store_of_a_newer_release_is_refused(durable_url: str, clock: VirtualClock) -> None:
    upgrade(durable_url, [CHAIN])
    upgrade(durable_url, [CHAIN])  # again: nothing to do
    engine = create_engine(durable_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()
    with pytest.raises(SchemaTooNew, match="9999"):
        await open_store(durable_url, clock, PARTITIONS).start()


async def test_two_processes_append_without_a_gap_and_read_each_other(durable_url: str, clock: VirtualClock) -> None:
    async with (
        open_store(durable_url, clock, PARTITIONS) as one,
        open_store(durable_url, clock, PARTITIONS) as two,
    ):
        answers = await asyncio.gather(
            *[
                log.append([appending(f"call {n}-{m}", b"%d" % n) for m in range(4)])
                for n in range(25)
                for log in (one.log, two.log)
            ]
        )
        taken = defaultdict(list)
        for partition, position in (place for places in answers for place in places):
            taken[partition].append(position)
        assert all(sorted(positions) == list(range(1, len(positions) + 1)) for positions in taken.values())
        for log in (one.log, two.log):
            assert (await log.end()).positions == {n: len(taken[n]) for n in range(PARTITIONS)}
            found: defaultdict[int, list[int]] = defaultdict(list)
            while entries := await log.read({n: len(found[n]) for n in range(PARTITIONS)}, 30):
                for entry in entries:
                    found[entry.partition].append(entry.position)
            assert found == {n: list(range(1, len(taken[n]) + 1)) for n in range(PARTITIONS)}


async def test_what_another_process_appended_is_found_when_it_is_time_to_look(
    durable_url: str, clock: VirtualClock
) -> None:
    async with (
        open_store(durable_url, clock, PARTITIONS) as one,
        open_store(durable_url, clock, PARTITIONS) as two,
    ):
        assert await two.log.read(START, 10) == []
        await one.log.append([appending("a", b"1")])
        clock.move_to(START_MS + 1_000)
        assert [entry.body for entry in await two.log.read(START, 10)] == [b"1"]


async def test_what_the_end_shows_is_read_at_once(durable_url: str, clock: VirtualClock) -> None:
    async with (
        open_store(durable_url, clock, PARTITIONS) as one,
        open_store(durable_url, clock, PARTITIONS) as two,
    ):
        assert await two.log.read(START, 10) == []
        ((partition, _),) = await one.log.append([appending("a", b"1")])
        assert (await two.log.end()).positions[partition] == 1
        assert [entry.body for entry in await two.log.read(START, 10)] == [b"1"]


async def test_a_stopped_store_says_so(durable_url: str, clock: VirtualClock) -> None:
    async with open_store(durable_url, clock, PARTITIONS) as store:
        await store.log.append([appending("a")])
    with pytest.raises(LogAway):
        await store.log.append([appending("a")])
    with pytest.raises(LogAway):
        await store.log.end()
    with pytest.raises(LedgerAway):
        await store.ledger.commit(Round())
    with pytest.raises(LedgerAway):
        await store.ledger.agents()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "mysql://host/name", "no url", ""])
def test_other_databases_are_refused(url: str, clock: VirtualClock) -> None:
    with pytest.raises(SettingsMistake):
        open_store(url, clock, PARTITIONS)


async def test_a_missing_folder_is_a_mistake_of_the_settings(clock: VirtualClock) -> None:
    with pytest.raises(SettingsMistake, match="no-such-folder"):
        await open_store("sqlite:////no-such-folder/ringback.db", clock, PARTITIONS).start()


def test_sqlite_is_durable_and_readers_cannot_write(tmp_path: object) -> None:
    url = database_url(f"sqlite:///{tmp_path}/ringback.db")
    for engine, read_only in ((writer_engine(url), 0), (reader_engine(url, 2), 1)):
        with engine.connect() as connection:
            settled = {
                name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "query_only", "foreign_keys", "busy_timeout")
            }
        engine.dispose()
        assert settled == {
            "journal_mode": "wal",
            "synchronous": 2,
            "query_only": read_only,
            "foreign_keys": 0,
            "busy_timeout": 5_000,
        }


@pytest.mark.usefixtures("shipped_limits")
def test_on_postgresql_nobody_holds_a_lock_for_long(postgres_url: str) -> None:
    engine = writer_engine(database_url(postgres_url))
    with engine.connect() as connection:
        for name in ("statement_timeout", "idle_in_transaction_session_timeout"):
            assert connection.execute(text(f"SHOW {name}")).scalar_one() == "2s"
        assert connection.execute(text("SHOW lock_timeout")).scalar_one() == "1s"
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    engine.dispose()


async def test_on_postgresql_the_call_side_keeps_its_plans_and_nobody_else(
    postgres_ready_url: str, clock: VirtualClock
) -> None:
    """A plan that was made when the tables of orders were empty reads all of them later."""
    async with open_store(postgres_ready_url, clock, PARTITIONS) as store:
        assert store.database is not None
        found = {
            writer.name: (
                await writer.run(lambda one, _: [one.execute(text("SHOW plan_cache_mode")).scalar_one()], None)
            )
            for writer in store.database.writers
        }
        read = await store.database.reader.run(lambda one: one.execute(text("SHOW plan_cache_mode")).scalar_one())
    kept = {name for name, mode in found.items() if mode == "auto"}
    assert kept == OURS
    assert {*found.values(), read} == {"auto", "force_custom_plan"}


def test_on_postgresql_readers_have_one_snapshot_and_cannot_write(postgres_url: str) -> None:
    """Each connection of the pool, also one that takes the place of another that broke."""
    engine = reader_engine(database_url(postgres_url), 1)
    for _ in range(2):
        with engine.connect() as connection:
            for name, wanted in (("transaction_isolation", "repeatable read"), ("transaction_read_only", "on")):
                assert connection.execute(text(f"SHOW {name}")).scalar_one() == wanted
            with pytest.raises(DBAPIError):
                connection.execute(text("CREATE TABLE anything (id integer)"))
            connection.invalidate()
    engine.dispose()


def test_a_postgresql_database_that_is_absent_is_created(postgres: PostgresServer, postgres_url: str) -> None:
    postgres.drop_database(postgres_url)
    upgrade(postgres_url.replace("postgresql+psycopg://", "postgresql://"), [CHAIN])
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM event_log")).scalar_one() == 0
    engine.dispose()


def test_a_server_that_is_away_is_said_to_be(postgres_url: str) -> None:
    nowhere = make_url(postgres_url).set(host="127.0.0.1", port=1, query={}, password="none")
    with pytest.raises(LedgerAway):
        upgrade(nowhere.render_as_string(hide_password=False), [CHAIN])


async def test_entries_can_be_dated_by_the_server(postgres_url: str) -> None:
    clock = VirtualClock(START_MS)
    engine = create_engine(postgres_url)

    def server_ms() -> float:
        with engine.connect() as connection:
            return float(connection.execute(text("SELECT extract(epoch FROM clock_timestamp()) * 1000")).scalar_one())

    async with open_store(postgres_url, clock, PARTITIONS, server_clock=True) as store:
        before_ms = server_ms()
        await store.log.append([appending("a"), appending("b")])
        after_ms = server_ms()
        dates = [entry.appended_at_ms for entry in await store.log.read(START, 10)]
        assert len(dates) == 2
        assert all(int(before_ms) <= date <= after_ms for date in dates)
        assert before_ms - 10 < store.log.now_ms() <= server_ms() + 10  # ours is set against it, to the round trip
    engine.dispose()


async def test_a_file_that_another_process_holds_is_a_ledger_away(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "BUSY_MS", 1)
    url = f"sqlite:///{tmp_path}/ringback.db"
    async with open_store(url, clock, PARTITIONS) as store:
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        with closing(sqlite3.connect(tmp_path / "ringback.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerAway):
                await store.ledger.commit(Round(births=[call("a")], fences=[fence(claim)]))
            with pytest.raises(LogAway):
                await store.log.append([appending("a")])
            with pytest.raises(LedgerAway):
                await open_store(url, clock, PARTITIONS).start()
            assert await store.ledger.stored_calls(["a"]) == []
        await store.ledger.commit(Round(births=[call("a")], fences=[fence(claim)]))
        assert [place[1] for place in await store.log.append([appending("a")])] == [1]
