"""What people order of a campaign: what leaves, what is withdrawn, what is acknowledged, on both databases."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.core.reasons import CampaignStep
from campaigns.dialler.actions import (
    close_some,
    freeze,
    freeze_acknowledged,
    pause,
    resume,
    stop,
    stop_acknowledged,
    thaw,
)
from campaigns.dialler.starting import StartRequest, start
from campaigns.errors import CannotDial, ContactsChanged, NotFound, Stale, WrongState
from campaigns.ledger import campaigns, contacts, notices, outbound, tables
from campaigns.ledger.lanes import Lane
from campaigns.ledger.turns import Writes
from campaigns.ledger.turns import write as write_turn
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.dialler.acting import DECLARED, VALID_MS, Acting, import_row, put_imports
from tests.campaigns.dialler.rows import contact_row
from tests.scheduler import TENANT

WHO = "desk (7)"


# -- start -------------------------------------------------------------------------------------------------------------


async def test_a_campaign_starts_with_the_contacts_that_were_counted(product: Acting) -> None:
    row, _ = await product.campaign(state="draft")
    with pytest.raises(ContactsChanged) as refused:
        await start(product.context, TENANT, row.id, StartRequest(2), WHO)
    assert (refused.value.expected, refused.value.there) == (2, 3)
    assert (await product.read(row)).state == "draft"
    started = await start(product.context, TENANT, row.id, StartRequest(3), WHO)
    assert started == await product.read(row)
    assert (started.state, started.version, started.started_at_ms) == ("running", 2, product.now_ms)
    assert (await product.told(row))[1:] == [("started", None, WHO)]
    assert [one["trunk_group"] for one in await product.rows(tables.lanes)] == ["main"]
    with pytest.raises(WrongState) as again:
        await start(product.context, TENANT, row.id, StartRequest(3), WHO)
    assert (again.value.state, again.value.allowed) == ("running", ("approved", "draft", "scheduled"))


async def test_contacts_of_an_import_that_still_runs_are_not_there_yet(product: Acting) -> None:
    row, _ = await product.campaign(state="draft")

    def importing(connection: Connection) -> None:
        put_imports(connection, [import_row(row, 2, 1, "running")])
        late = contact_row(row, 4)
        contacts.put(connection, [late._replace(hours_class=late.hours_class.replace("1|", "2|", 1))])

    await product.write(importing)
    with pytest.raises(ContactsChanged) as refused:
        await start(product.context, TENANT, row.id, StartRequest(4), WHO)
    assert refused.value.there == 3
    assert (await start(product.context, TENANT, row.id, StartRequest(3), WHO)).state == "running"


@pytest.mark.parametrize(
    ("changed", "pointers"),
    [
        ({"outbound": None, "trunk_groups": None}, ["/switch", "/trunk_group"]),
        ({"commands": ["makeCall"]}, ["/switch"]),
        ({"commands": []}, ["/switch", "/switch"]),
        ({"facts": ["delivered"]}, ["/switch"]),
        ({"trunk_groups": {"other": DECLARED["trunk_groups"]["main"]}}, ["/trunk_group"]),
    ],
)
async def test_a_switch_that_did_not_declare_what_dialling_needs_starts_nothing(
    product: Acting, changed: dict[str, Any], pointers: list[str]
) -> None:
    row, _ = await product.campaign(state="draft")
    given = {name: value for name, value in {**DECLARED, **changed}.items() if value is not None}
    status, answer = await product.it.call("PUT", "/v1/switches/s1", given)
    assert status == 200, answer
    with pytest.raises(CannotDial) as refused:
        await start(product.context, TENANT, row.id, StartRequest(3), WHO)
    assert [one.pointer for one in refused.value.lacks] == pointers
    assert (await product.read(row)).state == "draft"


async def test_a_switch_that_is_not_there_starts_nothing_and_another_tenant_s_campaign_is_not_found(
    product: Acting,
) -> None:
    row, _ = await product.campaign(state="draft", switch="s2")
    with pytest.raises(CannotDial):
        await start(product.context, TENANT, row.id, StartRequest(3), WHO)
    for action in (
        start(product.context, "other", row.id, StartRequest(3), WHO),
        pause(product.context, "other", row.id, WHO),
    ):
        with pytest.raises(NotFound):
            await action


# -- pause and resume --------------------------------------------------------------------------------------------------


async def test_a_pause_takes_back_what_was_not_sent(product: Acting) -> None:
    row, (sent, unsent, idle) = await product.campaign()
    out = await product.dialled(sent, sent=True)
    kept = await product.dialled(unsent)
    waiter = (await product.contact(idle))._replace(waits_for=kept.number, next_at_ms=tables.FAR)
    await product.write(lambda connection: contacts.replace(connection, [waiter]))

    paused = await pause(product.context, TENANT, row.id, WHO)

    assert (paused.state, paused.paused_why, paused.version) == ("paused", "campaign_paused", 2)
    assert (await product.order(kept.command)).state == "withdrawn"
    (attempt,) = await product.tried(unsent)
    assert (attempt.step, attempt.decision, attempt.why) == ("not_dialled", "withdrawn", "campaign_paused")
    assert (attempt.counted, attempt.disposition, attempt.ended_at_ms) == (0, None, product.now_ms)
    back = await product.contact(unsent)
    assert (back.state, back.next_at_ms, back.version) == ("waiting", product.now_ms, 3)
    assert await product.calls(unsent) == {0}
    woken = await product.contact(idle)
    assert (woken.waits_for, woken.next_at_ms) == (None, product.now_ms)
    # What a claim was quicker with goes on.
    assert (await product.order(out.command)).state == "sent"
    assert (await product.tried(sent))[0].step == "open"
    assert await product.calls(sent) == {1}
    assert [one["number"] for one in await product.rows(tables.live_numbers)] == [out.number]
    assert await product.claimed() == []
    assert (await product.told(row))[1:] == [("paused", "campaign_paused", WHO)]


async def test_a_pause_of_the_product_s_own_says_why_and_resuming_begins_a_new_count(product: Acting) -> None:
    row, (unsent, *_) = await product.campaign(resumed_at_ms=1)
    await product.dialled(unsent)
    paused = await pause(product.context, TENANT, row.id, "dialler", "failure_spike")
    assert (paused.paused_why, (await product.told(row))[-1]) == (
        "failure_spike",
        ("paused", "failure_spike", "dialler"),
    )
    assert (await product.tried(unsent))[0].why == "failure_spike"
    await product.wait(60)
    resumed = await resume(product.context, TENANT, row.id, WHO)
    assert (resumed.state, resumed.paused_why, resumed.resumed_at_ms) == ("running", None, product.now_ms)
    with pytest.raises(WrongState):
        await resume(product.context, TENANT, row.id, WHO)


async def test_nothing_resumes_on_a_switch_that_cannot_dial_any_more(product: Acting) -> None:
    row, _ = await product.campaign(state="paused")
    await product.it.call("PUT", "/v1/switches/s1", {"commands": ["makeCall"]})
    with pytest.raises(CannotDial):
        await resume(product.context, TENANT, row.id, WHO)


async def test_a_turn_that_read_the_campaign_before_is_undone(product: Acting) -> None:
    row, _ = await product.campaign()
    frozen = await product.context.reader.run(outbound.read, TENANT)
    await pause(product.context, TENANT, row.id, WHO)
    late = Writes(Lane(TENANT, "s1", "main"), "campaign_lanes", 1, frozen, {row.id: row.version})
    with pytest.raises(Stale):
        await product.context.write(write_turn, (late, product.dial))
    thawed = await thaw(product.context, TENANT, WHO)
    assert thawed.version == frozen.version + 1
    with pytest.raises(Stale):
        await product.context.write(write_turn, (replace(late, campaigns={row.id: row.version + 1}), product.dial))


# -- stop --------------------------------------------------------------------------------------------------------------


async def test_a_stop_closes_what_waits_and_is_acknowledged_once_nothing_can_leave(product: Acting) -> None:
    row, (sent, unsent, idle) = await product.campaign()
    out, kept = await product.dialled(sent, sent=True), await product.dialled(unsent)
    stopping = await stop(product.context, TENANT, row.id, "finish", WHO)
    assert (stopping.state, stopping.live) == ("stopping", "finish")
    for closed in (unsent, idle):
        found = await product.contact(closed)
        assert (found.state, found.why, found.next_at_ms) == ("cancelled", "campaign_stopped", tables.FAR)
    assert (await product.tried(unsent))[0].why == "campaign_stopped"
    assert (await product.order(kept.command)).state == "withdrawn"
    assert (await product.contact(sent)).state == "in_progress"
    assert not await stop_acknowledged(product.context, stopping)
    await product.result(str(out.command), "accepted")
    assert not await stop_acknowledged(product.context, stopping)
    await product.result(str(out.command), "done")
    assert await stop_acknowledged(product.context, stopping)
    assert await product.claimed() == []
    for action in (resume, pause):
        with pytest.raises(WrongState):
            await action(product.context, TENANT, row.id, WHO)


async def test_a_sent_order_without_a_result_holds_the_stop_until_five_seconds_past_its_expiry(product: Acting) -> None:
    row, (sent, *_) = await product.campaign()
    await product.dialled(sent, sent=True)
    stopping = await stop(product.context, TENANT, row.id, "finish", WHO)
    await product.wait(VALID_MS / 1000 + 4.999)
    assert not await stop_acknowledged(product.context, stopping)
    await product.wait(0.001)
    assert await stop_acknowledged(product.context, stopping)


async def test_a_campaign_with_nothing_under_way_is_stopped_at_once(product: Acting) -> None:
    row, (waiting, *_) = await product.campaign(state="draft")
    stopped = await stop(product.context, TENANT, row.id, "finish", WHO)
    assert (stopped.state, stopped.ended_at_ms) == ("stopped", product.now_ms)
    assert [what for what, _, _ in await product.told(row)] == ["created", "stopping", "stopped"]
    assert (await product.contact(waiting)).state == "cancelled"
    assert await stop_acknowledged(product.context, stopped)


async def test_a_running_campaign_is_not_acknowledged_as_stopped(product: Acting) -> None:
    row, _ = await product.campaign()
    assert not await stop_acknowledged(product.context, row)


async def test_contacts_are_closed_in_pieces_without_those_whose_order_is_open(product: Acting) -> None:
    row, rows = await product.campaign(7)
    await product.dialled(rows[2], sent=True)
    stopping = row._replace(state="stopping")
    closed = [
        (await product.write(lambda connection: close_some(connection, stopping, 3, product.now_ms)))[0]
        for _ in range(4)
    ]
    assert closed == [3, 3, 0, 0]
    assert [(await product.contact(one)).state for one in rows] == [
        *["cancelled"] * 2, "in_progress", *["cancelled"] * 4,
    ]  # fmt: skip


async def test_a_stop_recalls_the_notices_that_nobody_has_yet(product: Acting) -> None:
    row, (first, second, _) = await product.campaign(state="paused")
    made = [notice_of(Owed(row, one, []), product.now_ms) for one in (first, second)]
    exported = made[1]._replace(state="exported")
    await product.write(lambda connection: notices.put(connection, [made[0], exported]))
    await stop(product.context, TENANT, row.id, "finish", WHO)
    states = {one["contact"]: (one["state"], one["to_recall_ms"]) for one in await product.rows(tables.notices)}
    assert states == {first.id: ("recalled", None), second.id: ("exported", product.now_ms)}


async def test_messages_are_withdrawn_like_calls_and_count_for_nobody_s_day(product: Acting) -> None:
    row, (contact, *_) = await product.campaign(kind="outage")
    kept = await product.dialled(contact, channel="sms")
    await stop(product.context, TENANT, row.id, "finish", WHO)
    assert (await product.order(kept.command)).state == "withdrawn"
    assert (await product.tried(contact))[0].step == "not_dialled"
    assert await product.calls(contact) == {0}


# -- freeze ------------------------------------------------------------------------------------------------------------


async def test_a_freeze_holds_all_campaigns_of_the_tenant(product: Acting) -> None:
    _, (first, _, _) = await product.campaign(id="c1")
    _, (_, second, _) = await product.campaign(id="c2")
    out, kept = await product.dialled(first, sent=True), await product.dialled(second)
    assert not await freeze_acknowledged(product.context, TENANT)
    frozen = await freeze(product.context, TENANT, "fire at the exchange", WHO)
    assert (frozen.frozen, frozen.reason, frozen.who, frozen.at_ms) == (1, "fire at the exchange", WHO, product.now_ms)
    assert (await product.tried(second))[0].why == "frozen"
    assert (await product.contact(second)).state == "waiting"
    assert (await product.order(kept.command)).state == "withdrawn"
    assert await product.claimed() == []
    assert not await freeze_acknowledged(product.context, TENANT)
    await product.result(str(out.command), "refused", "busy")
    assert await freeze_acknowledged(product.context, TENANT)
    again = await freeze(product.context, TENANT, "still", WHO)
    assert (again.reason, again.version) == ("still", frozen.version + 1)
    thawed = await thaw(product.context, TENANT, WHO)
    assert (thawed.frozen, thawed.reason, thawed.version) == (0, None, again.version + 1)
    assert not await freeze_acknowledged(product.context, TENANT)


async def test_a_freeze_is_the_tenant_s_own(product: Acting) -> None:
    _, (mine, _, _) = await product.campaign(id="c1")
    _, (theirs, _, _) = await product.campaign(id="c2", tenant="other")
    await product.dial.subscribe("other", "s1")
    await product.dialled(mine)
    kept = await product.dialled(theirs)
    await freeze(product.context, TENANT, "mine", WHO)
    assert (await product.tried(theirs))[0].step == "open"
    assert (await product.order(kept.command, "other")).state == "open"
    assert await freeze_acknowledged(product.context, TENANT)


# -- what every action does --------------------------------------------------------------------------------------------


async def test_the_caller_s_statements_are_in_the_same_transaction(product: Acting) -> None:
    row, (contact, *_) = await product.campaign()
    kept = await product.dialled(contact)

    def fails(_: Connection) -> None:
        raise Stale("the audit log")

    for action in (
        pause(product.context, TENANT, row.id, WHO, also=fails),
        stop(product.context, TENANT, row.id, "finish", WHO, also=fails),
        freeze(product.context, TENANT, "x", WHO, also=fails),
    ):
        with pytest.raises(Stale):
            await action
    assert await product.read(row) == row
    assert (await product.order(kept.command)).state == "open"
    assert (await product.tried(contact)) == [kept]


async def test_a_campaign_that_changed_since_it_was_read_keeps_its_state(product: Acting) -> None:
    row, _ = await product.campaign()
    await pause(product.context, TENANT, row.id, WHO)
    with pytest.raises(Stale):
        await product.write(lambda connection: campaigns.set_state(connection, row, CampaignStep.STOP, WHO, 1))
