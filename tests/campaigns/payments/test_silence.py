"""A feed that is silent: no campaign of arrears starts, and the gauge says so."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.dialler.starting import StartRequest, start
from campaigns.errors import SettlementsSilent
from campaigns.figures import feeds_of
from campaigns.ledger.figures import look
from campaigns.settings import Settings
from campaigns.settlements.feed import settled
from campaigns.settlements.silence import is_silent
from tests.campaigns.api.site import site
from tests.campaigns.dialler.acting import DECLARED, Acting
from tests.scheduler import TENANT

HOUR_MS = 3_600_000
WHO = "desk (7)"


@pytest.mark.parametrize(
    ("feed", "heard_h", "silent"),
    [
        ("auto", None, False), ("auto", 24, False), ("auto", 24.001, True), ("on", None, True), ("on", 24, False),
        ("on", 24.001, True), ("off", 99, False), ("off", None, False),
    ],
)  # fmt: skip
def test_by_the_setting(feed: Any, heard_h: float | None, silent: bool) -> None:
    now_ms = 1_000 * HOUR_MS
    heard_ms = None if heard_h is None else now_ms - round(heard_h * HOUR_MS)
    assert is_silent(Settings(settlement_feed=feed), heard_ms, now_ms) is silent


def with_feed(product: Acting, feed: Any) -> None:
    product.context = replace(product.context, settings=Settings(settlement_feed=feed, approval="off"))


async def gauge(product: Acting) -> int:
    def read(connection: Connection) -> int:
        feeds = feeds_of(product.context.settings, product.now_ms)
        return look(connection, product.now_ms, lambda *_: True, feeds, 0).feeds_silent

    return int(await product.context.reader.run(read))


async def test_arrears_do_not_start_on_a_feed_that_has_become_silent(product: Acting) -> None:
    first, _ = await product.campaign(id="c1", kind="arrears", state="draft")
    assert (await start(product.context, TENANT, first.id, StartRequest(3, overlap=True), WHO)).state == "running", (
        "nothing was ever told"
    )
    await settled(product.context, TENANT, [], WHO)
    row, _ = await product.campaign(id="c2", kind="arrears", state="draft")
    bill, _ = await product.campaign(id="c3", state="draft")
    assert await gauge(product) == 0
    product.it.running = False
    await product.wait(24 * 3_600 + 1)
    assert await gauge(product) == 1
    with pytest.raises(SettlementsSilent):
        await start(product.context, TENANT, row.id, StartRequest(3, overlap=True), WHO)
    assert (await start(product.context, TENANT, bill.id, StartRequest(3, overlap=True), WHO)).state == "running"
    await settled(product.context, TENANT, [], WHO)
    assert await gauge(product) == 0
    assert (await start(product.context, TENANT, row.id, StartRequest(3, overlap=True), WHO)).state == "running"


async def test_where_it_is_always_needed_and_where_it_never_is(product: Acting) -> None:
    row, _ = await product.campaign(id="c1", kind="arrears", state="draft")
    await product.campaign(id="c2", kind="arrears", state="draft")
    with_feed(product, "on")
    assert await gauge(product) == 1, "one tenant"
    with pytest.raises(SettlementsSilent):
        await start(product.context, TENANT, row.id, StartRequest(3, overlap=True), WHO)
    with_feed(product, "off")
    assert await gauge(product) == 0
    assert (await start(product.context, TENANT, row.id, StartRequest(3, overlap=True), WHO)).state == "running"


async def test_the_door_says_so(url: str) -> None:
    async with site(url, tasks=False) as it:
        row = {"reference": "R1", "account": "A1", "settled_at": "2026-03-01T00:00:00Z"}
        assert (await it.ask("POST", "/v1/settlements", row)).status == 200
        campaign = (await it.campaign())["id"]
        status, answer = await it.it.call("PUT", "/v1/switches/s1", DECLARED)
        assert status == 200, answer
        it.it.running = False
        await it.it.to(24 * 3_600 + 1)
        refused = await it.ask("POST", f"/v1/campaigns/{campaign}/start", {"contacts": 0})
        assert (refused.status, refused.code) == (409, "settlements_silent"), refused.body
