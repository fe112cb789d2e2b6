"""The running product for one campaign after the other: the site of orders, with the campaigns' routes at the door."""

import asyncio
import contextlib
import json
import shutil
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Connection, delete, table, text

from cti.dial.metrics import DialMetrics
from cti.dial.store import WRITER
from cti.gateway.keys import make_key
from cti.telemetry import Telemetry
from tests.campaigns.stage import SCOPES
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.outbound.door import Door
from tests.simulation.outbound.site import KEPT, WEEK_MS, Site, new_folder

HISTORIES_MAX = 40  # then the product is opened anew: its log is not purged, and the calendar ends with the year


class CampaignSite(Site):
    """`call`: a request of a campaign's manager."""

    def __init__(self, it: Scene, manager: Door, second: Door) -> None:
        super().__init__(it)
        self._second = second
        self.meter = DialMetrics(Telemetry().registry)
        self._manager = manager

    async def begin_at(self, start_ms: int) -> None:
        """A new week, `start_ms` after its beginning, and an empty ledger."""
        await self.it.engine.stop()
        self.histories += 1
        self.base_ms += WEEK_MS
        self.it.clock.move_to(self.base_ms + start_ms)
        await self.database.writer(WRITER).run(_empty, None)
        await self.it.restart()

    async def call(
        self, method: str, path: str, body: object = None, media: str = "application/json", *, second: bool = False
    ) -> tuple[int, Any]:
        """`second`: with the second key."""
        data = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        headers = {} if data is None else {"Content-Type": media}
        status, text = await (self._second if second else self._manager).answer(method, path, data, headers)
        return status, json.loads(text or b"null")


def _empty(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    tables = [row[0] for row in connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))]
    for name in sorted(set(tables) - KEPT):
        if not name.startswith("alembic_version"):
            connection.execute(delete(table(name)))
    connection.execute(text("UPDATE dial_allowed SET allowed_at_ms = 0, allowed_by = 'site'"))
    return asked


@contextlib.asynccontextmanager
async def campaign_site() -> AsyncIterator[CampaignSite]:
    folder = await asyncio.to_thread(new_folder)
    try:
        async with contextlib.AsyncExitStack() as stack:
            it = await stack.enter_async_context(scene(f"sqlite:///{folder / 'ringback.db'}"))
            _, key = await make_key(it.store.ledger, TENANT, " ".join(SCOPES), "*", "manager", START_MS)
            _, second = await make_key(it.store.ledger, TENANT, "campaigns:approve", "*", "second", START_MS)
            site = CampaignSite(it, Door(it.app, f"Bearer {key}"), Door(it.app, f"Bearer {second}"))
            stack.callback(site.reading.close)
            yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)
