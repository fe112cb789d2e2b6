"""The gauges: each figure of the ledger, one process that shows them, and no look that nobody asked for."""

import itertools
import json
from collections.abc import Iterable
from datetime import date
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine, Table, insert

from campaigns.calendars import work_calendar
from campaigns.context import Context
from campaigns.core.workdays import WorkCalendar, Year
from campaigns.figures import LOOK_MS, STALE_MS, Looking, known_until_ms
from campaigns.ledger import figures as ledger
from campaigns.ledger.figures import Figures, look
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import BatchRow, HoursClassRow, ImportRow
from campaigns.ledger.tables import (
    attempts,
    campaigns,
    contacts,
    hours_classes,
    imports,
    notice_batches,
    notices,
    outbound,
)
from campaigns.metrics import GAUGES, LANES_SHOWN_MAX, CampaignMetrics, FiguresShown
from campaigns.profile import shipped_rules
from campaigns.written_notices.owing import Owed, notice_of
from cti.adapters.clock import VirtualClock, VirtualWallClock
from cti.errors import LedgerAway
from cti.hosting import Host, nothing_declared
from cti.leases.memory import MemoryNamedLeases
from tests.campaigns.notices.rows import CAMPAIGN, START_MS, TENANT, attempt_row, campaign_row, contact_row, ms
from tests.scheduler import START_MS as SCENE_MS
from tests.scheduler import Scene, scene

HOUR_MS = 3_600_000
NOTHING = Figures(
    START_MS, 0, None, 0, 0, dict.fromkeys(("pending", "exported", "acknowledged", "failed", "recalled"), 0), None,
    {}, {}, None, {}, 0, 0, 7, 0, None,
)  # fmt: skip
SECOND = "cfffffffffffffff"
IMPORT = ImportRow(
    CAMPAIGN, 1, TENANT, "a.csv", "[]", "0" * 64, 1, "done", None, 1, 1, 0, 0, 1, None, START_MS, START_MS, "x"
)


def put(engine: Engine, table: Table, rows: Iterable[Any]) -> None:
    with engine.begin() as connection:
        connection.execute(insert(table), [row._asdict() for row in rows])


def found(engine: Engine, now_ms: int = START_MS, closed: frozenset[str] = frozenset()) -> Figures:
    with engine.begin() as connection:
        return look(connection, now_ms, lambda _, one: one.hours_class not in closed, None, 7)


def class_row(text: str, campaign: str = CAMPAIGN, no: int = 1) -> HoursClassRow:
    return HoursClassRow(campaign, text, no, "resident", "Asia/Shanghai")


def waiting(no: int, hours_class: str = "1|a", campaign: str = CAMPAIGN, **changed: Any) -> Any:
    changed = {"state": "waiting", "next_at_ms": START_MS - no, **changed}
    return contact_row(no, id=f"{campaign}-{no}", campaign=campaign, hours_class=hours_class, **changed)


def test_of_an_empty_ledger_there_is_nothing_to_say(engine: Engine) -> None:
    assert found(engine) == NOTHING


def test_due_is_who_could_be_dialled_now(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    third = "ceeeeeeeeeeeeeee"
    put(
        engine, campaigns, [campaign_row(), campaign_row(id=SECOND, state="paused"), campaign_row(id=third, tenant="t")]
    )
    put(engine, imports, [IMPORT, IMPORT._replace(no=2, state="running"), IMPORT._replace(campaign=SECOND)])
    put(engine, imports, [IMPORT._replace(campaign=third)])
    classes = [
        class_row("1|a"),
        class_row("1|b"),
        class_row("2|a", no=2),
        class_row("1|a", SECOND),
        class_row("1|a", third),
    ]
    put(engine, hours_classes, classes)
    put(engine, contacts, [waiting(1), waiting(2), waiting(3, next_at_ms=START_MS + 1), waiting(4, state="reached")])
    put(
        engine,
        contacts,
        [waiting(5, "1|b"), waiting(6, "2|a"), waiting(1, campaign=SECOND), waiting(9, campaign=third)],
    )
    assert found(engine)[1:3] == (4, START_MS - 9)
    assert found(engine, closed=frozenset({"1|b"}))[1:3] == (3, START_MS - 9)
    with engine.begin() as connection:
        connection.execute(
            insert(outbound), [{"tenant": "t", "frozen": 1, "version": 1}, {"tenant": "u", "frozen": 0, "version": 1}]
        )
    after = found(engine)
    assert (after.due, after.oldest_due_ms, after.frozen) == (3, START_MS - 5, 1), "the freeze of another tenant"
    assert found(engine, START_MS - 3).due == 1
    monkeypatch.setattr(ledger, "CONTACTS_COUNTED_MAX", 2)
    assert found(engine)[1:3] == (2, START_MS - 5)


def test_campaigns_by_state_and_why_they_are_paused(engine: Engine) -> None:
    states = [("running", None, START_MS), ("running", None, START_MS + 5), ("paused", "failure_spike", START_MS + 9)]
    states += [("paused", "campaign_paused", 1), ("done", "failure_spike", 2), ("draft", None, None)]
    put(engine, campaigns, [
        campaign_row(id=f"c{no:015x}", state=state, paused_why=why, started_at_ms=at)
        for no, (state, why, at) in enumerate(states)
    ])  # fmt: skip
    seen = found(engine)
    assert seen.campaigns == {"running": 2, "paused": 2, "done": 1, "draft": 1}
    assert seen.paused == {"failure_spike": 1, "campaign_paused": 1}
    assert seen.started_ms == START_MS + 5, "of those that run"


def test_a_deadline_is_at_risk_when_it_is_near_and_nobody_was_tried(engine: Engine) -> None:
    put(engine, campaigns, [campaign_row(), campaign_row(id=SECOND, state="stopping")])

    def person(no: int, by_ms: int, campaign: str = CAMPAIGN, **changed: Any) -> Any:
        return waiting(no, campaign=campaign, deadline_at_ms=by_ms, notice_out_by_ms=by_ms, **changed)

    near, far = START_MS + 2 * HOUR_MS, START_MS + 2 * HOUR_MS + 1
    put(engine, contacts, [
        person(1, near), person(2, START_MS - 1), person(3, far), person(4, near, notice_out_ms=START_MS - 9),
        person(5, near, state="reached"), person(6, near, notice_missed=1), person(7, near, SECOND),
        waiting(8, deadline_at_ms=near),
    ])  # fmt: skip
    assert found(engine).at_risk == 2


def test_unknown_contacts_and_live_calls(engine: Engine) -> None:
    put(engine, campaigns, [campaign_row(), campaign_row(id=SECOND, trunk_group="second")])
    people = [
        waiting(1, state="unknown"),
        waiting(2, state="unknown", campaign=SECOND),
        waiting(3, state="in_progress"),
    ]
    put(engine, contacts, people)
    put(engine, attempts, [
        attempt_row(people[0], 1, step="held"), attempt_row(people[2], 1), attempt_row(people[2], 2, step="open"),
        attempt_row(people[2], 3, step="open", channel="sms"), attempt_row(people[1], 1, step="open"),
        attempt_row(people[1], 2, step="open"),
    ])  # fmt: skip
    seen = found(engine)
    assert seen.unknown == 2
    assert seen.live == {Lane(TENANT, "s1", "main"): 1, Lane(TENANT, "s1", "second"): 2}


def test_notices_by_state(engine: Engine) -> None:
    put(engine, campaigns, [campaign_row()])
    rows = [notice_of(Owed(campaign_row(), contact_row(no), []), START_MS + no) for no in range(1, 9)]
    states = ["recalled", "pending", "pending", "exported", "exported", "acknowledged", "failed", "acknowledged"]
    put(engine, notices, [row._replace(state=state) for row, state in zip(rows, states, strict=True)])
    batch = BatchRow("b1", TENANT, CAMPAIGN, START_MS, 2, "exported", "x", None, None, None)
    put(engine, notice_batches, [batch, batch._replace(id="b2", state="acknowledged", notices=3, failed=1)])
    seen = found(engine)
    assert seen.notices == {"pending": 2, "recalled": 1, "exported": 2, "acknowledged": 2, "failed": 1}
    assert seen.oldest_pending_ms == START_MS + 2


def shown(registry: CollectorRegistry) -> dict[str, dict[tuple[str, ...], float]]:
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in registry.collect()
    }


def test_every_gauge_shows_its_figure() -> None:
    registry, gauges = CollectorRegistry(), FiguresShown()
    registry.register(gauges)
    assert shown(registry) == {f"ringback_{gauge.name}": {} for gauge in GAUGES}, "another process shows them"
    live = {Lane("t", "s", f"g{no:03}"): no for no in range(LANES_SHOWN_MAX + 3)}
    gauges.show(Figures(
        START_MS, 5, 2_500, 4, 3, {"pending": 2, "failed": 1}, None, {"running": 1}, {"queue_busy": 6}, 1_000, live, 8,
        2, 9_000, 11, 4_000,
    ))  # fmt: skip
    told = shown(registry)
    lanes = told.pop("ringback_outbound_calls_live")
    assert lanes == {tuple(lane): no for lane, no in live.items() if no >= 3} | {("other", "other", "other"): 0 + 1 + 2}
    none = ("draft", "approved", "scheduled", "paused", "draining", "done", "stopping", "stopped", "expired")
    states = dict.fromkeys(none, 0) | {"running": 1}
    assert told == {
        "ringback_contacts_due": {(): 5},
        "ringback_oldest_due_timestamp_seconds": {(): 2.5},
        "ringback_deadlines_at_risk": {(): 4},
        "ringback_important_unconfirmed": {(): 11},
        "ringback_contacts_unknown": {(): 3},
        "ringback_notices": {
            ("pending",): 2, ("exported",): 0, ("acknowledged",): 0, ("failed",): 1, ("recalled",): 0,
        },
        "ringback_oldest_pending_notice_timestamp_seconds": {(): 0},
        "ringback_oldest_unpublished_timestamp_seconds": {(): 4},
        "ringback_campaigns": {(state,): count for state, count in states.items()},
        "ringback_campaigns_paused": {
            ("campaign_paused",): 0, ("failure_spike",): 0, ("cannot_dial",): 0, ("queue_busy",): 6,
            ("approval_void",): 0,
        },
        "ringback_campaign_started_timestamp_seconds": {(): 1},
        "ringback_outbound_frozen": {(): 8},
        "ringback_settlement_feeds_silent": {(): 2},
        "ringback_calendar_known_until_timestamp_seconds": {(): 9},
    }  # fmt: skip


@pytest.mark.parametrize(("years", "known"), [((2026,), 2027), ((2026, 2027), 2028), ((2025, 2028), 2026), ((), 2026)])
def test_the_calendar_ends_where_a_year_is_missing(years: tuple[int, ...], known: int) -> None:
    calendar = WorkCalendar({year: Year(frozenset(), frozenset()) for year in years}, {}, frozenset())
    until_ms = known_until_ms(calendar, START_MS, "Asia/Shanghai")
    assert until_ms == ms(f"{date(known, 1, 1)}T00:00:00+08:00")


def due_shown(it: Scene) -> float | None:
    """What a scrape shows."""
    return shown(it.engine.work.telemetry.registry)["ringback_contacts_due"].get(())


async def test_nobody_looks_before_somebody_scrapes_and_no_more_often_than_agreed(url: str) -> None:
    async with scene(url) as it:
        context = it.hosted[0].opened.shared
        assert isinstance(context, Context)
        looks: list[float] = []
        run = context.reader.run

        async def counted(query: Any, *args: Any) -> Any:
            looks.extend([it.clock.now_ms() - SCENE_MS] if "_figures" in query.__qualname__ else [])
            return await run(query, *args)

        context.reader.run = counted
        await it.to(60)
        assert looks == []
        assert due_shown(it) is None, "the first scrape asks"
        await it.to(75)
        assert (len(looks), due_shown(it)) == (1, 0)
        await it.to(75 + 3 * LOOK_MS / 1000)
        assert len(looks) == 2, "one look for a scrape"
        for _ in range(20):
            await it.to(it.now_s + 1)
            due_shown(it)
        assert all(later - earlier >= LOOK_MS for earlier, later in itertools.pairwise(looks))
        assert len(looks) in (3, 4)


class Reader:
    """In the place of the ledger's."""

    async def run(self, _query: Any) -> Figures:
        return NOTHING


async def test_of_several_processes_one_shows_the_figures() -> None:
    clock, leases = VirtualClock(SCENE_MS), MemoryNamedLeases()
    host = Host(clock, VirtualWallClock(clock), None, lambda _: leases, shared=True)
    stubs: Any = [None] * 3
    rules = shipped_rules(work_calendar())
    processes = []
    for _ in range(2):
        reader: Any = Reader()
        context = Context(reader, *stubs, clock, VirtualWallClock(clock), nothing_declared, rules, CampaignMetrics())
        processes.append((context.metrics.figures, Looking(context, host)))

    async def run_for(seconds: int, *running: Looking) -> list[bool]:
        for _ in range(2 * seconds):
            clock.move_to(clock.now_ms() + 500)
            for shown_here, task in processes:
                shown_here.collect()
                if task in running:
                    await task.step()
        return [bool(next(iter(shown_here.collect())).samples) for shown_here, _ in processes]

    first, second = (task for _, task in processes)
    await first.start()
    assert await run_for(20, first) == [True, False]
    await second.start()
    assert await run_for(40, first, second) == [True, False], "the first keeps it"
    assert await run_for(40, second) == [True, True], (
        "it stands still: what it showed stays, a process that is dead shows nothing"
    )
    assert await run_for(1, first, second) == [False, True], "it runs again, and sees that another has it"
    await second.stop()
    assert await run_for(20, first) == [True, True]


async def test_figures_that_cannot_be_read_again_are_not_shown_for_long(url: str) -> None:
    async with scene(url) as it:
        due_shown(it)
        await it.to(20)
        assert due_shown(it) == 0
        context = it.hosted[0].opened.shared
        assert isinstance(context, Context)

        async def away(*_: Any) -> Any:
            raise LedgerAway("gone")

        context.reader.run = away
        await it.to(STALE_MS / 1000 - 5)
        assert due_shown(it) == 0
        await it.to(STALE_MS / 1000 + 40)
        assert due_shown(it) is None


def test_important_customers_count_two_hours_before_their_outage_until_they_have_confirmed(engine: Engine) -> None:
    put(engine, campaigns, [campaign_row(kind="outage"), campaign_row(id=SECOND)])
    starts, restores = "2026-03-05T12:00:00+08:00", "2026-03-05T15:00:00+08:00"
    item = {"area": "A", "starts_at": starts, "restores_at": restores}

    def person(no: int, campaign: str = CAMPAIGN, **changed: Any) -> Any:
        return waiting(no, campaign=campaign, **{"important": 1, "items": json.dumps([item]), **changed})

    cancelled = json.dumps([{**item, "cancelled": "yes"}])
    put(engine, contacts, [
        person(1), person(2, state="person"), person(3, state="reached"), person(4, important=0),
        person(5, items=cancelled), person(6, campaign=SECOND),
    ])  # fmt: skip
    starts_ms = ms(starts)
    assert [found(engine, at_ms).unconfirmed for at_ms in (
        starts_ms - 2 * HOUR_MS - 1, starts_ms - 2 * HOUR_MS, starts_ms, ms(restores) - 1, ms(restores)
    )] == [0, 2, 2, 2, 0]  # fmt: skip
