"""What is too old goes in bounded pieces; a campaign that has not ended, or owes a letter, stays."""

from typing import Any

import pytest
from sqlalchemy import Engine, Table, func, insert, select, update

from campaigns.ledger import audit as audit_log
from campaigns.ledger import retention
from campaigns.ledger.outbox import OutboxRow
from campaigns.ledger.retention import OF_A_CAMPAIGN, Limits, purge
from campaigns.ledger.rows import (
    ApprovalRow,
    BatchRow,
    CallbackRow,
    EmergencyRow,
    HistoryRow,
    HoursClassRow,
    ImportRow,
    RefusalRow,
    RevisionRow,
)
from campaigns.ledger.tables import (
    approvals,
    attempts,
    callbacks,
    campaigns,
    contacts,
    emergencies,
    history,
    hours_classes,
    import_additions,
    import_chunks,
    import_rejected,
    import_rows,
    imports,
    notice_batches,
    notices,
    outbox,
    person_days,
    refusals,
    revisions,
)
from campaigns.settings import DAY_MS, Settings
from campaigns.written_notices.owing import Owed, notice_of
from cti.errors import SettingsMistake
from tests.campaigns.notices.rows import CAMPAIGN, START_MS, TENANT, attempt_row, campaign_row, contact_row
from tests.scheduler import scene

SECOND = "cfffffffffffffff"
KEPT_MS = 100 * DAY_MS


def put(engine: Engine, table: Table, *rows: Any) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), [row if isinstance(row, dict) else row._asdict() for row in rows])


def count(engine: Engine, table: Table, campaign: str | None = None) -> int:
    query = select(func.count()).select_from(table)
    with engine.begin() as connection:
        return connection.scalar(query if campaign is None else query.where(table.c.campaign == campaign)) or 0


def purged(engine: Engine, now_ms: int = START_MS) -> int:
    """All that goes; how many pieces it took."""
    pieces = 0
    while True:
        with engine.begin() as connection:
            (gone,) = purge(connection, [Limits(now_ms, now_ms - KEPT_MS, now_ms - KEPT_MS)])
        if not gone:
            return pieces
        assert gone <= 4 * retention.ROWS_A_TIME
        pieces += 1


def whole_campaign(engine: Engine, name: str, **changed: Any) -> None:
    """A campaign with rows in each of its tables."""
    row = campaign_row(id=name, **changed)
    people = [contact_row(no, id=f"{name}-{no}", campaign=name) for no in range(1, 8)]
    put(engine, campaigns, row)
    put(engine, contacts, *people)
    put(engine, attempts, *(attempt_row(one, n) for one in people for n in (1, 2)))
    put(engine, refusals, *(RefusalRow(one.id, START_MS, "busy", name, 1, 1, "", None) for one in people))
    owed = (notice_of(Owed(row, one, []), START_MS) for one in people)
    put(engine, notices, *(one._replace(state="acknowledged") for one in owed))
    put(engine, notice_batches, BatchRow(f"b{name}", TENANT, name, START_MS, 7, "acknowledged", "x", 1, "x", 0))
    put(engine, outbox, OutboxRow(f"b{name}", "batch", TENANT, name, START_MS, 7, 7))
    put(engine, hours_classes, HoursClassRow(name, "1|a", 1, "resident", "Asia/Shanghai"))
    put(engine, history, HistoryRow(name, 1, START_MS, "created", None, None, None, "x"))
    put(engine, imports, ImportRow(
        name, 1, TENANT, "a.csv", "[]", "0", 1, "running", None, 1, 1, 0, 0, 1, None, START_MS, None, "x"
    ))  # fmt: skip
    put(engine, import_rejected, {"campaign": name, "no": 1, "row_no": 1, "line": "[]", "error": "x"})
    put(engine, import_rows, {"campaign": name, "no": 1, "account": "a", "row_no": 1, "fields": "{}", "line": "[]"})
    put(engine, import_additions, {"campaign": name, "no": 1, "contact": f"{name}-1"})
    put(engine, callbacks, CallbackRow(
        f"k{name}", TENANT, name, f"{name}-1", "+8613800001234", None, None, "api", None, None, START_MS, START_MS, 0,
        None, None, START_MS, "x",
    ))  # fmt: skip
    put(engine, revisions, RevisionRow(name, 1, TENANT, "东湖区", START_MS, None, START_MS, "x", "applied"))
    put(engine, approvals, ApprovalRow(name, 1, START_MS, "0", "{}", "x"))
    put(engine, emergencies, EmergencyRow(name, 1, "storm", START_MS, START_MS, "x"))
    put(engine, import_chunks, *({"campaign": name, "no": 1, "seq": n, "content": b"x"} for n in range(3)))


def test_a_campaign_goes_whole_in_pieces(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROWS_A_TIME", 5)
    monkeypatch.setattr(retention, "CHUNKS_A_TIME", 1)
    whole_campaign(engine, CAMPAIGN, state="done", ended_at_ms=START_MS - KEPT_MS - 1)
    whole_campaign(engine, SECOND, state="done", ended_at_ms=START_MS - KEPT_MS)
    before = [count(engine, table, SECOND) for table in OF_A_CAMPAIGN]
    assert all(before)
    assert purged(engine) > 15
    assert [count(engine, table, CAMPAIGN) for table in OF_A_CAMPAIGN] == [0] * len(OF_A_CAMPAIGN)
    assert [count(engine, table, SECOND) for table in OF_A_CAMPAIGN] == before
    assert count(engine, campaigns) == 1
    purged(engine, START_MS + 1)
    assert count(engine, campaigns) == 0


@pytest.mark.parametrize("state", ["draft", "running", "paused", "stopping"])
def test_a_campaign_that_has_not_ended_stays(engine: Engine, state: str) -> None:
    whole_campaign(engine, CAMPAIGN, state=state, ended_at_ms=None, made_at_ms=0, started_at_ms=0)
    purged(engine)
    assert count(engine, attempts) == 14


def test_a_campaign_whose_letters_nobody_has_taken_stays(engine: Engine) -> None:
    whole_campaign(engine, CAMPAIGN, state="stopped", ended_at_ms=0)
    one = notices.c.contact == f"{CAMPAIGN}-3"
    with engine.begin() as connection:
        connection.execute(update(notices).where(one).values(state="pending"))
    purged(engine)
    assert count(engine, contacts) == 7
    with engine.begin() as connection:
        connection.execute(update(notices).where(one).values(state="recalled"))
    purged(engine)
    assert count(engine, contacts) == 0


def test_the_file_of_an_import_goes_when_the_import_has_ended(engine: Engine) -> None:
    whole_campaign(engine, CAMPAIGN)
    purged(engine)
    assert (count(engine, import_rows), count(engine, import_chunks)) == (1, 3), "it is still read"
    with engine.begin() as connection:
        connection.execute(update(imports).values(state="failed"))
    purged(engine)
    assert (count(engine, import_rows), count(engine, import_chunks), count(engine, import_rejected)) == (0, 0, 1)


def test_days_of_persons_and_lines_of_the_audit_log_go_by_their_age(engine: Engine) -> None:
    days = ["2026-02-24", "2026-02-25", "2026-03-04"]  # now is 2026-03-04T01:00Z
    put(engine, person_days, *({"tenant": TENANT, "person": "a:1", "day": day, "calls": 1} for day in days))
    day_ms = START_MS - KEPT_MS - (START_MS - KEPT_MS) % DAY_MS  # the audit log goes by whole days
    for at_ms in (day_ms - 1, day_ms):
        with engine.begin() as connection:
            audit_log.note(connection, TENANT, at_ms, "x", "started", CAMPAIGN, {})
    purged(engine)
    with engine.begin() as connection:
        assert sorted(connection.scalars(select(person_days.c.day))) == days[1:]
        assert [(line["no"], line["what"]) for line in audit_log.lines(connection, TENANT)] == [
            (2, "started"), (3, "audit_purged")]  # fmt: skip


async def test_the_part_purges_by_its_setting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RINGBACK_CAMPAIGNS_DAYS", "2")
    async with scene(url) as it:
        database = it.store.database
        assert database is not None
        hours = (49, 47)
        rows = [campaign_row(id=f"c{no:015x}", state="done", ended_at_ms=START_MS - no * 3_600_000) for no in hours]

        def make(connection: Any, given: Any) -> Any:
            connection.execute(insert(campaigns), [row._asdict() for row in rows])
            return given

        await database.writer("campaigns").run(make, None)
        purge_part = it.hosted[0].opened.purge
        assert purge_part is not None
        assert [await purge_part(START_MS), await purge_part(START_MS)] == [1, 0]


def test_a_setting_that_cannot_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Settings.read().kept_ms == 1_095 * DAY_MS
    monkeypatch.setenv("RINGBACK_CAMPAIGNS_DAYS", "0")
    with pytest.raises(SettingsMistake, match="RINGBACK_CAMPAIGNS_DAYS: .*greater"):
        Settings.read()
