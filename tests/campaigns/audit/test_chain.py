"""The chain as it is written: its canonical form, one end for many writers, retention, and what was there before."""

import hashlib
import json
import shutil
import threading
from pathlib import Path

import pytest
from sqlalchemy import Engine, column, delete, func, insert, select, table, update

from campaigns.core.audit_chain import GENESIS, NOTHING, PURGED, Entry, Fault, FaultKind, Link, Walk, canonical, sealed
from campaigns.ledger import audit as log
from campaigns.ledger.audit_reading import verify
from campaigns.ledger.retention import ROWS_A_TIME, Limits, purge
from campaigns.ledger.tables import audit, audit_heads
from campaigns.settings import DAY_MS
from campaigns.wiring import CHAIN
from cti.adapters.migrations import CHAIN as CALLS
from cti.sql.schema import Chain, upgrade
from tests.campaigns.audit.made import CAMPAIGN, START_MS, TENANTS, fill, row, writing

DAY_0_MS = START_MS - START_MS % DAY_MS
NOW_MS = DAY_0_MS + 9 * DAY_MS
FIRST = Entry("grid", 1, 1772413200000, "账务 (k1)", "outbound_frozen", "grid", '{"reason": "\\"错\\"\n"}', None)
FIRST_JSON = (
    '{"about":"grid","at_ms":1772413200000,"before":"0000000000000000000000000000000000000000000000000000000000000000",'
    '"campaign":null,"details":"{\\"reason\\": \\"\\\\\\"错\\\\\\"\\n\\"}","no":1,"tenant":"grid",'
    '"what":"outbound_frozen","who":"账务 (k1)"}'
)


def whole(engine: Engine, anchor: Link | None = None, tenant: str | None = None) -> Fault | None:
    with engine.connect() as connection:
        return verify(connection, tenant, anchor).fault


def numbers(engine: Engine, tenant: str = "grid") -> list[int]:
    with engine.connect() as connection:
        return list(connection.scalars(select(audit.c.no).where(audit.c.tenant == tenant).order_by(audit.c.no)))


def purged(engine: Engine, now_ms: int, before_ms: int) -> int:
    """All that goes; how many."""
    gone = 0
    while True:
        with engine.begin() as connection:
            (some,) = purge(connection, [Limits(now_ms, before_ms, before_ms)])
        gone += some
        if not some:
            return gone


@pytest.fixture
def engine(url: str) -> object:
    with writing(url) as made:
        yield made


def test_an_entry_is_sealed_in_canonical_json() -> None:
    assert canonical(FIRST, GENESIS).decode() == FIRST_JSON
    assert sealed(FIRST, GENESIS) == hashlib.sha256(FIRST_JSON.encode()).hexdigest()
    assert (
        canonical(FIRST._replace(who="\x07\x1f\x7f\u2028"), "").decode().endswith('"who":"\\u0007\\u001f\x7f\u2028"}')
    )


def test_each_entry_goes_on_from_the_one_before(engine: Engine) -> None:
    fill(engine, 3)
    with engine.connect() as connection:
        first, second, third = (row(connection, no) for no in (1, 2, 3))
        assert first.hash == sealed(Entry(*first[:-1]), GENESIS)
        assert second.hash == sealed(Entry(*second[:-1]), first.hash or "")
        head = log.head(connection, "grid")
        assert (head.no, head.hash, head.at_ms) == (3, third.hash, START_MS + 2)
        assert log.head(connection, "nobody").hash == GENESIS
    assert whole(engine) is None


def test_an_entry_knows_its_campaign(engine: Engine) -> None:
    about = {CAMPAIGN: {}, f"{CAMPAIGN}-7": {}, "b01": {"campaign": CAMPAIGN}, "grid": {}, f"{CAMPAIGN}x": {}}
    with engine.begin() as connection:
        for what, details in about.items():
            log.note(connection, "grid", 1, "x", "y", what, details)
        found = [one["campaign"] for one in log.lines(connection, "grid")]
    assert found == [CAMPAIGN, CAMPAIGN, CAMPAIGN, None, None]


def test_many_writers_make_one_chain(url: str) -> None:
    """Each thread has a connection of its own, as processes have."""

    def write(n: int) -> None:
        with writing(url) as own:
            for _ in range(15):
                fill(own, 2, TENANTS[n % 2])

    threads = [threading.Thread(target=write, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with writing(url) as engine:
        assert [numbers(engine, tenant) for tenant in TENANTS] == [list(range(1, 61))] * 2
        assert whole(engine) is None


def test_what_is_rolled_back_leaves_no_gap(engine: Engine) -> None:
    fill(engine, 1)
    with engine.connect() as connection:
        transaction = connection.begin()
        log.note(connection, "grid", 1, "x", "y", "z", {})
        transaction.rollback()
    fill(engine, 1)
    assert numbers(engine) == [1, 2]
    assert whole(engine) is None


# -- retention ---------------------------------------------------------------------------------------------------------


def test_retention_leaves_a_checkpoint_from_which_the_rest_verifies(engine: Engine) -> None:
    fill(engine, ROWS_A_TIME + 20, at_ms=DAY_0_MS)
    fill(engine, 5, at_ms=DAY_0_MS + DAY_MS)
    fill(engine, 3, "other", DAY_0_MS)
    with engine.connect() as connection:
        gone, kept = row(connection, 7), row(connection, ROWS_A_TIME + 22)
    assert purged(engine, NOW_MS, DAY_0_MS + DAY_MS + 5) == ROWS_A_TIME + 23
    assert numbers(engine) == list(range(ROWS_A_TIME + 21, ROWS_A_TIME + 28)), "five, and two of retention"
    assert whole(engine) is None
    with engine.connect() as connection:
        said = log.lines(connection, "grid")[-1]
        assert (said["what"], said["who"], json.loads(said["details"])["upto"]) == (
            PURGED,
            "retention",
            ROWS_A_TIME + 20,
        )
    assert whole(engine, Link(kept.no, kept.hash or ""), "grid") is None
    assert whole(engine, Link(gone.no, gone.hash or ""), "grid") == Fault("grid", 7, FaultKind.ANCHOR_PURGED)
    assert purged(engine, NOW_MS, DAY_0_MS + DAY_MS + 5) == 0
    fill(engine, 2, at_ms=DAY_0_MS + DAY_MS)
    assert purged(engine, NOW_MS, DAY_0_MS + 3 * DAY_MS) == 5
    assert purged(engine, NOW_MS + 2 * DAY_MS, NOW_MS + DAY_MS) == 6, "checkpoints go by age too"
    assert len(numbers(engine)) == 1
    assert whole(engine) is None


def test_the_anchor_may_be_the_checkpoint_itself(engine: Engine) -> None:
    fill(engine, 4, at_ms=DAY_0_MS)
    fill(engine, 1, at_ms=DAY_0_MS + DAY_MS)
    with engine.connect() as connection:
        last = row(connection, 4)
    purged(engine, NOW_MS, DAY_0_MS + DAY_MS)
    assert whole(engine, Link(4, last.hash or ""), "grid") is None
    assert whole(engine, Link(4, GENESIS), "grid") == Fault("grid", 4, FaultKind.ANCHOR)


def test_an_entry_that_is_younger_keeps_those_after_it(engine: Engine) -> None:
    """A clock was set back: the chain goes from its beginning only."""
    for at_ms in (DAY_0_MS, NOW_MS, DAY_0_MS):
        fill(engine, 1, at_ms=at_ms)
    assert purged(engine, NOW_MS, DAY_0_MS + DAY_MS) == 1
    assert numbers(engine) == [2, 3, 4]
    assert whole(engine) is None


def test_retention_removes_nothing_that_is_broken_and_goes_on_elsewhere(engine: Engine) -> None:
    fill(engine, 4, at_ms=DAY_0_MS)
    fill(engine, 4, "other", DAY_0_MS)
    with engine.begin() as connection:
        connection.execute(update(audit).where(audit.c.tenant == "grid", audit.c.no == 1).values(who="nobody"))
    assert purged(engine, NOW_MS, DAY_0_MS + DAY_MS) == 4
    assert (numbers(engine), numbers(engine, "other")) == ([1, 2, 3, 4], [5])
    assert whole(engine) == Fault("grid", 1, FaultKind.CHANGED)


def test_a_checkpoint_that_says_something_else_is_found() -> None:
    def walked(purged: Link, details: str) -> Fault | None:
        entry = Entry("grid", purged.no + 1, 1, "retention", PURGED, "grid", details, None)
        newest = Link(entry.no, sealed(entry, purged.hash))
        walk = Walk("grid", newest, purged)
        walk.take(entry, newest.hash)
        return walk.end()

    there = Link(4, "a" * 64)
    assert walked(there, json.dumps({"upto": 4, "hash": there.hash, "entries": 4})) is None
    for details in ("{}", "[]", "x", json.dumps({"upto": 3, "hash": there.hash})):
        assert walked(there, details) == Fault("grid", 4, FaultKind.CHECKPOINT), details
    assert Walk("grid", NOTHING, NOTHING).end() is None


# -- releases before ---------------------------------------------------------------------------------------------------


def put_as_before(engine: Engine, tenant: str, *given: tuple[int, str]) -> None:
    """As the release before writes, which knows no hash and no campaign."""
    line = {"tenant": tenant, "at_ms": START_MS, "who": "x", "what": "y", "details": json.dumps({"错": 1})}
    with engine.begin() as connection:
        for no, about in given:
            connection.execute(insert(audit).values({"no": no, "about": about, **line}))


def test_an_entry_of_the_release_before_is_sealed_by_the_next(engine: Engine) -> None:
    fill(engine, 2)
    put_as_before(engine, "grid", (3, f"{CAMPAIGN}-1"), (4, "grid"))
    assert whole(engine) == Fault("grid", 3, FaultKind.UNSEALED)
    fill(engine, 1)
    assert whole(engine) is None
    with engine.connect() as connection:
        assert [row(connection, no).campaign for no in (3, 4, 5)] == [CAMPAIGN, None, CAMPAIGN]


def test_a_head_that_is_lost_stops_nobody(engine: Engine) -> None:
    fill(engine, 3)
    with engine.begin() as connection:
        connection.execute(delete(audit_heads))
    fill(engine, 1)
    assert numbers(engine) == [1, 2, 3, 4]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_what_is_there_at_the_upgrade_is_sealed(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else f"sqlite:///{tmp_path}/ledger.db"
    before = tmp_path / "before"
    before.mkdir()
    for file in sorted(CHAIN.revisions.glob("campaigns_000[12].py")):
        shutil.copy(file, before)
    upgrade(url, [CALLS, Chain(CHAIN.name, before, CHAIN.metadata)])
    with writing(url) as engine:
        put_as_before(engine, "grid", *((n, f"{CAMPAIGN}-{n}") for n in (2, 3, 7)))  # retention has left gaps
        put_as_before(engine, "other", (1, "b01"), (2, "b02"))
        with engine.begin() as connection:
            batch = ("b01", "other", "cbb", START_MS, 0, "exported", "x")
            names = ("id", "tenant", "campaign", "made_at_ms", "notices", "state", "who")
            batches = table("campaign_notice_batches", *(column(name) for name in names))
            connection.execute(insert(batches).values(dict(zip(names, batch, strict=True))))
    upgrade(url, [CALLS, CHAIN])
    with writing(url) as engine:
        assert whole(engine) is None
        assert numbers(engine) == [1, 2, 3]
        fill(engine, 2)
        fill(engine, 2, "other")
        assert whole(engine) is None
        with engine.connect() as connection:
            assert connection.scalar(select(func.count()).select_from(audit)) == 9
            assert [one["about"] for one in log.lines(connection, "grid")][:3] == [f"{CAMPAIGN}-{n}" for n in (2, 3, 7)]
            assert [one["campaign"] for one in log.lines(connection, "other")][:2] == ["cbb", None]
