"""Where each audit log ends is logged once a day, and a minute after the ledger was away."""

from typing import Any

import structlog

from campaigns.anchors import AGAIN_MS, Anchors
from campaigns.context import Context
from campaigns.ledger import audit
from campaigns.ledger.rows import AuditHeadRow
from campaigns.settings import DAY_MS
from tests.campaigns.api.site import Site, site


async def lines(it: Site, task: Anchors) -> list[Any]:
    """What a step logs."""
    with structlog.testing.capture_logs() as found:
        assert await task.step() is False
    return [(line["action"], line.get("tenant"), line.get("no"), line.get("hash")) for line in found]


async def test_the_heads_of_all_tenants_are_logged_once_a_day(url: str) -> None:
    async with site(url, tasks=False) as it:
        await it.campaign()
        await it.ask("POST", "/v1/outbound/freeze", {"reason": "x"}, key="stranger")
        heads: list[AuditHeadRow] = await it.context.reader.run(audit.heads)
        wanted = [("audit_head", head.tenant, 1, head.hash) for head in heads]
        assert {tenant for _, tenant, _, _ in wanted} == {"other", "test"}
        task = Anchors(it.context)
        assert await lines(it, task) == wanted
        assert await lines(it, task) == []
        assert task.next_ms() == it.context.clock.now_ms() + DAY_MS


async def test_a_ledger_that_is_away_is_asked_again_soon(url: str) -> None:
    async with site(url, tasks=False) as it:
        task = Anchors(it.context)
        stopped: Context = it.context
        await stopped.reader.stop()
        assert [line[0] for line in await lines(it, task)] == ["audit_heads_wait"]
        assert task.next_ms() == stopped.clock.now_ms() + AGAIN_MS
