"""Deadlines that reach into a year which nobody has announced are counted anew once its file is there."""

from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from campaigns.approvals.digest import beyond
from campaigns.approvals.standing import standing
from campaigns.core.deadlines import Deadlines, default_deadlines
from campaigns.core.zones import instant
from campaigns.dialler import announced_years
from campaigns.ledger import turns
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import FAR, audit, history
from campaigns.ledger.tables import contacts as contact_table
from tests.campaigns.dialler.made import campaign, campaign_now, contact, context_of, database_of, done_import, put
from tests.campaigns.shipped import HOUR_MS, SHANGHAI, rules
from tests.scheduler import Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

RECEIVED_MS = instant(date(2026, 12, 30), 9 * HOUR_MS, SHANGHAI)  # a Wednesday
ANNOUNCED = """
year = 2027
source = "made up"
holidays = [2027-01-01, 2027-01-02, 2027-01-03, 2027-01-04]
working_weekends = []
"""
NUMBERS = [f"+8613800000{no:03}" for no in range(1, 8)]
BY_MS = 21 * HOUR_MS
MANY = 5
PIECE = 2


@pytest.fixture
def year(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What processes know from now on."""
    folder = tmp_path / "years"
    folder.mkdir()
    (folder / "2027.toml").write_text(ANNOUNCED, "utf-8")
    monkeypatch.setenv("RINGBACK_CALENDARS", str(folder))
    monkeypatch.setattr(announced_years, "AT_ONCE", PIECE)


def counted() -> Deadlines:
    """As a process counts that knows nothing of 2027."""
    return default_deadlines(rules().deadlines, rules().hours.calendar, "arrears", RECEIVED_MS, SHANGHAI)


def provisional(id_: str, **more: object) -> CampaignRow:
    """Made before, and paused: nobody is called."""
    own = counted()
    assert own.provisional
    values = {
        "kind": "billing", "state": "paused", "paused_why": "campaign_paused", "received_at_ms": RECEIVED_MS,
        "made_at_ms": RECEIVED_MS, "started_at_ms": RECEIVED_MS, "notice_out_by_ms": own.notice_out_by_ms,
        "fallback_by_ms": own.fallback_by_ms, "expires_at_ms": own.expires_at_ms, "provisional": 1,
    }  # fmt: skip
    return campaign(id_, **values | more)


async def all_of(it: Scene, of: str) -> list[ContactRow]:
    def read(connection: Connection) -> list[ContactRow]:
        mine = select(contact_table).where(contact_table.c.campaign == of).order_by(contact_table.c.no)
        return [ContactRow._make(row) for row in connection.execute(mine)]

    return await database_of(it).reader.run(read)


def deadlines_of(row: CampaignRow | ContactRow) -> tuple[int | None, int | None, int | None]:
    return row.notice_out_by_ms, row.fallback_by_ms, row.expires_at_ms


async def begun(it: Scene) -> DiallingSwitch:
    return await DiallingSwitch.declared(it, {number: ["busy"] for number in NUMBERS})


async def test_own_deadlines_are_counted_anew_in_the_campaign_and_its_contacts(
    url: str, year: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fourth of January is off, so that the third working day is the fifth."""
    with monkeypatch.context() as before:
        before.delenv("RINGBACK_CALENDARS")
        async with scene(url, start_ms=RECEIVED_MS) as it:
            switch = await begun(it)
            of = provisional("c1")
            rows = [contact(of, no, NUMBERS[no]) for no in range(MANY)]
            final = contact(of, MANY, NUMBERS[MANY], state="reached")._replace(deadline_at_ms=FAR)
            await put(it, of, [*rows, final])
            await switch.to(30)
            assert await campaign_now(it, "c1") == of, "the year is not known yet"
    async with scene(url, start_ms=RECEIVED_MS + 60_000) as it:
        switch = await begun(it)
        await switch.to(it.now_s + 30)
        after = await campaign_now(it, "c1")
        assert (after.provisional, after.version > of.version) == (0, True)
        assert after.notice_out_by_ms == of.notice_out_by_ms == instant(date(2026, 12, 31), BY_MS, SHANGHAI)
        assert (of.fallback_by_ms, after.fallback_by_ms) == tuple(
            instant(date(2027, 1, day), BY_MS, SHANGHAI) for day in (5, 6)
        )
        *moved, untouched = await all_of(it, "c1")
        assert {deadlines_of(row) for row in moved} == {deadlines_of(after)}
        assert {row.deadline_at_ms for row in moved} == {after.notice_out_by_ms}
        assert untouched == final
        told = await database_of(it).reader.run(_told)
        assert told == [("c1", announced_years.RECOUNTED)] * 2, "in the campaign's history, and in the audit log"


def _told(connection: Connection) -> list[tuple[str, str]]:
    lines = connection.execute(select(history.c.campaign, history.c.what)).all()
    entries = connection.execute(select(audit.c.about, audit.c.what)).all()
    return [(row[0], row[1]) for row in (*lines, *entries) if row[1] == announced_years.RECOUNTED]


@pytest.mark.parametrize(
    "more",
    [
        {"deadlines_given": 1},
        {"state": "approved", "paused_why": None, "started_at_ms": None},
        {"state": "scheduled", "paused_why": None, "started_at_ms": None},
        {"state": "stopped", "paused_why": None},
        {"received_at_ms": RECEIVED_MS + 400 * 24 * HOUR_MS},  # into a year that is not known yet either
    ],
)
async def test_what_was_asked_for_or_approved_stays(url: str, year: None, more: dict[str, object]) -> None:
    async with scene(url, start_ms=RECEIVED_MS) as it:
        switch = await begun(it)
        of = provisional("c1", **more)
        await put(it, of, [contact(of, 0, NUMBERS[0])])
        await switch.to(30)
        assert await campaign_now(it, "c1") == of


async def test_while_a_file_is_read_nothing_is_counted(url: str, year: None) -> None:
    """It writes the deadlines that it began with."""
    async with scene(url, start_ms=RECEIVED_MS) as it:
        switch = await begun(it)
        of = provisional("c1")
        await put(it, of, [contact(of, 0, NUMBERS[0])], done_import(of, 1, state="receiving", ended_at_ms=None))
        await switch.to(10)
        assert await campaign_now(it, "c1") == of
        lane = await database_of(it).reader.run(turns.read_lane, Lane(of.tenant, of.switch, of.trunk_group))
        read_before = lane._replace(importing=frozenset())
        assert await announced_years.AnnouncedYears(context_of(it)).look(read_before) == (True, True)
        assert await campaign_now(it, "c1") == of


async def test_what_was_approved_covers_the_deadlines_of_a_campaign_that_runs(url: str, year: None) -> None:
    async with scene(url, start_ms=RECEIVED_MS) as it:
        of, context = provisional("c1"), context_of(it)

        approved = await database_of(it).reader.run(lambda connection: standing(connection, context, of).parts)
        switch = await begun(it)
        await put(it, of, [])
        await switch.to(30)
        row = await campaign_now(it, "c1")
        now = await database_of(it).reader.run(lambda connection: standing(connection, context, row).parts)
        assert approved != now
        assert beyond(approved, now._replace(files=approved.files)) == []
