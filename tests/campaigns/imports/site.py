"""A store with campaigns in it, and an importer that is stepped."""

import contextlib
import csv
import io
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select
from sqlalchemy import update as changed

from campaigns.context import Context, open_context
from campaigns.imports import receiving
from campaigns.imports.importer import Importer
from campaigns.imports.receiving import Sent
from campaigns.imports.rejected import rejected_csv
from campaigns.imports.taking import Form
from campaigns.kinds import known_kinds
from campaigns.ledger.rows import CampaignRow, ContactRow, ImportRow
from campaigns.ledger.tables import campaigns, contacts, hours_classes, import_chunks, import_rejected, import_rows
from campaigns.ledger.tables import imports as table
from campaigns.settings import Settings
from campaigns.wiring import PART
from cti.adapters.clock import VirtualClock, VirtualWallClock
from cti.adapters.store import open_store
from cti.dial.metrics import DialMetrics
from cti.hosting import Host, chains_of
from cti.lending import declared_in
from cti.sql.bulk import Insertion
from cti.telemetry import Telemetry
from tests.campaigns.shipped import rules
from tests.scheduler import START_MS

TENANT = "test"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
_put_campaign = Insertion(campaigns)

ARREARS = {
    "account": "A1", "name": "张三", "number": "13800000001", "months": "2026-01", "arrears": "120.00",
    "penalty_rate_per_day": "0.001", "penalty_from": "2026-02-01", "as_of": "2026-03-01", "total_due": "123.48",
    "pay_at": "营业厅",
}  # fmt: skip
BILLING = {
    "account": "B1", "name": "李四", "number": "13800000001", "reading_date": "2026-03-01", "meter": "M1",
    "reading": "4321", "energy_kwh": "210", "amount": "105.00", "previous_balance": "-3.50", "amount_due": "108.50",
}  # fmt: skip
OUTAGE = {
    "account": "O1", "name": "王五", "important": "no", "number": "13800000001", "area": "东湖区", "reason": "检修",
    "starts_at": "2026-03-12 08:00", "restores_at": "2026-03-12 16:00",
}  # fmt: skip
ROWS = {"arrears": ARREARS, "billing": BILLING, "outage": OUTAGE}


def campaign_row(kind: str, name: str = "c1", **others: Any) -> CampaignRow:
    """A campaign in draft with the kind's defaults."""
    defaults = known_kinds()[kind].defaults
    outage = kind == "outage"
    row = CampaignRow(
        id=name.ljust(16, "0"), tenant=TENANT, name=name, kind=kind, switch="s1", trunk_group="main", caller_id=None,
        queue=None, language="zh", windows="[]", closed_dates="[]", zone="Asia/Shanghai",
        calls_per_second=defaults.calls_per_second, calls_at_once=defaults.calls_at_once,
        ring_timeout_s=defaults.ring_timeout_s, attempts_max=defaults.attempts_max, retry="{}",
        channels=json.dumps([channel.value for channel in defaults.channels]), fallback=defaults.fallback.value,
        priority=defaults.priority, received_at_ms=START_MS,
        notice_out_by_ms=None if outage else START_MS + 36 * HOUR_MS,
        fallback_by_ms=None if outage else START_MS + 84 * HOUR_MS,
        expires_at_ms=None if outage else START_MS + 13 * DAY_MS,
        deadlines_given=0, provisional=0, state="draft", paused_why=None, live=None, version=1, made_at_ms=START_MS,
        started_at_ms=None, resumed_at_ms=None, ended_at_ms=None, made_by="test", profile="hours@1",
    )  # fmt: skip
    return row._replace(**others)


def csv_of(rows: Sequence[Mapping[str, str]], header: Sequence[str] | None = None) -> bytes:
    """A file of rows, with a column for every key of any."""
    names = list(header or dict.fromkeys(name for row in rows for name in row))
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\r\n")
    writer.writerow(names)
    writer.writerows([row.get(name, "") for name in names] for row in rows)
    return written.getvalue().encode()


def ndjson_of(rows: Sequence[Mapping[str, str]]) -> bytes:
    """The same, a line each."""
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)


async def pieces(content: bytes, size: int = 1_000_003) -> AsyncIterator[bytes]:
    for at in range(0, len(content), size):
        yield content[at : at + size]


class Site:
    """`importer` is the task under test."""

    def __init__(self, context: Context, host: Host, importer: Importer, clock: VirtualClock) -> None:
        self.context, self.host, self.importer, self.clock = context, host, importer, clock

    async def campaign(self, kind: str, name: str = "c1", **others: Any) -> CampaignRow:
        row = campaign_row(kind, name, **others)

        def put(connection: Connection, rows: Sequence[CampaignRow]) -> Sequence[None]:
            _put_campaign(connection, rows)
            return [None] * len(rows)

        await self.context.writer.run(put, row)
        return row

    async def set_state(self, campaign: CampaignRow, state: str) -> None:
        def put(connection: Connection, states: Sequence[str]) -> Sequence[None]:
            here = changed(campaigns).where(campaigns.c.id == campaign.id)
            return [connection.execute(here.values(state=one)) and None for one in states]

        await self.context.writer.run(put, state)

    async def receive(
        self,
        campaign: CampaignRow,
        content: bytes,
        keep: Sequence[str] = (),
        size: int = 1_000_003,
        form: Form = Form.CSV,
        sheet: str | None = None,
    ) -> ImportRow:
        sent = Sent("file.csv", keep, "me (key 1)", form, sheet)
        return await receiving.receive(self.context, campaign, pieces(content, size), sent)

    async def work(self) -> None:
        while await self.importer.step():
            pass

    async def imported(
        self, campaign: CampaignRow, content: bytes, keep: Sequence[str] = (), form: Form = Form.CSV
    ) -> ImportRow:
        """As it has ended."""
        row = await self.receive(campaign, content, keep, form=form)
        await self.work()
        return await self.read(row)

    async def of_rows(self, campaign: CampaignRow, *rows: Mapping[str, str]) -> ImportRow:
        return await self.imported(campaign, csv_of(rows))

    async def read(self, row: ImportRow) -> ImportRow:
        return next(one for one in await self.imports() if one[:2] == row[:2])

    async def imports(self) -> list[ImportRow]:
        return [ImportRow._make(row) for row in await self.all_of(table)]

    async def contacts(self) -> list[ContactRow]:
        found = [ContactRow._make(row) for row in await self.all_of(contacts)]
        return sorted(found, key=lambda row: (row.campaign, row.no))

    async def errors(self, row: ImportRow) -> list[str]:
        """The last column of each rejected row, as it comes back."""
        content = b"".join([part async for part in rejected_csv(self.context, row.campaign, row.no)])
        return [cells[-1] for cells in list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))[1:]]

    async def left(self) -> dict[str, int]:
        """What is there only while an import is under way."""
        return {one.name: len(await self.all_of(one)) for one in (import_chunks, import_rows)}

    async def everything(self) -> dict[str, list[tuple[Any, ...]]]:
        tables = (table, contacts, hours_classes, import_rejected)
        return {one.name: sorted(map(tuple, await self.all_of(one))) for one in tables}

    async def all_of(self, one: Any) -> Sequence[Any]:
        return await self.context.reader.run(lambda connection: connection.execute(select(one)).all())


@contextlib.asynccontextmanager
async def open_site(url: str) -> AsyncIterator[Site]:
    clock, telemetry = VirtualClock(START_MS), Telemetry()
    async with open_store(url, clock, 1, chains=chains_of([PART]), channels=PART.channels) as store:
        host = Host(
            clock, VirtualWallClock(clock), store.database, store.leases, store.shared, store.dial,
            DialMetrics(telemetry.registry), declared_in(store.ledger),
        )  # fmt: skip
        context = open_context(host, rules(), Settings())
        importer = Importer(context, host)
        await importer.start()
        yield Site(context, host, importer, clock)
        await importer.stop()
