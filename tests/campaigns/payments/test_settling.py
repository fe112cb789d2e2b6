"""What a payment does: to contacts, to orders that were not sent, to letters; on both databases."""

import json
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.ledger import contacts, notice_batches, notices, tables
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.letters import content
from campaigns.settlements.feed import settled
from campaigns.settlements.settling import Kept, ReportedPayment, SettlementOutcome
from campaigns.written_notices.batches import new_batch
from campaigns.written_notices.owing import Owed, notice_of
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.rows import BILL, DEBT
from tests.campaigns.shipped import SHANGHAI, URUMQI, ms
from tests.scheduler import TENANT

WHO = "cashier (3)"
FEBRUARY = {**DEBT, "months": "2026-02", "arrears": "80.00", "total_due": "80.00", "penalty_from": "2026-03-01"}


def paid(
    product: Acting, account: str, *items: str, reference: str = "R1", at_ms: int | None = None
) -> ReportedPayment:
    return ReportedPayment(reference, account, items, (product.now_ms if at_ms is None else at_ms) // 1000 * 1000)


async def tell(product: Acting, *told: ReportedPayment) -> list[Kept]:
    return list((await settled(product.context, TENANT, told, WHO)).each)


async def arrears(product: Acting, *items: dict[str, str]) -> tuple[CampaignRow, list[ContactRow]]:
    """Contacts that owe January and February."""
    row, made = await product.campaign(kind="arrears")
    rows = [one._replace(items=json.dumps(list(items or (DEBT, FEBRUARY))), version=2) for one in made]

    def act(connection: Any) -> None:
        changed = tables.contacts.update().where(tables.contacts.c.campaign == row.id)
        connection.execute(changed.values(items=rows[0].items, version=2))

    await product.write(act)
    return row, rows


async def owed_letter(product: Acting, campaign: CampaignRow, row: ContactRow, *, exported: bool = False) -> str:
    """The contact's letter."""
    made = notice_of(Owed(campaign, row, []), product.now_ms)

    def act(connection: Any) -> None:
        contacts.replace(connection, [row._replace(state="fallback", next_at_ms=tables.FAR)])
        notices.put(connection, [made])
        if exported:
            notice_batches.take(connection, new_batch("b1", TENANT, campaign.id, product.now_ms, WHO))

    await product.write(act)
    return made.id


async def letter(product: Acting, id_: str) -> dict[str, Any]:
    return next(row for row in await product.rows(tables.notices) if row["id"] == id_)


async def test_who_has_paid_is_final_and_what_was_not_sent_is_withdrawn(product: Acting) -> None:
    row, (waits, unsent, sent) = await product.campaign()
    await product.dialled(sent, sent=True)
    await product.dialled(unsent)
    told = [paid(product, one.account, reference=f"R{one.no}") for one in (waits, unsent, sent)]
    kept = await tell(product, *told)
    assert [(one.how, one.row.paid) for one in kept] == [(SettlementOutcome.NEW, 1)] * 3
    for contact in (waits, unsent, sent):
        now = await product.contact(contact)
        assert (now.state, now.why, now.next_at_ms) == ("paid", "settled", tables.FAR)
    assert (await product.read(row)).state == "running"


async def test_an_order_is_withdrawn_or_was_sent(product: Acting) -> None:
    _, (first, second, _) = await product.campaign()
    await product.dialled(first, sent=True)
    await product.dialled(second)
    kept = await tell(product, paid(product, first.account), paid(product, second.account, reference="R2"))
    assert [one.row.withdrawn for one in kept] == [0, 1]
    assert [(await product.order(f"{one.id}.1")).state for one in (first, second)] == ["sent", "withdrawn"]
    assert await product.claimed() == []
    (going,), (gone,) = await product.tried(first), await product.tried(second)
    assert (going.step, going.decision) == ("open", "dialled")
    assert (gone.step, gone.decision, gone.why) == ("not_dialled", "withdrawn", "settled")
    lines = {one["number"] for one in await product.rows(tables.live_numbers)}
    assert lines == {going.number}, "the number of the withdrawn order is free"
    assert await product.calls(second) == {0}


async def test_a_part_leaves_the_rest_and_the_order_that_says_otherwise_does_not_leave(product: Acting) -> None:
    _, (unsent, other, _) = await arrears(product)
    await product.dialled(unsent)
    (kept,) = await tell(product, paid(product, unsent.account, "2026-01"))
    assert (kept.row.paid, kept.row.in_part, kept.row.withdrawn) == (0, 1, 1)
    now = await product.contact(unsent)
    assert (now.state, now.settled, now.next_at_ms) == ("waiting", '["2026-01"]', product.now_ms)
    assert (await product.contact(other)).settled is None
    (again,) = await tell(product, paid(product, unsent.account, "2026-02", reference="R2"))
    assert (again.row.paid, again.row.in_part) == (1, 0)
    assert (await product.contact(unsent)).state == "paid"


async def test_the_same_again_gets_the_same_and_another_of_its_reference_is_none(product: Acting) -> None:
    _, (contact, other, _) = await product.campaign()
    (first,) = await tell(product, paid(product, contact.account))
    again, twice, otherwise = await tell(
        product, paid(product, contact.account), paid(product, contact.account), paid(product, other.account)
    )
    assert (again.how, again.row) == (twice.how, twice.row) == (SettlementOutcome.REPEATED, first.row)
    assert (otherwise.how, otherwise.row) == (SettlementOutcome.OTHER, first.row)
    assert (await product.contact(other)).state == "waiting"
    new, same, different = await tell(
        product, paid(product, other.account, reference="R2"), paid(product, other.account, reference="R2"),
        paid(product, "A3", reference="R2"),
    )  # fmt: skip
    assert [new.how, same.how, different.how] == [
        SettlementOutcome.NEW,
        SettlementOutcome.REPEATED,
        SettlementOutcome.OTHER,
    ]


async def test_all_open_campaigns_in_which_something_is_paid(product: Acting) -> None:
    made = [
        (await product.campaign(id=f"c{n}", **changed))[1][0]
        for n, changed in enumerate(
            [{}, {"kind": "arrears"}, {"state": "paused"}, {"state": "draft"}, {"state": "done"}, {"kind": "outage"},
             {"tenant": "other"}]
        )
    ]  # fmt: skip
    (kept,) = await tell(product, paid(product, "A1"))
    assert kept.row.paid == 4
    states = [(await product.contact(one)).state for one in made]
    assert states == ["paid"] * 4 + ["waiting"] * 3


async def test_what_is_owed_for_later_is_owed(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    early = paid(product, contact.account, at_ms=product.now_ms - 30 * 86_400_000)
    (kept,) = await tell(product, early)
    assert (kept.row.paid, BILL["reading_date"]) == (0, "2026-03-01")
    assert (await product.contact(contact)).state == "waiting"


async def test_a_letter_that_nobody_has_is_recalled_and_of_another_it_is_noted(product: Acting) -> None:
    row, (first, second, third) = await product.campaign()
    exported = await owed_letter(product, row, second, exported=True)
    pending = await owed_letter(product, row, first)
    other = await owed_letter(product, row, third)
    kept = await tell(product, paid(product, first.account), paid(product, second.account, reference="R2"))
    assert [(one.row.recalled, json.loads(one.row.to_recall)) for one in kept] == [(1, []), (0, [exported])]
    assert (await letter(product, pending))["state"] == "recalled"
    noted = await letter(product, exported)
    assert (noted["state"], noted["to_recall_ms"]) == ("exported", product.now_ms)
    assert (await letter(product, other))["state"] == "pending"
    assert (await product.contact(first)).state == "fallback", "what was final stays so"


async def test_a_letter_tells_what_is_left(product: Acting) -> None:
    row, (contact, *_) = await arrears(product)
    pending = await owed_letter(product, row, contact)
    await tell(product, paid(product, contact.account, "2026-01"))
    now = await letter(product, pending)
    assert (now["state"], [item["months"] for item in json.loads(now["body"])["items"]]) == ("pending", ["2026-02"])
    await tell(product, paid(product, contact.account, "2026-02", reference="R2"))
    assert (await letter(product, pending))["state"] == "recalled"


async def test_a_letter_of_an_item_that_is_paid_in_part_is_not_printed(product: Acting) -> None:
    """Of two months one is paid: what is left of their sum nobody knows, and nobody is asked for what he has paid."""
    both = {**DEBT, "months": "2026-01,2026-02"}
    row, (first, second, _) = await arrears(product, both)
    pending = await owed_letter(product, row, first)
    await tell(
        product, paid(product, first.account, "2026-01"), paid(product, second.account, "2026-02", reference="R2")
    )
    later = notice_of(Owed(row, await product.contact(second), []), product.now_ms)
    for body, month in ((await letter(product, pending))["body"], "2026-01"), (later.body, "2026-02"):
        said = content.letter(later._replace(body=body), "zh", ZoneInfo(row.zone))
        assert content.set_aside(said, None) == [content.Aside("months", "in_part", (month,))]
    assert (await letter(product, pending))["state"] == "pending"
    await tell(product, paid(product, first.account, "2026-02", reference="R3"))
    assert (await letter(product, pending))["state"] == "recalled"


async def test_the_day_of_a_payment_is_that_of_the_letters_campaign(product: Acting) -> None:
    """Half past midnight in Shanghai is the day before in Urumqi: what was read on the next day is still owed."""
    for n, (zone, state) in enumerate({URUMQI: "pending", SHANGHAI: "recalled"}.items()):
        row, (contact, *_) = await product.campaign(id=f"c{n}", zone=zone)
        pending = await owed_letter(product, row, contact)
        await tell(product, paid(product, contact.account, reference=f"R{n}", at_ms=ms("2026-03-01 00:30")))
        assert (await letter(product, pending))["state"] == state


async def test_the_feed_lives_whenever_something_is_told(product: Acting) -> None:
    assert await tell(product) == []
    (mine,) = [one for one in await product.rows(tables.outbound) if one["tenant"] == TENANT]
    assert (mine["settlements_heard_ms"], mine["version"]) == (product.now_ms, 0)
