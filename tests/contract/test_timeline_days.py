"""PostgreSQL: the timeline's days are made ahead and dropped as a whole; nothing is refused, nothing kept is lost."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text

from cti.adapters.clock import VirtualClock
from cti.adapters.ledger.timeline_days import DAY_MS, DAYS_AHEAD, days, make_days
from cti.adapters.migrations import CHAIN
from cti.adapters.store import open_store
from cti.rows import Round
from cti.sql.schema import upgrade
from tests.contract.rows import PARTITIONS, START_MS, call, event, fence, record

DAY_0 = START_MS // DAY_MS * DAY_MS


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    upgrade(postgres_url, [CHAIN])
    made = create_engine(postgres_url)
    yield made
    made.dispose()


def make(engine: Engine, *at_ms: int) -> list[int]:
    """Make the days of these times; which days of that week there are then."""
    with engine.begin() as connection:
        for now_ms in at_ms:
            make_days(connection, now_ms)
        return [(day.to_ms - DAY_0) // DAY_MS for day in days(connection) if day.to_ms < DAY_0 + 60 * DAY_MS]


def rows_by_part(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        found = connection.execute(text("SELECT tableoid::regclass::text, count(*) FROM timeline GROUP BY 1"))
        return dict(map(tuple, found))


def test_today_and_some_days_more_are_there_from_the_start(engine: Engine) -> None:
    with engine.begin() as connection:
        now_ms = connection.execute(text("SELECT extract(epoch FROM now()) * 1000")).scalar_one()
        first, *_ = known = days(connection)
        assert first.from_ms is not None
        assert first.from_ms <= now_ms < first.to_ms == first.from_ms + DAY_MS
        assert len(known) == DAYS_AHEAD + 1
        make_days(connection)
        assert days(connection) == known


def test_days_are_made_once(engine: Engine) -> None:
    assert make(engine, START_MS, START_MS, START_MS + DAY_MS) == list(range(1, DAYS_AHEAD + 3))


def test_a_day_that_another_process_is_making_is_left_to_it(engine: Engine) -> None:
    with engine.begin() as other:
        make_days(other, START_MS)
        assert make(engine, START_MS) == []
    assert make(engine, START_MS) == list(range(1, DAYS_AHEAD + 2))


async def test_what_belongs_to_no_day_is_kept_all_the_same(postgres_url: str, engine: Engine) -> None:
    async with open_store(postgres_url, VirtualClock(START_MS), PARTITIONS) as store:
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        rows = [event(1, 1), event(1, 2, appended_at_ms=DAY_0 + DAY_MS)]
        await store.ledger.commit(Round(timeline=rows, births=[call("a")], fences=[fence(claim)]))
        assert make(engine, START_MS) == [3, 4], "a day of which rows lie elsewhere stays with them"
        late = event(1, 3, appended_at_ms=DAY_0 + 2 * DAY_MS)
        await store.ledger.commit(Round(timeline=[late], fences=[fence(claim, 2)]))
        (stored,) = await store.ledger.stored_calls(["a"])
        assert stored.timeline == [*rows, late]
        assert rows_by_part(engine) == {"timeline_default": 2, "timeline_20260227": 1}
        await store.ledger.commit(Round(records=[record("a", ended_at_ms=START_MS)], fences=[fence(claim, 3)]))
        assert await store.ledger.purge(START_MS + 1, 0) == 1
        (stored,) = await store.ledger.stored_calls(["a"])
        assert stored.timeline == []
        assert rows_by_part(engine) == {"timeline_20260227": 1}, "the rest goes with its day"


async def test_a_day_goes_when_no_call_needs_it(postgres_url: str, engine: Engine) -> None:
    make(engine, START_MS)
    async with open_store(postgres_url, VirtualClock(START_MS), PARTITIONS) as store:
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        next_day = {"at_ms": DAY_0 + DAY_MS, "appended_at_ms": DAY_0 + DAY_MS}
        await store.ledger.commit(
            Round(
                timeline=[event(1, 1), event(1, 2), event(3, 3)],
                births=[call("short", 1), call("over midnight", 3, key_hash=9)],
                records=[record("short", ended_at_ms=START_MS + 5)],
                fences=[fence(claim, 8)],
            )
        )
        await store.ledger.commit(Round(timeline=[event(3, 9, **next_day)], fences=[fence(claim, 9)]))
        limit_ms = DAY_0 + DAY_MS
        assert await store.ledger.purge(limit_ms, 0) == 1, "its call is marked first"
        assert await store.ledger.purge(limit_ms, 0) == 0, "a live call began on it"
        assert sum(rows_by_part(engine).values()) == 4
        ended = record("over midnight", ended_at_ms=DAY_0 + DAY_MS + 60_000)
        await store.ledger.commit(Round(records=[ended], fences=[fence(claim, 10)]))
        assert await store.ledger.purge(limit_ms, 0) == 0, "its timeline is kept still"
        assert [len(one.timeline) for one in await store.ledger.stored_calls(["over midnight", "short"])] == [0, 2]
        limit_ms += 60_001
        assert [await store.ledger.purge(limit_ms, 0) for _ in range(3)] == [1, 1, 0]
        assert rows_by_part(engine) == {"timeline_20260226": 1}
        assert [await store.ledger.purge(DAY_0 + 2 * DAY_MS, 0) for _ in range(2)] == [1, 0]
        assert rows_by_part(engine) == {}
        assert len(await store.ledger.records("grid", "", 9)) == 2


async def test_a_day_that_somebody_reads_stays_for_the_moment(postgres_url: str, engine: Engine) -> None:
    make(engine, START_MS)
    async with open_store(postgres_url, VirtualClock(START_MS), PARTITIONS) as store:
        (claim, *_) = await store.ledger.claim("one", PARTITIONS)
        with engine.connect() as reader:
            reader.execute(text("SELECT count(*) FROM timeline"))
            assert await store.ledger.purge(DAY_0 + DAY_MS, 0) == 0
            await store.ledger.commit(Round(timeline=[event(1, 1)], births=[call("a")], fences=[fence(claim)]))
        await store.ledger.commit(Round(records=[record("a", ended_at_ms=START_MS)], fences=[fence(claim, 2)]))
        assert [await store.ledger.purge(DAY_0 + DAY_MS, 0) for _ in range(3)] == [1, 1, 0]
