"""Which calls are looked at for a spike and for a full queue, and in which order."""

from sqlalchemy import Connection

from campaigns.ledger import attempts
from campaigns.ledger.ended_calls import last_calls, last_to_queue
from campaigns.ledger.rows import AttemptRow, ContactRow
from tests.campaigns.dialler.acting import Acting
from tests.campaigns.dialler.rows import attempt_row
from tests.scheduler import TENANT


def tried(
    contact: ContactRow, n: int, at_ms: int, disposition: str | None = "busy", channel: str = "auto"
) -> AttemptRow:
    row = attempt_row(contact, n, decided_at_ms=at_ms, ended_at_ms=at_ms + 10, step="over")
    return row._replace(disposition=disposition, channel=channel)


async def test_calls_that_came_to_something_since_then_the_last_first(product: Acting) -> None:
    row, (contact, other, _) = await product.campaign()
    made = [
        tried(contact, 1, 1_000),
        tried(contact, 2, 2_000),
        tried(contact, 3, 3_000, None),
        tried(contact, 4, 4_000, channel="sms"),
        tried(contact, 5, 5_000, channel="person"),
        tried(other, 1, 6_000, "congestion"),
    ]

    def act(connection: Connection) -> None:
        attempts.put(connection, made)

    await product.write(act)
    found = await product.context.reader.run(last_calls, row.id, 1_000, 50)
    assert found == [made[5], made[1], made[0]]
    assert await product.context.reader.run(last_calls, row.id, 1_001, 50) == [made[5], made[1]]
    assert await product.context.reader.run(last_calls, row.id, 0, 1) == [made[5]]


async def test_calls_to_a_queue_are_those_of_all_campaigns_under_way_that_lead_there(product: Acting) -> None:
    queues = {
        "c1": ("billing", "running"),
        "c2": ("billing", "paused"),
        "c3": ("other", "running"),
        "c4": ("billing", "done"),
    }
    made = []
    for at, (id_, (queue, state)) in enumerate(queues.items(), 1):
        _, (contact, *_) = await product.campaign(id=id_, queue=queue, state=state)
        made.append(tried(contact, 1, at * 1_000, "noAgent"))

    def act(connection: Connection) -> None:
        attempts.put(connection, made)

    await product.write(act)
    found = await product.context.reader.run(last_to_queue, TENANT, "s1", "billing", 0, 50)
    assert found == [made[1], made[0]]
    assert await product.context.reader.run(last_to_queue, TENANT, "s2", "billing", 0, 50) == []
