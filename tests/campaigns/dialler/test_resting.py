"""A campaign pauses by itself, and nobody is sent to a queue that does not answer."""

from sqlalchemy import Connection

from campaigns.dialler.actions import pause, resume
from campaigns.dialler.resting import pause_where_needed, queue_is_free
from campaigns.dialler.spikes import DROPPED_MAX, LOOKED_AT, QUEUE_RESTS_MS
from campaigns.ledger import attempts
from campaigns.ledger.rows import ContactRow
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.rows import attempt_row
from tests.scheduler import TENANT


async def ended(
    product: Acting, contact: ContactRow, disposition: str, calls: int = LOOKED_AT, first: int = 1, ago_ms: int = 0
) -> None:
    """So many calls of the contact ended so long ago."""
    now_ms = product.now_ms - ago_ms
    made = [
        attempt_row(contact, n, decided_at_ms=now_ms, ended_at_ms=now_ms, disposition=disposition, step="over")
        for n in range(first, first + calls)
    ]

    def act(connection: Connection) -> None:
        attempts.put(connection, made)

    await product.write(act)


async def test_a_spike_pauses_and_after_a_resume_fifty_calls_count_anew(product: Acting) -> None:
    row, (contact, *_) = await product.campaign(1, resumed_at_ms=1)
    await ended(product, contact, "congestion", LOOKED_AT - 1)
    assert await pause_where_needed(product.context, {row.id: row}, {}, {row.id}) == set()
    await ended(product, contact, "congestion", 1, LOOKED_AT)
    assert await pause_where_needed(product.context, {row.id: row}, {}, set()) == set()
    assert await pause_where_needed(product.context, {row.id: row}, {}, {row.id}) == {row.id}
    paused = await product.read(row)
    assert (paused.state, paused.paused_why) == ("paused", "failure_spike")
    assert (await product.told(row))[-1] == ("paused", "failure_spike", "dialler")
    await product.wait(60)
    resumed = await resume(product.context, TENANT, row.id, "desk (7)")
    assert await pause_where_needed(product.context, {row.id: resumed}, {}, {row.id}) == set()


async def test_a_switch_that_cannot_dial_pauses_without_a_count(product: Acting) -> None:
    row, _ = await product.campaign(1)
    refused = {row.id: "cannot_dial", "another lane's": "cannot_dial"}
    assert await pause_where_needed(product.context, {row.id: row}, refused, set()) == {row.id}
    assert (await product.read(row)).paused_why == "cannot_dial"


async def test_what_a_person_has_paused_meanwhile_stays_as_it_is(product: Acting) -> None:
    row, _ = await product.campaign(1)
    paused = await pause(product.context, TENANT, row.id, "desk (7)")
    for read in (row, paused):
        assert await pause_where_needed(product.context, {row.id: read}, {row.id: "cannot_dial"}, set()) == set()
    assert await product.read(row) == paused


async def test_a_queue_that_nobody_answers_rests(product: Acting) -> None:
    row, (contact, *_) = await product.campaign(1, queue="billing")
    assert await queue_is_free(product.context, row)
    await ended(product, contact, "noAgent", DROPPED_MAX)
    assert not await queue_is_free(product.context, row)
    assert await queue_is_free(product.context, row._replace(queue=None))
    assert await queue_is_free(product.context, row._replace(queue="other"))


async def test_a_queue_is_free_again_after_a_quarter_of_an_hour(product: Acting) -> None:
    row, (contact, *_) = await product.campaign(1, queue="billing")
    await ended(product, contact, "noAgent", DROPPED_MAX, ago_ms=QUEUE_RESTS_MS - 1)
    assert not await queue_is_free(product.context, row)
    await product.wait(0.001)
    assert await queue_is_free(product.context, row)
