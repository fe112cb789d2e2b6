"""A small trial of kill -9 under load, and the proof that its judge finds what it looks for."""

from pathlib import Path

import pytest
from sqlalchemy import create_engine, insert, select

from cti.adapters.ledger.tables import commands, timeline
from tests.faults.crash import crashed, sound, trial
from tests.faults.judge import judged


async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice_on_sqlite(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'crash.db'}"
    async with trial(4, 1, db, tmp_path) as (served, reader, diary):
        figures = await judged(reader, diary, db)
        assert sound(figures), figures
        assert (served.kills, served.starts) == (4, 5)
        _spoil(db)
        name, call = next(item for item in diary.calls.items() if item[1].complete)
        diary.acknowledge(*name, "never-sent")
        call.hold_ms += 1
        diary.conflicts.add("never posted")
        spoiled = await judged(reader, diary, db)
        assert await served.stop() == 0
    found = ("acked_missing", "conflicts_missing", "ids_with_two_bodies", "causes_with_two_ids", "events_twice")
    assert [spoiled[name] for name in found] == [1, 1, 1, 1, 1], spoiled
    assert spoiled["records_wrong"] == 1


def _spoil(db: str) -> None:
    """An event kept twice with other content, and a cause ordered under two ids."""
    engine = create_engine(db)
    with engine.begin() as connection:
        event = connection.execute(select(timeline).limit(1)).one()
        connection.execute(insert(timeline), [{**event._asdict(), "n": 99, "body_hash": event.body_hash ^ 1}])
        order = connection.execute(select(commands).limit(1)).one()
        connection.execute(insert(commands), [{**order._asdict(), "id": "another"}])
    engine.dispose()


async def test_nothing_acknowledged_is_lost_and_nothing_happens_twice_on_postgresql(
    postgres_url: str, tmp_path: Path
) -> None:
    figures = await crashed(2, 2, postgres_url, tmp_path)
    assert sound(figures), figures


@pytest.mark.parametrize(("name", "value"), [("acked", 0), ("commands", 0), ("acked_missing", 1), ("exit_code", -9)])
def test_a_trial_without_work_or_with_a_fault_is_not_sound(name: str, value: int) -> None:
    good = {"acked": 5, "commands": 3, "acked_missing": 0, "kills": 2, "restarts": 2, "exit_code": 0, "seconds": 1.5}
    assert sound(good)
    assert not sound(good | {name: value})
