"""A ledger that an earlier release has written is brought up to date, and nothing in it is lost."""

import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import column, create_engine, make_url, select, text
from sqlalchemy import table as sql_table

from cti.adapters.clock import VirtualClock
from cti.adapters.ledger.timeline_days import DAY_MS, days, make_days
from cti.adapters.migrations import CHAIN
from cti.adapters.store import open_store
from cti.leases.ports import Wanted
from cti.parts.health import PartHealth
from cti.rows import BreachFilter, CallFilter, Fence, Round, StoredCall
from cti.sql.schema import upgrade
from cti.telemetry import Telemetry
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, appending, call, event
from tests.rooms import notes
from tests.upgrade import written

HERE = Path(__file__).parent
SPINE, BEFORE = "spine-3a8a4b2", "cluster-30fac69"
REVISIONS = {SPINE: "0001", BEFORE: "0005"}


def load_sqlite(url: str, release: str) -> None:
    with closing(sqlite3.connect(make_url(url).database or "")) as connection:
        connection.executescript((HERE / f"{release}.sqlite.sql").read_text("utf-8"))


def load_postgresql(url: str, release: str) -> None:
    conninfo = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(conninfo) as connection:
        connection.execute((HERE / f"{release}.postgresql.sql").read_bytes())


@pytest.fixture(params=REVISIONS)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, release: str, tmp_path: Path) -> str:
    """A ledger as the earlier release left it."""
    if request.param == "sqlite":
        load_sqlite(f"sqlite:///{tmp_path}/ringback.db", release)
        return f"sqlite:///{tmp_path}/ringback.db"
    made = str(request.getfixturevalue("postgres_url"))
    load_postgresql(made, release)
    return made


def revision(url: str, table: str = "alembic_version") -> str:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(select(column("version_num")).select_from(sql_table(table))).scalar_one()
    engine.dispose()
    return str(found)


async def test_nothing_is_lost(url: str, release: str) -> None:
    assert revision(url) == REVISIONS[release]
    async with open_store(url, VirtualClock(START_MS), PARTITIONS) as store:
        done, open_one, observed, other = written.COMMANDS
        done = done._replace(state="done")
        assert await store.ledger.stored_calls(["live", "ended", "other"]) == [
            StoredCall(written.ENDED, written.ENDED_EVENTS, [done], written.RECORD),
            StoredCall(written.LIVE, written.LIVE_EVENTS, [open_one], None),
            StoredCall(written.OTHER, written.OTHER_EVENTS, [other], None),
        ]
        live = [one.row async for some in store.ledger.live_calls(range(PARTITIONS)) for one in some]
        assert live == [written.LIVE, written.OTHER]
        assert await store.ledger.command(TENANT, "observed") == observed
        assert await store.ledger.open_commands(TENANT, SOURCE, START_MS, 9) == [open_one]
        assert await store.ledger.breaches(TENANT, BreachFilter(), None, 9) == written.BREACHES[::-1]
        assert await store.ledger.records(TENANT, "", 9) == [written.RECORD.record]
        assert len(await store.ledger.calls(TENANT, CallFilter(), None, 9)) == 3
        assert await store.ledger.agents() == written.AGENTS
        assert await store.ledger.sources() == written.SOURCES
        assert await store.ledger.switches() == [written.SWITCH]
        assert await store.ledger.keys() == written.UPGRADED_KEYS
        assert await store.ledger.committed() == {fence.partition: fence for fence in written.FENCES}
        entries = await store.log.read(dict.fromkeys(range(PARTITIONS), 0), 100)
        assert sorted(entry.body for entry in entries) == sorted(item.body for item in written.ENTRIES)
    engine = create_engine(url)
    with engine.connect() as connection:
        letter = connection.execute(text("SELECT * FROM dead_letters")).one()
        assert tuple(letter) == tuple(written.LETTER)
    engine.dispose()


async def test_it_goes_on_where_it_was_with_the_tables_of_a_part_beside(url: str) -> None:
    async with open_store(url, VirtualClock(START_MS), PARTITIONS, chains=[notes.CHAIN]) as store:
        assert revision(url, "alembic_version_notes") == "0001"
        store.beside_rounds("notes", notes.keep_births, PartHealth(Telemetry(), VirtualClock(START_MS)))
        places = await store.log.append([appending(f"call {n}") for n in range(9)])
        assert all(position > 1 for _, position in places)
        await store.ledger.join("one", PARTITIONS)
        assert [one.owner for one in (await store.ledger.holdings()).resources] == ["engine"] * PARTITIONS
        claims = await store.ledger.take("one", [Wanted(n, 1, None) for n in range(PARTITIONS)])
        assert [(claim.epoch, claim.position) for claim in claims] == [(2, 9), (2, 4), (2, 0), (2, 5)]
        more = event(2, 10, appended_at_ms=START_MS + 4 * DAY_MS)
        births = [call("new", 11)]
        await store.ledger.commit(Round(timeline=[more], births=births, fences=[Fence(0, 2, 11, 3)]))
        (stored,) = await store.ledger.stored_calls(["live"])
        assert stored.timeline == [*written.LIVE_EVENTS, more]


async def test_its_timeline_becomes_one_part_that_goes_with_its_last_day(postgres_url: str) -> None:
    load_postgresql(postgres_url, SPINE)
    upgrade(postgres_url, [CHAIN])
    end_ms = (START_MS + 2 * DAY_MS) // DAY_MS * DAY_MS + DAY_MS
    engine = create_engine(postgres_url)
    with engine.begin() as connection:
        first, *_ = days(connection)
        assert first == ("timeline_20260227", None, end_ms)
        make_days(connection, START_MS + DAY_MS)
        assert [day.to_ms for day in days(connection)[:3]] == [end_ms, end_ms + DAY_MS, end_ms + 2 * DAY_MS]
    engine.dispose()
    async with open_store(postgres_url, VirtualClock(START_MS), PARTITIONS) as store:
        assert [await store.ledger.purge(end_ms, 0) for _ in range(2)] == [1, 0], "live calls began in it"
        for name, at in (("live", 0), ("other", 3)):
            ended = written.RECORD._replace(call_id=name, revision=1, ended_at_ms=START_MS)
            fence = written.FENCES[at]._replace(position=20)
            await store.ledger.commit(Round(records=[ended], fences=[fence]))
        assert [await store.ledger.purge(end_ms, 0) for _ in range(3)] == [2, 1, 0], "first its calls, then the part"
        assert len(await store.ledger.records(TENANT, "", 9)) == 3
