"""A changed outage, as one transaction: who is told again, what is withdrawn, what stays; on both databases."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.core.after import Ended
from campaigns.core.reasons import CampaignState, Disposition
from campaigns.dialler.actions import CLOSED_AT_ONCE
from campaigns.dialler.case import Case, Known
from campaigns.errors import AlreadyCancelled, NoSuchOutage, NotFound, Stale, WrongState
from campaigns.imports.errors import ContactMoved
from campaigns.ledger import attempts, contacts, imported, imports, notices, outbound, revisions, tables, turns
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, RevisionRow
from campaigns.outages.items import Change, Outage
from campaigns.outages.revising import go_on, revise
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.rows import OUTAGE, attempt_row
from tests.campaigns.shipped import HOUR_MS
from tests.scheduler import TENANT

WHO = "desk (7)"
AREA, STARTS_MS = OUTAGE["area"], 1_773_273_600_000
LATER = "2026-03-12T20:00:00+08:00"
OTHER = {**OUTAGE, "area": "西湖区"}
MOVED, CANCELLED = Change(Outage(AREA, STARTS_MS), LATER), Change(Outage(AREA, STARTS_MS), None)
OVER = {"step": "over", "decision": "dialled", "ended_at_ms": 1}


async def outage(product: Acting, many: int = 3, **changed: Any) -> tuple[CampaignRow, list[ContactRow]]:
    """Contacts of this outage; their deadlines are those of the kind."""
    given = {"kind": "outage", "fallback_by_ms": None, "expires_at_ms": None, **changed}
    return await product.campaign(many, **given)


async def tried(product: Acting, row: ContactRow, *outcomes: Disposition, state: str, **changed: Any) -> ContactRow:
    """The contact as calls have left it."""
    made = [
        attempt_row(row, n, disposition=outcome.value, counted=1, decided_at_ms=product.now_ms, **OVER)
        for n, outcome in enumerate(outcomes, 1)
    ]
    far = {} if state in tables.OPEN_STATES else {"next_at_ms": tables.FAR, "deadline_at_ms": tables.FAR}
    after = row._replace(state=state, **far, **changed)

    def write(connection: Connection) -> None:
        attempts.put(connection, made)
        contacts.replace(connection, [after])

    await product.write(write)
    return after


async def items_of(product: Acting, row: ContactRow, *items: dict[str, str]) -> None:
    def write(connection: Connection) -> None:
        revisions.write_items(connection, [row._replace(items=json.dumps(items))])

    await product.write(write)


async def revised(product: Acting, row: CampaignRow, change: Change = MOVED) -> RevisionRow:
    return await revise(product.context, TENANT, row.id, change, WHO)


async def test_who_was_told_begins_again_and_nobody_else(product: Acting) -> None:
    row, (told, untold, waits) = await outage(product)
    told = await tried(product, told, Disposition.REACHED, state="reached")
    untold = await tried(product, untold, Disposition.NO_ANSWER, state="waiting", next_at_ms=product.now_ms + HOUR_MS)
    made = await revised(product, row)
    assert (made.state, made.contacts, made.told_again, made.cancelled) == ("done", 3, 1, 0)
    again, *others = [await product.contact(one) for one in (told, untold, waits)]
    assert (again.state, again.round, again.next_at_ms, again.outdated_upto) == ("waiting", 2, product.now_ms, 1)
    assert [(one.state, one.round) for one in others] == [("waiting", 1), ("waiting", 1)]
    assert others[0].next_at_ms == product.now_ms + HOUR_MS, "its own wait goes on"
    for one in (again, *others):
        assert json.loads(one.items) == [{**OUTAGE, "restores_at": LATER}]
        assert one.expires_at_ms == STARTS_MS


async def test_orders_that_were_not_sent_are_withdrawn(product: Acting) -> None:
    row, (unsent, elsewhere, _) = await outage(product)
    await items_of(product, elsewhere, OTHER)
    one, other = await product.dialled(unsent), await product.dialled(elsewhere)
    made = await revised(product, row)
    assert (made.withdrawn, made.contacts) == (1, 2)
    assert [(await product.order(each.command)).state for each in (one, other)] == ["withdrawn", "open"]
    (attempt,) = await product.tried(unsent)
    assert (attempt.decision, attempt.why, attempt.step) == ("withdrawn", "outage_changed", "not_dialled")
    found = await product.contact(unsent)
    assert (found.state, found.round, found.next_at_ms) == ("waiting", 1, product.now_ms)
    assert await product.calls(unsent) == {0}
    assert json.loads((await product.contact(elsewhere)).items) == [OTHER]


@pytest.mark.parametrize(
    ("outcome", "change", "wanted"),
    [
        (Disposition.REACHED, MOVED, ("waiting", 2)),
        (Disposition.ANSWERED_INCOMPLETE, MOVED, ("waiting", 2)),
        (Disposition.NO_ANSWER, MOVED, ("waiting", 1)),
        (Disposition.REACHED, CANCELLED, ("waiting", 2)),
        (Disposition.NO_ANSWER, CANCELLED, ("cancelled", 1)),
    ],
)
async def test_a_call_that_is_under_way_decides_when_it_ends(
    product: Acting, outcome: Disposition, change: Change, wanted: tuple[str, int]
) -> None:
    row, (sent, *_) = await outage(product)
    await product.dialled(sent, sent=True)
    made = await revised(product, row, change)
    assert (made.state, made.told_again, made.withdrawn) == ("done", 0, 0)
    assert await product.context.reader.run(revisions.any_under_way, row.id)
    found = await product.contact(sent)
    assert (found.state, found.round) == ("in_progress", 1)
    core = campaign_of(await product.read(row), product.context.rules)
    case = Case(row, core, found, await product.tried(sent))
    case.apply(Ended(1, product.now_ms, outcome, rang=True))
    case.schedule(Known(set(), {}), product.now_ms)
    after = case.contact_row(product.now_ms)
    assert (after.state, after.round) == wanted


async def test_a_message_that_has_left_was_read(product: Acting) -> None:
    row, (sent, *_) = await outage(product)
    await product.dialled(sent, sent=True, channel="sms")
    assert (await revised(product, row)).told_again == 1
    found = await product.contact(sent)
    assert (found.state, found.round) == ("waiting", 2)


async def test_of_a_cancelled_outage_only_those_are_told_who_had_heard_of_it(product: Acting) -> None:
    row, (told, untold, both) = await outage(product)
    await items_of(product, both, OUTAGE, OTHER)
    told = await tried(product, told, Disposition.REACHED, state="reached")
    made = await revised(product, row, CANCELLED)
    assert (made.contacts, made.told_again, made.cancelled) == (3, 1, 1)
    found = [await product.contact(one) for one in (told, untold, both)]
    assert [(one.state, one.round) for one in found] == [("waiting", 2), ("cancelled", 1), ("waiting", 1)]
    assert found[1].why == "outage_cancelled"
    assert json.loads(found[2].items) == [{**OUTAGE, "cancelled": "yes"}, OTHER]
    with pytest.raises(AlreadyCancelled):
        await revised(product, row, MOVED)
    again = await revised(product, row, CANCELLED)
    assert (again.no, again.contacts, again.told_again) == (2, 0, 0)


async def test_a_second_change_is_a_third_round(product: Acting) -> None:
    row, (told, *_) = await outage(product)
    told = await tried(product, told, Disposition.REACHED, state="reached")
    await revised(product, row)
    found = await product.contact(told)
    again = attempt_row(found, 2, disposition="reached", decided_at_ms=product.now_ms, **OVER)

    def write(connection: Connection) -> None:
        attempts.put(connection, [again])
        contacts.replace(connection, [found._replace(state="reached")])

    await product.write(write)
    await revised(product, row, CANCELLED)
    last = await product.contact(told)
    assert (last.state, last.round, last.outdated_upto) == ("waiting", 3, 2)


async def test_a_change_before_the_first_one_was_told_is_no_further_round(product: Acting) -> None:
    row, (told, *_) = await outage(product)
    told = await tried(product, told, Disposition.REACHED, state="reached")
    await revised(product, row)
    await revised(product, row, CANCELLED)
    found = await product.contact(told)
    assert (found.state, found.round) == ("waiting", 2), "he heard of it, and has not heard that it is cancelled"


@pytest.mark.parametrize("state", [one.value for one in CampaignState])
async def test_which_states_of_a_campaign_allow_it(product: Acting, state: str) -> None:
    row, (told, *_) = await outage(product, state=state)
    await tried(product, told, Disposition.REACHED, state="reached")
    if state in {"stopping", "stopped", "expired"}:
        with pytest.raises(WrongState) as refused:
            await revised(product, row)
        assert refused.value.state == state
        assert await product.context.reader.run(revisions.last_no, row.id) == 0
        return
    await revised(product, row)
    after = await product.read(row)
    assert after.state == ("running" if state == "done" else state)
    assert after.version > row.version


async def test_what_is_not_there_is_refused(product: Acting) -> None:
    row, _ = await outage(product)
    other = Change(Outage(AREA, STARTS_MS + 1_000), LATER)
    for change in (other, Change(Outage("东湖区", STARTS_MS), LATER)):
        with pytest.raises(NoSuchOutage):
            await revised(product, row, change)
    for tenant, campaign in (("other", row.id), (TENANT, "c9")):
        with pytest.raises(NotFound):
            await revise(product.context, tenant, campaign, MOVED, WHO)


async def test_letters_say_what_is_right_or_go_no_further(product: Acting) -> None:
    row, rows = await outage(product, 3, fallback="notice", state="paused")
    final = [await tried(product, one, Disposition.INVALID_NUMBER, state="fallback") for one in rows]
    made = [notice_of(Owed(row, one, []), product.now_ms) for one in final]
    states = ("pending", "exported", "acknowledged")
    made = [one._replace(state=state) for one, state in zip(made, states, strict=True)]
    await product.write(lambda connection: notices.put(connection, made))
    done = await revised(product, row)
    assert (done.recalled, done.rewritten, done.to_recall, done.told_again) == (0, 1, 1, 2)
    letters = {one["contact"]: one for one in await product.rows(tables.notices)}
    assert json.loads(letters[rows[0].id]["body"])["items"][0]["restores_at"] == LATER
    assert [letters[one.id]["to_recall_ms"] for one in rows] == [None, product.now_ms, None]
    found = [await product.contact(one) for one in rows]
    assert [(one.state, one.round) for one in found] == [("fallback", 1), ("waiting", 2), ("waiting", 2)]
    done = await revised(product, row, CANCELLED)
    assert (done.recalled, done.to_recall) == (1, 0)


async def test_many_contacts_are_changed_in_pieces_and_nobody_is_dialled_meanwhile(product: Acting) -> None:
    many = 2 * CLOSED_AT_ONCE + 10
    row, rows = await outage(product, many)
    last = rows[-1]
    kept = await product.dialled(last)
    made = await revised(product, row)
    assert (made.state, made.contacts) == ("applying", CLOSED_AT_ONCE + 1)
    assert (await product.order(kept.command)).state == "withdrawn", "of all contacts, at once"
    lane = Lane(TENANT, "s1", "main")
    read = await product.context.reader.run(turns.read_lane, lane)
    assert (read.revising, read.classes[row.id]) == ({row.id: 1}, [])
    moved = [await go_on(product.context, row, 1) for _ in range(3)]
    assert moved == [True, True, False]
    (done,) = await product.context.reader.run(revisions.of_campaign, row.id)
    assert (done.state, done.contacts) == ("done", many)
    read = await product.context.reader.run(turns.read_lane, lane)
    assert not read.revising
    assert {one["items"] for one in await product.rows(tables.contacts)} == {
        json.dumps([{**OUTAGE, "restores_at": LATER}], ensure_ascii=False)
    }


async def test_a_turn_that_was_under_way_is_undone(product: Acting) -> None:
    row, _ = await outage(product)
    frozen = await product.context.reader.run(outbound.read, TENANT)
    await revised(product, row)
    late = turns.Writes(Lane(TENANT, "s1", "main"), "campaign_lanes", 1, frozen, {row.id: row.version})
    with pytest.raises(Stale):
        await product.context.write(turns.write, (late, product.dial))


async def test_deadlines_that_were_asked_for_hold(product: Acting) -> None:
    given_ms = product.now_ms + HOUR_MS
    row, (told, *_) = await outage(product, deadlines_given=1, expires_at_ms=given_ms)
    told = await tried(product, told, Disposition.REACHED, state="reached")
    await revised(product, row)
    assert (await product.contact(told)).expires_at_ms == given_ms


async def test_a_deadline_that_is_past_is_not_missed_by_who_is_told_again(product: Acting) -> None:
    row, (told, untold, _) = await outage(product, notice_out_by_ms=product.now_ms - 1)
    told = await tried(product, told, Disposition.REACHED, state="reached", notice_missed=1)
    await revised(product, row)
    found = [await product.contact(one) for one in (told, untold)]
    assert [(one.notice_out_by_ms, one.notice_missed) for one in found] == [(None, 0), (product.now_ms - 1, 0)]


async def test_who_was_brought_by_a_file_that_was_withdrawn_is_left_alone(product: Acting) -> None:
    row, (told, *_) = await outage(product)
    told = await tried(product, told, Disposition.REACHED, state="reached")

    def gone(connection: Connection) -> None:
        connection.execute(tables.imports.update().values(state="withdrawn"))

    await product.write(gone)
    assert (await revised(product, row)).told_again == 0
    assert (await product.contact(told)).state == "reached"


def case_of(found: ContactRow, tries: list[AttemptRow], row: CampaignRow, product: Acting) -> Case:
    return Case(row, campaign_of(row, product.context.rules), found, tries)


async def test_a_late_fact_of_the_old_word_begins_again_unless_the_new_one_was_heard(product: Acting) -> None:
    row, (first, second, _) = await outage(product)
    for one in (first, second):
        await tried(product, one, Disposition.NO_ANSWER, state="waiting")
    await revised(product, row)
    for one, since, wanted in ((first, (), ("waiting", 2)), (second, ("reached",), ("reached", 1))):
        found = await product.contact(one)
        tries = [*await product.tried(one)]
        tries += [attempt_row(found, 2, disposition=word, **OVER) for word in since]
        case = case_of(found._replace(state="reached" if since else "waiting"), tries, row, product)
        case.apply(Ended(1, product.now_ms, Disposition.ANSWERED_INCOMPLETE, rang=True))
        case.schedule(Known(set(), {}), product.now_ms)
        after = case.contact_row(product.now_ms)
        assert (after.state, after.round) == wanted


async def test_a_piece_of_an_import_that_has_not_seen_the_change_is_read_anew(product: Acting) -> None:
    row, _ = await outage(product)
    counts = imports.Counts(0, 0, 0, 0)

    def nothing(_connection: Connection) -> None:
        """Nothing belongs to it."""

    batch = imported.Batch(imports.Key(row.id, 1, "imports", {}), (), (), (), (), (), counts, TENANT, nothing)
    await revised(product, row)
    with pytest.raises(ContactMoved):
        await product.context.writer.run(imported.apply, batch)
