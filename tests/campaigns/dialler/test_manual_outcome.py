"""A person's word on a contact that a person works on, or that is held as unknown."""

import pytest
from sqlalchemy import Connection

from campaigns.core.reasons import Disposition
from campaigns.dialler.manual_outcome import say_outcome
from campaigns.dialler.starting import StartRequest, start
from campaigns.errors import NotFound, WrongState
from campaigns.ledger import attempts, contacts, tables
from campaigns.ledger.rows import AttemptRow, ContactRow
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.rows import attempt_row
from tests.campaigns.shipped import ms
from tests.scheduler import TENANT

D = Disposition


async def held(product: Acting, contact: ContactRow) -> AttemptRow:
    """The contact's order was sent, and nobody knows what became of it."""
    attempt = await product.dialled(contact, sent=True)
    unknown = attempt._replace(step="held", disposition="unknown", ended_at_ms=product.now_ms)

    def act(connection: Connection) -> None:
        (row,) = contacts.read(connection, [contact.id])
        contacts.replace(connection, [row._replace(state="unknown")])
        attempts.replace(connection, [unknown])

    await product.write(act)
    return unknown


async def of_a_person(product: Acting, contact: ContactRow, failed: int = 3, important: int = 0) -> None:
    """So many calls failed that a person decides."""
    made = [
        attempt_row(contact, n, step="over", disposition="failedOther", ended_at_ms=product.now_ms, command=None)
        for n in range(1, failed + 1)
    ]

    def act(connection: Connection) -> None:
        contacts.replace(connection, [contact._replace(state="person", important=important)])
        attempts.put(connection, made)

    await product.write(act)


async def test_what_a_person_knows_of_a_held_call_decides_about_it(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    attempt = await held(product, contact)
    said = await say_outcome(product.context, TENANT, contact.id, D.REACHED, "she called us", None)
    assert said.contact == await product.contact(contact)
    assert said.contact.state == "reached"
    (kept,) = said.attempts
    assert (kept.step, kept.disposition, kept.counted, kept.confirmed, kept.note) == (
        "over", "reached", 1, 1, "she called us",
    )  # fmt: skip
    assert (kept.command, kept.channel) == (attempt.command, "auto")
    assert await product.rows(tables.live_numbers) == []


async def test_a_held_call_that_reached_nobody_lets_calling_go_on(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    await held(product, contact)
    said = await say_outcome(product.context, TENANT, contact.id, D.BUSY, None, None)
    assert (said.contact.state, said.contact.next_at_ms) == ("waiting", product.now_ms + 30 * 60_000)
    assert (said.attempts[0].disposition, said.attempts[0].counted) == ("busy", 1)


async def test_the_word_on_a_person_is_an_attempt_of_that_person(product: Acting) -> None:
    row, (contact, *_) = await product.campaign()
    await of_a_person(product, contact)
    said = await say_outcome(product.context, TENANT, contact.id, D.PROMISED_TO_PAY, "on Friday", "2026-03-06")
    assert (said.contact.state, said.contact.promise_date) == ("waiting", "2026-03-06"), "it may be broken"
    assert said.contact.next_at_ms == said.contact.deadline_at_ms == ms("2026-03-07 00:00")
    last = said.attempts[-1]
    assert (last.n, last.channel, last.command, last.step, last.disposition) == (
        4, "person", None, "over", "promisedToPay",
    )  # fmt: skip
    assert (last.counted, last.note, last.decided_at_ms, last.profile) == (0, "on Friday", product.now_ms, row.profile)
    assert await product.calls(contact) == {0}


async def test_a_person_may_let_calling_go_on(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    await of_a_person(product, contact)
    said = await say_outcome(product.context, TENANT, contact.id, D.NO_ANSWER, None, None)
    assert (said.contact.state, said.contact.decided_upto) == ("waiting", 4)
    assert said.contact.next_at_ms == product.now_ms + 60 * 60_000


async def test_who_wants_no_more_calls_is_told_in_writing(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    await of_a_person(product, contact)
    said = await say_outcome(product.context, TENANT, contact.id, D.OPTED_OUT, None, None)
    assert said.contact.state == "suppressed"
    (notice,) = await product.rows(tables.notices)
    assert (notice["contact"], notice["state"], notice["account"]) == (contact.id, "pending", contact.account)


async def test_an_important_customer_who_knows_is_called_no_more(product: Acting) -> None:
    _, (contact, *_) = await product.campaign(kind="outage")
    await of_a_person(product, contact, important=1)
    kept = await product.dialled((await product.contact(contact)), 4)

    def working(connection: Connection) -> None:
        (row,) = contacts.read(connection, [contact.id])
        contacts.replace(connection, [row._replace(state="person")])

    await product.write(working)
    said = await say_outcome(product.context, TENANT, contact.id, D.REACHED, None, None)
    assert said.contact.state == "reached"
    assert (await product.order(kept.command)).state == "withdrawn"
    withdrawn = next(row for row in said.attempts if row.n == 4)
    assert (withdrawn.step, withdrawn.decision, withdrawn.why) == ("not_dialled", "withdrawn", "settled")
    assert await product.claimed() == []
    assert await product.calls(contact) == {0}


@pytest.mark.parametrize("state", ["waiting", "in_progress", "reached", "fallback"])
async def test_of_other_contacts_nobody_is_asked(product: Acting, state: str) -> None:
    _, (contact, *_) = await product.campaign()
    await product.write(lambda connection: contacts.replace(connection, [contact._replace(state=state)]))
    with pytest.raises(WrongState) as refused:
        await say_outcome(product.context, TENANT, contact.id, D.REACHED, None, None)
    assert (refused.value.state, refused.value.allowed) == (state, ("person", "unknown"))


async def test_another_tenant_s_contact_is_not_there(product: Acting) -> None:
    _, (contact, *_) = await product.campaign()
    for tenant, name in (("other", contact.id), (TENANT, "c0-99"), (TENANT, "c9-1"), (TENANT, "nonsense")):
        with pytest.raises(NotFound):
            await say_outcome(product.context, tenant, name, D.REACHED, None, None)
    with pytest.raises(NotFound):
        await start(product.context, TENANT, "c9", StartRequest(3), "desk")
