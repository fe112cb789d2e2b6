"""What a key may read ends with the key: streams and long polls that are open then, too."""

import asyncio

import pytest

from cti.adapters.ledger.memory import MemoryLedger
from cti.errors import LedgerAway
from cti.gateway.keys import make_key
from cti.rows import KeyRow, SwitchRow
from cti.web.limits import Limits
from tests.integration.gateway_site import NOW_MS, SOURCE, TENANT, site_at
from tests.integration.test_gateway_commands import STREAM, streamed

SOON = Limits(key_cache_s=0.01)
HANGS_S = 10.0


@pytest.mark.parametrize("accept", ["text/event-stream", "application/json"])
async def test_a_key_that_is_revoked_gets_no_more_commands(store_url: str, accept: str) -> None:
    async with site_at(store_url, SOON) as site:
        key = await site.key()
        asking = asyncio.create_task(site.ask("GET", f"{STREAM}?wait_s=60", {**key, "Accept": accept}))
        await site.telemetry.streams_are(1)
        assert await site.ledger.revoke_key(key["Authorization"].split("_")[1], NOW_MS)
        async with asyncio.timeout(HANGS_S):
            assert (await asking).status == 200
        assert (await site.ask("GET", STREAM, key)).status == 401


async def test_a_key_that_expires_ends_its_stream(store_url: str) -> None:
    async with site_at(store_url, SOON) as site:
        _, text = await make_key(site.ledger, TENANT, "commands:read", "*", "test", NOW_MS, NOW_MS + 1000)
        await site.key()
        async with asyncio.timeout(HANGS_S), streamed(site, {"Authorization": f"Bearer {text}"}) as stream:
            await stream.frame()
            site.clock.move_to(NOW_MS + 1000)
            assert await stream.ended()


async def test_a_stream_ends_when_its_switch_declares_another_source(store_url: str) -> None:
    async with site_at(store_url, SOON) as site:
        key = await site.key(switches="pbx-1")
        async with asyncio.timeout(HANGS_S), streamed(site, key) as stream:
            await stream.frame()
            assert await site.ledger.put_switch(SwitchRow(TENANT, "pbx-1", "/elsewhere", '{"commands":[]}'))
            assert await stream.ended()


async def test_a_ledger_that_is_away_ends_no_stream() -> None:
    ledger = AwayForKeys()
    limits = Limits(key_cache_s=0.01, stream_keep_alive_s=0.05)
    async with site_at("memory:", limits, reads=ledger, registry=ledger) as site:
        _, text = await make_key(ledger, TENANT, "commands:read", "*", "test", NOW_MS)
        await ledger.put_switch(SwitchRow(TENANT, "pbx-1", SOURCE, '{"commands":[]}'))
        async with asyncio.timeout(HANGS_S), streamed(site, {"Authorization": f"Bearer {text}"}) as stream:
            await stream.frame()
            ledger.away = True
            while ledger.asked < 3:
                assert await stream.frame() == ": keep-alive\n\n"


class AwayForKeys(MemoryLedger):
    """A ledger that can be made not to answer for keys."""

    def __init__(self) -> None:
        super().__init__()
        self.away, self.asked = False, 0

    async def key(self, key_id: str) -> KeyRow | None:
        if self.away:
            self.asked += 1
            raise LedgerAway
        return await super().key(key_id)
