"""A gateway with dial orders in a real ledger, for the tests of what leaves and of what comes back."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from cti.dial.rows import DialOrderRow
from cti.dial.store import WRITER, SqlDialOrders
from cti.rows import SwitchRow
from cti.sql.writer import SqlWriter
from cti.web.limits import Limits
from tests.integration.gateway_site import TENANT, Site, site_at
from tests.ready import ready_sqlite

SWITCH = "pbx-1"
SOON = Limits(key_cache_s=0.01, dial_poll_s=0.01, dial_gap_s=0.001)
DECLARED: dict[str, Any] = {
    "commands": ["makeCall", "snapshotCall", "clearConnection", "deflectCall"],
    "facts": None,
    "if_other_ready": False,
    "outbound": 1,
    "trunk_groups": {"main": {"calls_per_second": 1000, "calls_at_once": 1000}},
}


class DialSite:
    """The gateway, and a dialler's hand in the same ledger."""

    def __init__(self, site: Site, orders: SqlDialOrders) -> None:
        self.site, self.orders = site, orders

    async def declare(self, switch: str = SWITCH, tenant: str = TENANT, **changed: Any) -> None:
        row = SwitchRow(tenant, switch, f"/switches/{switch}", json.dumps(DECLARED | changed))
        assert await self.site.ledger.put_switch(row)

    async def put(self, *names: str, **changed: Any) -> None:
        """What a dialler would put, and its signal."""
        rows = [self.order(name, **changed) for name in names]

        def put(connection: Connection, asked: Sequence[list[DialOrderRow]]) -> list[set[str]]:
            return [self.orders.put(connection, made) for made in asked]

        assert await self._writer.run(put, rows) == set(names)
        self.orders.made()

    @property
    def _writer(self) -> SqlWriter:
        database = self.site.store.database
        assert database is not None
        return database.writer(WRITER)

    async def withdraw(self, *names: str, tenant: str = TENANT) -> set[str]:
        def withdraw(connection: Connection, asked: Sequence[tuple[str, ...]]) -> list[set[str]]:
            return [self.orders.withdraw(connection, tenant, ids) for ids in asked]

        return await self._writer.run(withdraw, names)

    def order(self, name: str, **changed: Any) -> DialOrderRow:
        """A makeCall to SWITCH that is good for 10 s."""
        now_ms = int(self.site.clock.now_ms())
        command = changed.get("command", "makeCall")
        body = {"id": name, "command": command, "tenant": TENANT, "switch": SWITCH, "to": "+8613812345678"}
        row = DialOrderRow(
            id=name, tenant=TENANT, switch=SWITCH, source=f"/switches/{SWITCH}", lane="main", command=command,
            about=None, body=json.dumps(body), made_at_ms=now_ms, expires_at_ms=now_ms + 10_000,
        )  # fmt: skip
        return row._replace(**changed)

    async def state(self, name: str, tenant: str = TENANT) -> str:
        """open, sent, withdrawn or done."""
        found = await self.orders.order(tenant, name)
        assert found is not None
        return found.state

    async def living(self, switch: str = SWITCH, tenant: str = TENANT) -> bool:
        """Whether a switch has a live dial stream."""
        return (await self.orders.standing(tenant, switch, f"/switches/{switch}")).alive

    async def subscribed(self, epoch: int, switch: str = SWITCH, tenant: str = TENANT) -> None:
        """Until so many subscriptions of the switch were made."""
        while (await self.orders.standing(tenant, switch, f"/switches/{switch}")).epoch < epoch:
            pass


@asynccontextmanager
async def dialling_at(folder: Path, limits: Limits | None = None, **parts: Any) -> AsyncIterator[DialSite]:
    """A gateway whose SWITCH has declared that it dials. `parts` as of `site_at`."""
    async with site_at(ready_sqlite(folder / "ringback.db"), limits or SOON, **parts) as site:
        assert site.dial_orders is not None
        it = DialSite(site, site.dial_orders)
        await it.declare()
        yield it
