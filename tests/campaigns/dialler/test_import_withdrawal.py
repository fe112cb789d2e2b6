"""An import that is withdrawn: what is cancelled, what ends by itself, when it is acknowledged; on both databases."""

import pytest
from sqlalchemy import Connection, insert

from campaigns.core.after import Ended
from campaigns.core.reasons import CampaignState, Disposition
from campaigns.dialler.actions import CLOSED_AT_ONCE, stop
from campaigns.dialler.case import Case, Known
from campaigns.dialler.import_withdrawal import go_on, withdraw_import
from campaigns.errors import NotFound, Stale, WrongState
from campaigns.ledger import contacts, imports, notices, outbound, tables
from campaigns.ledger import import_withdrawing as rows
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.import_withdrawing import ImportRef
from campaigns.ledger.lanes import Lane
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.turns import Writes
from campaigns.ledger.turns import write as write_turn
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.dialler.acting import VALID_MS, Acting, import_row, put_imports
from tests.campaigns.dialler.rows import START_MS, attempt_row, campaign_row, contact_row
from tests.campaigns.shipped import rules
from tests.scheduler import TENANT

WHO = "desk (7)"


async def second(
    product: Acting, row: CampaignRow, brought: int, first_no: int, state: str = "done"
) -> list[ContactRow]:
    """Contacts of import 2."""
    made = [contact_row(row, no, next_at_ms=product.now_ms) for no in range(first_no, first_no + brought)]
    made = [one._replace(hours_class=one.hours_class.replace("1|", "2|", 1)) for one in made]

    def write(connection: Connection) -> None:
        put_imports(connection, [import_row(row, 2, brought, state)])
        contacts.put(connection, made)

    await product.write(write)
    return made


async def state_of(product: Acting, row: CampaignRow, no: int = 2) -> str:
    found = await product.context.reader.run(imports.read, row.id, no)
    assert found is not None
    return found.state


async def withdrawn(product: Acting, row: CampaignRow, no: int = 2) -> str:
    return (await withdraw_import(product.context, TENANT, row.id, no, WHO)).state


@pytest.mark.parametrize("state", ["running", "paused", "draft"])
async def test_what_was_not_sent_is_cancelled_and_other_imports_are_left(product: Acting, state: str) -> None:
    row, right = await product.campaign(state=state)
    unsent, idle = await second(product, row, 2, 4)
    kept, others = await product.dialled(unsent), await product.dialled(right[0])
    assert await withdrawn(product, row) == "withdrawn"
    for closed in (unsent, idle):
        found = await product.contact(closed)
        assert (found.state, found.why, found.next_at_ms) == ("cancelled", "import_withdrawn", tables.FAR)
    (attempt,) = await product.tried(unsent)
    assert (attempt.decision, attempt.why, attempt.step) == ("withdrawn", "import_withdrawn", "not_dialled")
    assert (await product.order(kept.command)).state == "withdrawn"
    assert await product.calls(unsent) == {0}
    assert (await product.order(others.command)).state == "open"
    assert [(await product.contact(one)).state for one in right] == ["in_progress", "waiting", "waiting"]
    assert (await product.told(row))[-1] == ("import_gone", None, WHO)


async def test_a_contact_whose_order_the_switch_has_ends_with_it(product: Acting) -> None:
    row, _ = await product.campaign()
    sent, idle = await second(product, row, 2, 4)
    out = await product.dialled(sent, sent=True)
    assert await withdrawn(product, row) == "withdrawing"
    assert (await product.contact(idle)).state == "cancelled"
    marked = await product.contact(sent)
    assert (marked.state, marked.why, marked.next_at_ms, marked.deadline_at_ms) == (
        "in_progress", "import_withdrawn", tables.FAR, tables.FAR)  # fmt: skip
    assert not await go_on(product.context, row, 2)
    await product.result(str(out.command), "done")
    assert not await go_on(product.context, row, 2), "its call is under way"
    assert await state_of(product, row) == "withdrawing"

    def over(connection: Connection) -> None:
        contacts.replace(connection, [marked._replace(state="reached")])

    await product.write(over)
    assert await go_on(product.context, row, 2)
    assert await state_of(product, row) == "withdrawn"


async def test_it_is_not_acknowledged_while_a_claimed_order_may_still_ring(product: Acting) -> None:
    row, _ = await product.campaign()
    (sent,) = await second(product, row, 1, 4)
    await product.dialled(sent, sent=True)
    await withdrawn(product, row)
    marked = await product.contact(sent)
    await product.write(lambda connection: contacts.replace(connection, [marked._replace(state="reached")]))
    assert not await go_on(product.context, row, 2)
    await product.wait(VALID_MS / 1000 + 6)
    assert await go_on(product.context, row, 2)


async def test_contacts_to_which_it_added_are_cancelled_too(product: Acting) -> None:
    row, (added, left, _) = await product.campaign()
    await second(product, row, 1, 4)
    given = {"campaign": row.id, "no": 2, "contact": added.id}
    await product.write(lambda connection: connection.execute(insert(tables.import_additions).values(given)))
    await withdrawn(product, row)
    assert [(await product.contact(one)).state for one in (added, left)] == ["cancelled", "waiting"]
    counts = await product.context.reader.run(rows.counts, ImportRef(TENANT, row.id, 2))
    assert (counts.cancelled, counts.left, counts.informed) == (2, 0, 0)


async def test_a_second_time_nothing_is_done(product: Acting) -> None:
    row, _ = await product.campaign()
    await second(product, row, 1, 4)
    assert await withdrawn(product, row) == "withdrawn"
    before = [await product.rows(table) for table in (tables.contacts, tables.history, tables.campaigns)]
    assert await withdrawn(product, row) == "withdrawn"
    assert [await product.rows(table) for table in (tables.contacts, tables.history, tables.campaigns)] == before
    await stop(product.context, TENANT, row.id, "finish", WHO)
    assert await withdrawn(product, row) == "withdrawn", "whatever the campaign has become"


@pytest.mark.parametrize("state", [one.value for one in CampaignState])
async def test_which_states_of_a_campaign_allow_it(product: Acting, state: str) -> None:
    row, _ = await product.campaign(state=state)
    allowed = ("approved", "draft", "draining", "paused", "running", "scheduled")
    if state in allowed:
        assert await withdrawn(product, row, 1) == "withdrawn"
        return
    with pytest.raises(WrongState) as refused:
        await withdrawn(product, row, 1)
    assert (refused.value.state, refused.value.action) == (state, "withdraw")
    assert refused.value.allowed == allowed


@pytest.mark.parametrize(("state", "shown"), [("receiving", "running"), ("running", "running"), ("failed", "failed")])
async def test_which_states_of_an_import_allow_it(product: Acting, state: str, shown: str) -> None:
    row, _ = await product.campaign()
    await second(product, row, 0, 4, state)
    with pytest.raises(WrongState) as refused:
        await withdrawn(product, row)
    assert (refused.value.state, refused.value.allowed) == (shown, ("done",))
    for tenant, no in ((TENANT, 3), ("other", 1)):
        with pytest.raises(NotFound):
            await withdraw_import(product.context, tenant, row.id, no, WHO)


async def test_letters_are_recalled_or_marked(product: Acting) -> None:
    row, (other, *_) = await product.campaign(state="paused")
    first, then = await second(product, row, 2, 4)
    made = [notice_of(Owed(row, one, []), product.now_ms) for one in (other, first, then)]
    made[2] = made[2]._replace(state="exported")
    await product.write(lambda connection: notices.put(connection, made))
    await withdrawn(product, row)
    states = {one["contact"]: (one["state"], one["to_recall_ms"]) for one in await product.rows(tables.notices)}
    assert states == {
        other.id: ("pending", None), first.id: ("recalled", None), then.id: ("exported", product.now_ms),
    }  # fmt: skip


async def test_many_contacts_are_cancelled_in_pieces(product: Acting) -> None:
    row, _ = await product.campaign()
    many = 2 * CLOSED_AT_ONCE + 10
    await second(product, row, many, 4)
    of = ImportRef(TENANT, row.id, 2)
    assert await withdrawn(product, row) == "withdrawing"
    left = []
    for _ in range(4):
        left.append((await product.context.reader.run(rows.counts, of)).left)
        await go_on(product.context, row, 2)
    assert left == [many - CLOSED_AT_ONCE, many - 2 * CLOSED_AT_ONCE, 0, 0]
    assert await state_of(product, row) == "withdrawn"


async def test_a_turn_that_was_under_way_is_undone(product: Acting) -> None:
    row, _ = await product.campaign()
    frozen = await product.context.reader.run(outbound.read, TENANT)
    await withdrawn(product, row, 1)
    late = Writes(Lane(TENANT, "s1", "main"), "campaign_lanes", 1, frozen, {row.id: row.version})
    with pytest.raises(Stale):
        await product.context.write(write_turn, (late, product.dial))


# -- what follows a call that was under way ----------------------------------------------------------------------------


def ended(why: str | None, disposition: Disposition) -> Case:
    of = campaign_row()
    row = contact_row(of, 1, state="in_progress", why=why)
    case = Case(of, campaign_of(of, rules()), row, [attempt_row(row, 1, decided_at_ms=START_MS)])
    case.apply(Ended(1, START_MS + 30_000, disposition, rang=True))
    case.schedule(Known(set(), {}), START_MS + 30_000)
    return case


def test_nobody_is_called_again_after_his_call() -> None:
    assert ended(None, Disposition.NO_ANSWER).contact_row(START_MS + 30_000).state == "waiting"
    after = ended("import_withdrawn", Disposition.NO_ANSWER).contact_row(START_MS + 30_000)
    assert (after.state, after.next_at_ms, after.deadline_at_ms) == ("cancelled", tables.FAR, tables.FAR)
    assert ended("import_withdrawn", Disposition.REACHED).contact_row(START_MS + 30_000).state == "reached"


def test_nobody_is_owed_a_letter_after_his_call() -> None:
    assert ended(None, Disposition.OPTED_OUT).owes
    assert not ended("import_withdrawn", Disposition.OPTED_OUT).owes
