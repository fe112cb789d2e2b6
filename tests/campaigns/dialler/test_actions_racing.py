"""Actions beside claims: of every order one of the two is first, and after the action nothing is received."""

import asyncio
from random import Random
from typing import Any

import pytest

from campaigns.dialler.actions import freeze, freeze_acknowledged, pause, stop, stop_acknowledged
from campaigns.ledger import tables
from campaigns.ledger.rows import ContactRow
from tests.campaigns.dialler.acting import ABILITY, VALID_MS, Acting
from tests.scheduler import TENANT

ORDERS = 60
WHO = "desk (7)"


async def fetching(product: Acting, received: list[str], seed: int) -> None:
    """A switch that takes some orders at a time, until there are none."""
    random = Random(seed)
    for _ in range(ORDERS):
        claim = await product.dial.claim(TENANT, "s1", product.epoch, ABILITY, random.randrange(1, 6))
        received += [one.id for one in claim.orders]


async def withdrawn(product: Acting, rows: list[ContactRow]) -> set[str]:
    gone = set()
    for row in rows:
        (attempt,) = await product.tried(row)
        state, contact = (await product.order(attempt.command)).state, await product.contact(row)
        assert (attempt.step, attempt.decision) == {
            "withdrawn": ("not_dialled", "withdrawn"), "sent": ("open", "dialled"),
        }[state]  # fmt: skip
        assert await product.calls(row) == {0 if state == "withdrawn" else 1}
        if state == "withdrawn":
            gone.add(str(attempt.command))
            assert contact.state in {"waiting", "cancelled"}
    return gone


@pytest.mark.parametrize("action", ["pause", "stop", "freeze"])
async def test_every_order_is_received_or_withdrawn_and_nothing_comes_after(product: Acting, action: str) -> None:
    row, rows = await product.campaign(ORDERS)
    for contact in rows:
        await product.dialled(contact)
    received: list[str] = []
    acts: dict[str, Any] = {
        "pause": lambda: pause(product.context, TENANT, row.id, WHO),
        "stop": lambda: stop(product.context, TENANT, row.id, "finish", WHO),
        "freeze": lambda: freeze(product.context, TENANT, "x", WHO),
    }
    claims = asyncio.create_task(fetching(product, received, 7))
    for _ in range(3):
        await product.dial.order(TENANT, "none")  # let some claims go first
    made = await acts[action]()
    at_the_action = len(received)
    await claims
    assert len(received) - at_the_action <= 5, "only a claim that was answered beside the action"
    gone = await withdrawn(product, rows)
    assert gone.isdisjoint(received)
    assert gone | set(received) == {f"{contact.id}.1" for contact in rows}
    assert len(await product.rows(tables.live_numbers)) == len(received)
    assert await product.claimed() == []
    if action == "pause":
        return
    acknowledged = stop_acknowledged(product.context, made) if action == "stop" else None
    assert await (acknowledged or freeze_acknowledged(product.context, TENANT)) is (received == [])
    await product.wait(VALID_MS / 1000 + 5)
    acknowledged = stop_acknowledged(product.context, made) if action == "stop" else None
    assert await (acknowledged or freeze_acknowledged(product.context, TENANT))
    assert await product.claimed() == []
