"""A batch takes every pending notice once, and is acknowledged once, whatever is asked at the same time."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from sqlalchemy import Engine, func, select, update

from campaigns.ledger import notice_batches
from campaigns.ledger.notices import recall
from campaigns.ledger.rows import BatchRow
from campaigns.ledger.tables import campaigns, notices
from campaigns.written_notices.batches import (
    Acknowledging,
    NoBatch,
    NotInBatch,
    OtherwiseAcknowledged,
    acknowledged,
    new_batch,
)
from campaigns.written_notices.owing import Owed, owe_all
from cti.sql.connections import database_url, writer_engine
from tests.campaigns.notices.rows import CAMPAIGN, START_MS, TENANT, campaign_row, contact_row

LATER_MS = START_MS + 60_000


def written(engine: Engine, count: int, campaign: str = CAMPAIGN) -> None:
    """So many pending notices, one a second."""
    with engine.begin() as connection:
        for no in range(1, count + 1):
            contact = contact_row(no, id=f"{campaign}-{no}", campaign=campaign)
            owe_all(connection, [Owed(campaign_row(id=campaign), contact, [])], START_MS + no * 1_000)


def taken(engine: Engine, batch: str = "b1", campaign: str = CAMPAIGN, tenant: str = TENANT) -> BatchRow:
    with engine.begin() as connection:
        return notice_batches.take(connection, new_batch(batch, tenant, campaign, LATER_MS, "print (k1)"))


def states(engine: Engine) -> dict[str, int]:
    with engine.begin() as connection:
        return dict(connection.execute(select(notices.c.state, func.count()).group_by(notices.c.state)).all())


def acknowledge(engine: Engine, *failed: str, batch: str = "b1", at_ms: int = LATER_MS) -> tuple[BatchRow, bool]:
    with engine.begin() as connection:
        return acknowledged(connection, Acknowledging(TENANT, batch, frozenset(failed), at_ms, "post (k2)"))


def test_a_batch_takes_what_is_pending_in_the_order_of_making(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_batches, "TAKEN_A_TIME", 3)
    written(engine, 10)
    written(engine, 2, "cfffffffffffffff")
    with engine.begin() as connection:
        recall(connection, [(f"{CAMPAIGN}-4", 1)], START_MS)
    assert taken(engine, "b0", tenant="other").notices == 0
    assert taken(engine) == new_batch("b1", TENANT, CAMPAIGN, LATER_MS, "print (k1)")._replace(notices=9)
    assert taken(engine, "b2").notices == 0, "every notice once"
    with engine.begin() as connection:
        found = notice_batches.of_batch(connection, "b1", 0, 4) + notice_batches.of_batch(connection, "b1", 4, 100)
    assert [(row.page, row.contact, row.state) for row in found] == [
        (page, f"{CAMPAIGN}-{no}", "exported") for page, no in enumerate([1, 2, 3, 5, 6, 7, 8, 9, 10], 1)
    ]
    assert states(engine) == {"exported": 9, "recalled": 1, "pending": 2}
    with engine.begin() as connection:
        assert recall(connection, [(f"{CAMPAIGN}-1", 1)], START_MS) == set(), "it may be in the post"


def test_two_batches_at_once_share_what_is_pending(url: str, engine: Engine) -> None:
    with engine.begin() as connection:
        owed = [Owed(campaign_row(), contact_row(no), []) for no in range(1, 6_001)]
        owe_all(connection, owed, START_MS)
    both = Barrier(2)

    def take(name: str) -> int:
        own = writer_engine(database_url(url))
        both.wait()
        count = taken(own, name).notices
        own.dispose()
        return count

    with ThreadPoolExecutor(2) as threads:
        counts = list(threads.map(take, ("b1", "b2")))
    assert sum(counts) == 6_000
    with engine.begin() as connection:
        for name, count in zip(("b1", "b2"), counts, strict=True):
            pages = [row.page for row in notice_batches.of_batch(connection, name, 0, 10_000)]
            assert pages == list(range(1, count + 1))


def test_a_batch_waits_for_nobody_and_leaves_what_somebody_is_writing(postgres_ready_url: str) -> None:
    """On PostgreSQL; SQLite has one writer a file."""
    ours, other = (writer_engine(database_url(postgres_ready_url)) for _ in range(2))
    written(ours, 3)
    with other.begin() as connection:
        assert recall(connection, [(f"{CAMPAIGN}-2", 1)], START_MS)
        assert taken(ours).notices == 2
        connection.rollback()
    assert taken(ours, "b2").notices == 1, "it was not recalled after all"
    ours.dispose()
    other.dispose()


def test_a_batch_that_rolls_back_took_nothing(engine: Engine) -> None:
    written(engine, 3)

    def fails() -> None:
        with engine.begin() as connection:
            notice_batches.take(connection, new_batch("b1", TENANT, CAMPAIGN, LATER_MS, "print (k1)"))
            raise LookupError

    with pytest.raises(LookupError):
        fails()
    assert states(engine) == {"pending": 3}
    with engine.begin() as connection:
        assert notice_batches.read(connection, TENANT, "b1") is None


def test_an_acknowledgement_names_what_came_back(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notice_batches, "TAKEN_A_TIME", 2)
    written(engine, 5)
    before = taken(engine)
    with pytest.raises(NotInBatch) as refused:
        acknowledge(engine, "1000002", "nobody", "2000000")
    assert refused.value.accounts == ["2000000", "nobody"]
    assert states(engine) == {"exported": 5}, "nothing of it was done"
    done, new = acknowledge(engine, "1000002", "1000005")
    after = before._replace(state="acknowledged", acknowledged_at_ms=LATER_MS, acknowledged_by="post (k2)", failed=2)
    assert (done, new) == (after, True)
    assert states(engine) == {"acknowledged": 3, "failed": 2}
    assert acknowledge(engine, "1000005", "1000002", at_ms=LATER_MS + 9) == (after, False), "the same again"
    for others in ((), ("1000002",), ("1000001", "1000002", "1000005")):
        with pytest.raises(OtherwiseAcknowledged):
            acknowledge(engine, *others)
    with pytest.raises(NoBatch):
        acknowledge(engine, batch="b9")
    assert states(engine) == {"acknowledged": 3, "failed": 2}


def test_a_batch_of_another_tenant_is_nobodys(engine: Engine) -> None:
    written(engine, 1)
    taken(engine)
    with engine.begin() as connection:
        assert notice_batches.read(connection, "other", "b1") is None
        with pytest.raises(NoBatch):
            acknowledged(connection, Acknowledging("other", "b1", frozenset(), LATER_MS, "x"))
        assert notice_batches.page(connection, "other", None, None, 10) == []
        assert notice_batches.noted(connection, "other", None, None, None, None, 10) == []


def test_notices_are_paged_by_campaign_state_and_switch(engine: Engine) -> None:
    second = "cfffffffffffffff"
    with engine.begin() as connection:
        connection.execute(
            campaigns.insert(), [campaign_row()._asdict(), campaign_row(id=second, switch="s2")._asdict()]
        )
    written(engine, 4)
    written(engine, 2, second)
    with engine.begin() as connection:
        connection.execute(update(notices).where(notices.c.contact == f"{CAMPAIGN}-3").values(state="failed"))

        def ids(*asked: object) -> list[str]:
            switches, campaign, state, after, limit = asked
            found = notice_batches.noted(connection, TENANT, switches, campaign, state, after, limit)
            return [
                row.id.removeprefix("n-").removesuffix("-1").replace(CAMPAIGN, "A").replace(second, "B")
                for row in found
            ]

        assert ids(None, None, None, None, 10) == ["A-1", "B-1", "A-2", "B-2", "A-3", "A-4"]
        assert ids(None, None, None, (START_MS + 1_000, f"n-{CAMPAIGN}-1-1"), 2) == ["B-1", "A-2"]
        assert ids(None, CAMPAIGN, None, None, 10) == ["A-1", "A-2", "A-3", "A-4"]
        assert ids(None, None, "failed", None, 10) == ["A-3"]
        assert ids(["s2"], None, None, None, 10) == ["B-1", "B-2"]
        assert ids([], None, None, None, 10) == []


def test_batches_are_paged_newest_first(engine: Engine) -> None:
    for name in ("b1", "b2", "b3"):
        taken(engine, name)
    with engine.begin() as connection:
        first = notice_batches.page(connection, TENANT, None, None, 2)
        assert [row.id for row in first] == ["b3", "b2"]
        rest = notice_batches.page(connection, TENANT, None, (first[-1].made_at_ms, first[-1].id), 2)
        assert [row.id for row in rest] == ["b1"]
        assert notice_batches.page(connection, TENANT, ["s1"], None, 2) == [], "of campaigns on its switches only"
