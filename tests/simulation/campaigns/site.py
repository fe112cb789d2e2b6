"""The running product for one campaign after the other: the site of orders, with the campaigns' routes at the door."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from sqlalchemy import Connection, delete, table, text

from cti.dial.metrics import DialMetrics
from cti.dial.store import WRITER
from cti.gateway.keys import make_key
from cti.sql.point import rows_of
from cti.telemetry import Telemetry
from tests.campaigns.stage import SCOPES
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.outbound.door import Door
from tests.simulation.outbound.site import KEPT, WEEK_MS, Site, new_folder

if TYPE_CHECKING:
    from tests.simulation.campaigns.gateway import HistoryGateway

APPROVED_FROM = 2  # a campaign with more contacts needs a second key's approval
GATEWAY_SECRET = base64.b64encode(b"a secret of a message gateway").decode()
GATEWAY_FILE = f"""[{TENANT}]
url = "https://sms.example.com/messages"
secrets = ["whsec_{GATEWAY_SECRET}"]
"""
HISTORIES_MAX = 40  # then the product is opened anew: its log is not purged, and the calendar ends with the year


class CampaignSite(Site):
    """`call`: a request of a campaign's manager."""

    def __init__(self, it: Scene, manager: Door, second: Door, nobody: Door) -> None:
        super().__init__(it)
        self._second, self._nobody = second, nobody
        self.gateway: HistoryGateway | None = None  # the tenant's, of this history; None: messages go by the switch
        self.etag = ""  # of the last answer
        self.changes = 0  # requests that may have changed something
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
        self, method: str, path: str, body: object = None, media: str = "application/json", *, second: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any]:  # fmt: skip
        """`second`: with the second key."""
        data = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        named = {**({} if data is None else {"Content-Type": media}), **(headers or {})}
        door = self._second if second else self._manager
        self.changes += method != "GET"
        status, text = await door.answer(method, path, data, named)
        self.etag = door.told.get("ETag", "")
        return status, json.loads(text or b"null")

    async def receipt(self, body: bytes, signed: Mapping[str, str]) -> tuple[int, Any]:
        """What the gateway says of a message; it has no key."""
        headers = {"Content-Type": "application/json", **signed}
        status, text = await self._nobody.answer("POST", "/v1/message-receipts", body, headers)
        return status, json.loads(text or b"null")


def _empty(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    tables = [row[0] for row in rows_of(connection, "SELECT name FROM sqlite_master WHERE type = 'table'")]
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
            stack.enter_context(patch.dict(os.environ, await asyncio.to_thread(_settings, folder)))
            it = await stack.enter_async_context(scene(f"sqlite:///{folder / 'ringback.db'}"))
            scopes = " ".join((*SCOPES, "campaigns:approve"))
            _, key = await make_key(it.store.ledger, TENANT, scopes, "*", "manager", START_MS)
            _, second = await make_key(it.store.ledger, TENANT, "campaigns:approve", "*", "second", START_MS)
            doors = (Door(it.app, f"Bearer {one}") for one in (key, second))
            site = CampaignSite(it, *doors, Door(it.app, None))
            stack.callback(site.reading.close)
            yield site
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settings(folder: Path) -> dict[str, str]:
    """Of the product: who needs an approval, and the file of the tenant's message gateway."""
    file = folder / "gateways.toml"
    file.write_text(GATEWAY_FILE, "utf-8")
    return {
        "RINGBACK_APPROVAL": "on",
        "RINGBACK_APPROVAL_CONTACTS": str(APPROVED_FROM),
        "RINGBACK_MESSAGE_GATEWAYS": str(file),
    }
