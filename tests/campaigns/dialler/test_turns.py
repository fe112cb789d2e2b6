"""The dialler at the real door on the virtual clock: contacts in the tables, a switch that answers by script."""

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.api.whole_campaign import whole
from campaigns.dialler import actions
from campaigns.dialler.case import CAP_AGAIN_MS
from campaigns.ledger import people
from campaigns.ledger.tables import FAR
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    campaign_now,
    contact,
    contact_of,
    context_of,
    count_calls,
    live_numbers_of,
    notices_of,
    person_days_of,
    put,
    refusals_of,
    states_of,
)
from tests.campaigns.shipped import HOUR_MS
from tests.campaigns.test_rendering import DEBT, OUTAGE
from tests.ready import ready_sqlite
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

ONE, TWO = "+8613800000001", "+8613800000002"


@pytest.fixture
async def it(tmp_path: Path) -> AsyncIterator[Scene]:
    async with scene(ready_sqlite(tmp_path / "ringback.db")) as scene_:
        yield scene_


async def test_a_contact_is_dialled_and_reached(it: Scene) -> None:
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign()
    await put(it, of, [contact(of, 1, ONE)])
    await switch.to(60)
    assert [(one.id, one.number) for one in switch.received] == [(f"{CAMPAIGN}-1.1", ONE)]
    [attempt] = await attempts_of(it, f"{CAMPAIGN}-1")
    assert (attempt.step, attempt.disposition, attempt.counted) == ("over", "reached", 1)
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "reached"


async def begun(it: Scene, scripts: dict[str, list[str]], *rows: tuple[str, ...], **more: Any) -> DiallingSwitch:
    """The switch, declared 5 s ago, and a campaign of contacts: one for each tuple of numbers."""
    switch = await DiallingSwitch.declared(it, scripts)
    await switch.to(5)
    of = campaign(**more)
    await put(it, of, [contact(of, no, *numbers) for no, numbers in enumerate(rows, 1)])
    return switch


async def rest(it: Scene, switch: DiallingSwitch, until_s: float) -> None:
    """Nothing is due: the product stands still, and the switch says nothing, until 20 s before."""
    at_s = until_s - 20
    switch._poll_ms = switch._beat_ms = START_MS + round(at_s * 1000)
    it.running = False
    await it.to(at_s)
    it.running = True
    await switch.to(until_s)


async def test_three_attempts_in_the_parts_of_the_day_then_a_notice(it: Scene) -> None:
    """At 9 h, an hour after its end, in another part of the day; then a written notice, and the campaign is done."""
    switch = await begun(it, {ONE: ["noAnswer"]}, (ONE,))
    await switch.to(50)
    await rest(it, switch, 3_670)
    await switch.to(3_700)
    await rest(it, switch, 5 * 3_600 + 10)
    await switch.to(5 * 3_600 + 60)
    attempts = await attempts_of(it, f"{CAMPAIGN}-1")
    assert [(one.n, one.disposition, one.counted) for one in attempts] == [(n, "noAnswer", 1) for n in (1, 2, 3)]
    assert [round((one.decided_at_ms - START_MS) / 60_000) for one in attempts] == [0, 61, 5 * 60]
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "fallback"
    [notice] = await notices_of(it, CAMPAIGN)
    assert (notice.contact, notice.state) == (f"{CAMPAIGN}-1", "pending")
    assert len(switch.received) == 3
    assert (await campaign_now(it)).state == "done"


async def test_what_is_heard_of_a_live_call_is_written_of_its_attempt_alone(it: Scene) -> None:
    """The contact stays as the order left it, until an outcome moves it."""
    switch = await begun(it, {ONE: ["reached"]}, (ONE,))
    heard: set[tuple[int, ...]] = set()
    for at_s in range(7, 60):
        await switch.to(at_s)
        row = await contact_of(it, f"{CAMPAIGN}-1")
        for one in await attempts_of(it, row.id):
            heard.add(
                (one.sent_at_ms is not None, one.rang_at_ms is not None, one.ended_at_ms is not None, row.version)
            )
    assert heard == {(True, False, False, 2), (True, True, False, 2), (True, True, True, 3)}


async def test_two_accounts_with_one_number_are_never_dialled_at_once(it: Scene) -> None:
    """The earlier imported goes first; the other waits for the number, and is woken by its leaving."""
    switch = await begun(it, {ONE: ["reached"]}, (ONE,), (ONE,))
    await switch.to(20)
    assert [one.id for one in switch.received] == [f"{CAMPAIGN}-1.1"]
    waiting = await contact_of(it, f"{CAMPAIGN}-2")
    assert (waiting.waits_for, waiting.next_at_ms, waiting.why) == (ONE, FAR, "number_busy")
    [refusal] = await refusals_of(it, waiting.id)
    assert (refusal.why, refusal.n) == ("number_busy", 1)
    await switch.to(90)
    assert [one.id for one in switch.received] == [f"{CAMPAIGN}-1.1", f"{CAMPAIGN}-2.1"]
    [first, second] = [*await attempts_of(it, f"{CAMPAIGN}-1"), *await attempts_of(it, f"{CAMPAIGN}-2")]
    assert first.ended_at_ms is not None
    assert 0 <= second.decided_at_ms - first.ended_at_ms <= 2_000
    assert await states_of(it) == {"reached": 2}
    assert await live_numbers_of(it) == []


async def test_a_campaign_whose_people_all_wait_for_a_number_says_so(it: Scene) -> None:
    switch = await begun(it, {ONE: ["reached"]}, (ONE,), (ONE,))
    await switch.to(20)
    coming = (await whole(context_of(it), await campaign_now(it)))["next"]
    assert (coming["why"], coming["until"]) == ("number_busy", None)


async def test_a_person_is_called_three_times_a_day_over_all_campaigns(it: Scene) -> None:
    day = "2026-03-02"
    switch = await begun(it, {}, (ONE,), (TWO,))
    account_two = [(TENANT, "a:A2", day, 2), (TENANT, f"n:{TWO}", day, 3)]
    await count_calls(it, [(TENANT, f"n:{ONE}", day, 3), *account_two])
    await switch.to(10)
    assert switch.received == []
    for no in (1, 2):
        [refusal] = await refusals_of(it, f"{CAMPAIGN}-{no}")
        tomorrow_ms = START_MS + 22 * 3_600_000 + 30 * 60_000  # 07:30
        assert (refusal.why, refusal.rule, refusal.until_ms) == ("person_cap", "TRY-1", tomorrow_ms)
        row = await contact_of(it, f"{CAMPAIGN}-{no}")
        assert row.next_at_ms == refusal.at_ms + CAP_AGAIN_MS, "a call may turn out not to have rung"


async def test_whom_the_cap_does_not_hold_for_keeps_nobody_from_his_last_call_of_the_day(it: Scene) -> None:
    """OUT-1. Both are called in one turn: one for the third time today, the other whatever was before."""
    switch = await DiallingSwitch.declared(it, {})
    await switch.to(5)
    of = campaign(kind="outage")
    items = json.dumps([OUTAGE])
    await count_calls(it, [(TENANT, f"n:{TWO}", "2026-03-02", 2)])
    await put(it, of, [contact(of, 1, ONE, TWO, items=items), contact(of, 2, TWO, items=items, important=1)])
    await switch.to(10)
    assert sorted(one.number for one in switch.received) == [ONE, TWO]
    assert (await person_days_of(it))[f"n:{TWO}", "2026-03-02"] == 4


async def test_a_lane_whose_turns_are_undone_goes_on_with_one_call_at_a_time(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    reserve = people.reserve

    def of_one_alone(connection: Connection, tenant: str, wanted: Mapping[people.PersonDay, int]) -> bool:
        return len(wanted) <= len(("account", "number")) and reserve(connection, tenant, wanted)

    monkeypatch.setattr(people, "reserve", of_one_alone)
    numbers = [f"+861380000000{no}" for no in range(4)]
    switch = await begun(it, {}, *((number,) for number in numbers))
    await switch.to(20)
    assert {one.number for one in switch.received} == set(numbers)


async def test_what_certainly_did_not_ring_does_not_count_for_the_person(it: Scene) -> None:
    switch = await begun(it, {ONE: ["refused:busy", "reached"]}, (ONE,))
    await switch.to(20)
    [attempt] = await attempts_of(it, f"{CAMPAIGN}-1")
    assert (attempt.disposition, attempt.counted) == ("congestion", 0)
    assert set((await person_days_of(it)).values()) == {0}
    assert await live_numbers_of(it) == []
    await rest(it, switch, 340)
    await switch.to(380)
    assert [one.disposition for one in await attempts_of(it, f"{CAMPAIGN}-1")] == ["congestion", "reached"]
    assert set((await person_days_of(it)).values()) == {1}


async def test_a_failure_whose_ringing_may_be_lost_counts_for_the_person(
    it: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It rang for half a minute. The facts of that and of its failure never come, only that it is over."""
    switch = await begun(it, {ONE: ["noAnswer"]}, (ONE,))
    hear = switch._hear

    def loses(facts: Sequence[Any]) -> None:
        hear([one for one in facts if one["type"].split(".")[2] not in {"delivered", "failed", "connectionCleared"}])

    monkeypatch.setattr(switch, "_hear", loses)
    await switch.to(60)
    [attempt] = await attempts_of(it, f"{CAMPAIGN}-1")
    assert (attempt.step, attempt.disposition, attempt.counted) == ("over", "failedOther", 0)
    assert attempt.rang_at_ms is None
    assert set((await person_days_of(it)).values()) == {1}


async def test_a_fixed_penalty_of_tomorrow_is_told_tomorrow(it: Scene) -> None:
    """Data arrive the day before. Today nobody knows what is owed."""
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    await switch.to(5)
    of = campaign(kind="arrears", fallback_by_ms=START_MS + 3 * 24 * HOUR_MS)
    debt = {**DEBT, "penalty_rate_per_day": "", "penalty_from": "", "penalty": "3.84", "as_of": "2026-03-03"}
    await put(it, of, [contact(of, 1, ONE, items=json.dumps([debt]))])
    await switch.to(20)
    assert switch.received == []
    [refusal] = await refusals_of(it, f"{CAMPAIGN}-1")
    assert (refusal.why, refusal.rule) == ("no_formula", "ARR-1")
    await rest(it, switch, 15 * HOUR_MS / 1000 + 5)  # midnight: looked at anew, and closed
    await rest(it, switch, 23 * HOUR_MS / 1000 + 5)
    await switch.to(23 * HOUR_MS / 1000 + 60)
    assert [one.disposition for one in await attempts_of(it, f"{CAMPAIGN}-1")] == ["reached"]


async def test_closed_hours_rewrite_nothing_and_the_opening_dials_at_once(it: Scene) -> None:
    """12:30 to 14:00 is closed."""
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    await rest(it, switch, 3.6 * 3_600)
    of = campaign()
    row = contact(of, 1, ONE)
    await put(it, of, [row])
    await switch.to(3.6 * 3_600 + 5)
    await rest(it, switch, 5 * 3_600 - 1)
    assert switch.received == []
    assert await contact_of(it, row.id) == row
    await switch.to(5 * 3_600 + 3)
    [noted] = switch.received
    assert 0 <= noted.at_ms - (START_MS + 5 * 3_600_000) <= 1_000


async def test_a_new_owner_makes_nothing_for_two_seconds(it: Scene) -> None:
    switch = await DiallingSwitch.declared(it, {})
    await switch.to(5)
    of = campaign(calls_per_second=5)
    await put(it, of, [contact(of, no, f"+86138000000{no:02}") for no in range(10, 30)])
    await switch.to(12)
    made = [one for no in range(10, 30) for one in await attempts_of(it, f"{CAMPAIGN}-{no}")]
    assert min(one.decided_at_ms for one in made) >= START_MS + 7_000
    sent_ms = sorted(one.at_ms for one in switch.received)
    assert len(sent_ms) >= 15
    assert all(later - earlier >= 1_000 for earlier, later in zip(sent_ms, sent_ms[5:], strict=False))


async def test_no_switch_no_dial_and_its_contacts_are_left_alone(it: Scene) -> None:
    switch = await begun(it, {ONE: ["reached"]})
    switch.gone = True
    await switch.to(30)
    of = campaign("c000000000000002")
    row = contact(of, 1, ONE)
    await put(it, of, [row])
    await switch.to(60)
    assert await contact_of(it, row.id) == row
    assert await attempts_of(it, row.id) == []
    switch.gone = False
    await switch.to(75)
    assert [one.id for one in switch.received] == [f"{row.id}.1"]


async def test_after_three_unsent_orders_one_is_tried_every_ten_seconds(it: Scene) -> None:
    """The switch's stream lives, but it fetches nothing."""
    switch = await begun(it, {}, *[(f"+86138000000{no:02}",) for no in range(10, 40)])
    switch._poll_ms = START_MS + 14_000  # a subscription lives for 15 s
    await switch.to(13)
    attempts = [one for no in range(1, 31) for one in await attempts_of(it, f"{CAMPAIGN}-{no}")]
    first_ms = min(one.decided_at_ms for one in attempts)
    assert all(one.decided_at_ms < first_ms + 2_000 for one in attempts), "nothing once the first have expired"
    assert {one.step for one in attempts} == {"not_dialled"}


async def test_a_message_goes_first_and_its_receipt_ends_it(it: Scene) -> None:
    """An outage: a call follows only where no receipt came."""
    switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
    status, answer = await it.call("PUT", "/v1/switches/s1", {
        "commands": ["makeCall", "snapshotCall", "clearConnection", "sendMessage"], "outbound": 1,
        "trunk_groups": {"main": {"calls_per_second": 5, "calls_at_once": 50}},
    })  # fmt: skip
    assert status == 200, answer
    await switch.to(5)
    of = campaign(kind="outage", channels='["sms", "auto"]', fallback="person")
    item = {"area": "城东", "reason": "检修", "starts_at": "2026-03-03T08:00:00+08:00",
            "restores_at": "2026-03-03T18:00:00+08:00"}  # fmt: skip
    await put(it, of, [contact(of, 1, ONE, items=json.dumps([item]))])
    await switch.to(20)
    attempts = await attempts_of(it, f"{CAMPAIGN}-1")
    assert attempts[0].channel == "sms"
    assert attempts[0].command == f"{CAMPAIGN}-1.1"
    assert switch.received == []


async def test_a_stopped_campaign_closes_its_contacts_and_is_stopped(it: Scene) -> None:
    switch = await begun(it, {ONE: ["reached"]}, (ONE,), (TWO,), calls_at_once=1)
    await switch.to(12)
    assert [one.number for one in switch.received] == [ONE]
    await actions.stop(context_of(it), TENANT, CAMPAIGN, actions.FINISH, "test")
    await switch.to(20)
    assert (await campaign_now(it)).state == "stopping"
    assert await states_of(it) == {"in_progress": 1, "cancelled": 1}
    await switch.to(60)
    assert (await campaign_now(it)).state == "stopped"
    assert await states_of(it) == {"reached": 1, "cancelled": 1}
    assert len(switch.received) == 1


async def test_the_deadline_hands_over_while_the_campaign_is_paused(it: Scene) -> None:
    """`notice_out_by` is missed and counted once, `fallback_by` makes the notice."""
    switch = await begun(
        it, {}, (ONE,), state="paused", paused_why="campaign_paused", notice_out_by_ms=START_MS + 20_000,
        fallback_by_ms=START_MS + 40_000,
    )  # fmt: skip
    await switch.to(30)
    row = await contact_of(it, f"{CAMPAIGN}-1")
    assert (row.state, row.notice_missed) == ("waiting", 1)
    await switch.to(45)
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "fallback"
    assert [one.state for one in await notices_of(it, CAMPAIGN)] == ["pending"]
    assert switch.received == []
    collectors = context_of(it).metrics.collectors
    samples = [sample for one in collectors for metric in one.collect() for sample in metric.samples]
    missed = {
        sample.labels["deadline"]: sample.value
        for sample in samples
        if sample.name == "ringback_deadlines_missed_total" and sample.labels["kind"] == "billing"
    }
    assert missed == {"notice_out_by": 1.0, "fallback_by": 0.0}


async def test_a_question_reconciles_what_nobody_knew(it: Scene) -> None:
    """The order arrives nowhere: asked 5 s after its expiry, never seen, and dialled again."""
    switch = await begun(it, {ONE: ["neverSeen", "reached"]}, (ONE,))
    await switch.to(60)
    attempts = await attempts_of(it, f"{CAMPAIGN}-1")
    assert [(one.step, one.decision, one.disposition) for one in attempts] == [
        ("not_dialled", "not_dialled", None), ("over", "dialled", "reached"),
    ]  # fmt: skip


async def test_an_order_without_any_answer_is_held_and_not_dialled_again(it: Scene) -> None:
    switch = await begun(it, {ONE: ["silence"]}, (ONE,))
    await switch.to(30)
    row = await contact_of(it, f"{CAMPAIGN}-1")
    assert row.state in {"in_progress", "unknown"}
    assert await live_numbers_of(it) == [ONE, "a:A1"], "the number and the person"
    await rest(it, switch, 1_860)
    await switch.to(1_900)
    [attempt] = await attempts_of(it, f"{CAMPAIGN}-1")
    assert (attempt.step, attempt.disposition, attempt.counted) == ("held", "unknown", 0)
    assert (await contact_of(it, f"{CAMPAIGN}-1")).state == "unknown"
    assert len(switch.received) == 1


async def test_what_is_held_beyond_the_fallback_gives_its_number_back(it: Scene) -> None:
    """The hour after the deadline is over before the half hour of an unknown call is."""
    switch = await begun(it, {ONE: ["silence"]}, (ONE,), fallback_by_ms=START_MS + 9_000)
    await switch.to(30)
    assert len(switch.received) == 1
    await rest(it, switch, 1_860)
    await switch.to(1_900)
    await rest(it, switch, 3_600 + 5)
    await switch.to(3_600 + 12)
    row = await contact_of(it, f"{CAMPAIGN}-1")
    assert (row.state, await live_numbers_of(it)) == ("fallback", [ONE, "a:A1"])
    await rest(it, switch, 3_600 + 200)
    await switch.to(3_600 + 300)
    [attempt] = await attempts_of(it, row.id)
    assert (attempt.step, attempt.disposition, attempt.counted) == ("held", "unknown", 1)
    assert await live_numbers_of(it) == []
    assert len(switch.received) == 1
