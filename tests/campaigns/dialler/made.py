"""Campaigns and contacts put straight into the tables, in a scene with a switch that dials."""

import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, insert, select

from campaigns.context import NAME
from campaigns.core.reasons import State
from campaigns.ledger import compiled, contacts, numbers
from campaigns.ledger.rows import AttemptRow, CampaignRow, ContactRow, HoursClassRow, ImportRow, NoticeRow, RefusalRow
from campaigns.ledger.tables import FAR, attempts, campaigns, imports, live_numbers, notices, person_days, refusals
from campaigns.ledger.tables import contacts as contact_table
from cti.sql.database import Database
from tests.campaigns.shipped import HOUR_MS, SHANGHAI, rules
from tests.scheduler import START_MS, TENANT, Scene

CAMPAIGN = "c000000000000001"
DAY_MS = 24 * HOUR_MS
ITEM = {"reading_date": "2026-02-28", "reading": "1200", "energy_kwh": "210", "amount": "110.00",
        "previous_balance": "0.00", "amount_due": "110.00"}  # fmt: skip


def campaign(id_: str = CAMPAIGN, **more: Any) -> CampaignRow:
    """A billing campaign that runs since START."""
    values: dict[str, Any] = {
        "id": id_, "tenant": TENANT, "name": id_, "kind": "billing", "switch": "s1", "trunk_group": "main",
        "caller_id": None, "queue": None, "language": "zh", "windows": "[]", "closed_dates": "[]", "zone": SHANGHAI,
        "calls_per_second": 5, "calls_at_once": 50, "ring_timeout_s": 30, "attempts_max": 3, "retry": "{}",
        "channels": '["auto"]', "fallback": "notice", "priority": 5, "received_at_ms": START_MS,
        "notice_out_by_ms": None, "fallback_by_ms": None, "expires_at_ms": None, "deadlines_given": 0,
        "provisional": 0, "state": "running", "paused_why": None, "live": None, "version": 1, "made_at_ms": START_MS,
        "started_at_ms": START_MS, "resumed_at_ms": None, "ended_at_ms": None, "made_by": "test",
        "profile": "power-95598@1", **more,
    }  # fmt: skip
    return CampaignRow(**values)


def contact(of: CampaignRow, no: int, *numbers: str, **more: Any) -> ContactRow:
    """An account with these numbers, due at once."""
    values: dict[str, Any] = {
        "id": f"{of.id}-{no}", "campaign": of.id, "tenant": of.tenant, "no": no, "account": f"A{no}", "name": "张三",
        "address": "", "customer_class": "resident", "important": 0,
        "phones": json.dumps([[number, [SHANGHAI]] for number in numbers]), "items": json.dumps([ITEM]), "kept": "{}",
        "state": State.WAITING.value, "round": 1, "decided_upto": 0, "handed_over": 0, "promise_date": None,
        "hours_class": "", "next_at_ms": of.made_at_ms, "deadline_at_ms": FAR,
        "notice_out_by_ms": of.notice_out_by_ms, "fallback_by_ms": of.fallback_by_ms,
        "expires_at_ms": of.expires_at_ms, "notice_out_ms": None, "notice_missed": 0, "waits_for": None, "why": None,
        "version": 1, **more,
    }  # fmt: skip
    row = ContactRow(**values)
    of_contact = compiled.contact_of(row, [])
    core = compiled.campaign_of(of, rules())
    return row._replace(
        hours_class=compiled.hours_class(1, of_contact, core),
        deadline_at_ms=compiled.deadline_at_ms(row, of_contact, core, of.made_at_ms),
    )


def done_import(of: CampaignRow, rows: int, **more: Any) -> ImportRow:
    values: dict[str, Any] = {
        "campaign": of.id, "no": 1, "tenant": of.tenant, "file": "f.csv", "keep": "[]", "sha256": "0", "bytes": 1,
        "state": "done", "error": None, "received": rows, "accepted": rows, "rejected": 0, "merged": 0,
        "contacts": rows, "header": None, "made_at_ms": START_MS, "ended_at_ms": START_MS, "who": "test", **more,
    }  # fmt: skip
    return ImportRow(**values)


def database_of(it: Scene) -> Database:
    assert it.store.database is not None
    return it.store.database


async def put(it: Scene, of: CampaignRow, rows: Sequence[ContactRow], imported: ImportRow | None = None) -> None:
    """Make the campaign with its contacts, in one transaction, and wake the dialler."""

    def write(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
        connection.execute(insert(campaigns).values(of._asdict()))
        connection.execute(insert(imports).values((imported or done_import(of, len(rows)))._asdict()))
        contacts.put(connection, rows)
        numbers.put(connection, rows)
        contacts.put_classes(connection, {class_of(row) for row in rows})
        return asked

    await database_of(it).writer(NAME).run(write, None)
    context_of(it).woken.set()


def class_of(row: ContactRow) -> HoursClassRow:
    no, customer_class, zones = row.hours_class.split("|")[:3]
    return HoursClassRow(row.campaign, row.hours_class, int(no), customer_class, zones)


def context_of(it: Scene) -> Any:
    return next(hosted.opened.shared for hosted in it.hosted if hosted.part.name == NAME)


async def contact_of(it: Scene, id_: str) -> ContactRow:
    (row,) = await database_of(it).reader.run(contacts.read, [id_])
    return row


async def attempts_of(it: Scene, id_: str) -> list[AttemptRow]:
    def read(connection: Connection) -> list[AttemptRow]:
        found = connection.execute(select(attempts).where(attempts.c.contact == id_).order_by(attempts.c.n))
        return [AttemptRow._make(row) for row in found]

    return await database_of(it).reader.run(read)


async def refusals_of(it: Scene, id_: str) -> list[RefusalRow]:
    def read(connection: Connection) -> list[RefusalRow]:
        found = connection.execute(select(refusals).where(refusals.c.contact == id_).order_by(refusals.c.at_ms))
        return [RefusalRow._make(row) for row in found]

    return await database_of(it).reader.run(read)


async def states_of(it: Scene, of: str = CAMPAIGN) -> dict[str, int]:
    def read(connection: Connection) -> dict[str, int]:
        counts: dict[str, int] = {}
        for state in connection.scalars(select(contact_table.c.state).where(contact_table.c.campaign == of)):
            counts[state] = counts.get(state, 0) + 1
        return counts

    return await database_of(it).reader.run(read)


async def notices_of(it: Scene, of: str) -> list[NoticeRow]:
    def read(connection: Connection) -> list[NoticeRow]:
        found = connection.execute(select(notices).where(notices.c.campaign == of).order_by(notices.c.id))
        return [NoticeRow._make(row) for row in found]

    return await database_of(it).reader.run(read)


async def live_numbers_of(it: Scene) -> list[str]:
    def read(connection: Connection) -> list[str]:
        return list(connection.scalars(select(live_numbers.c.number).order_by(live_numbers.c.number)))

    return await database_of(it).reader.run(read)


async def person_days_of(it: Scene) -> dict[tuple[str, str], int]:
    def read(connection: Connection) -> dict[tuple[str, str], int]:
        return {(row.person, row.day): row.calls for row in connection.execute(select(person_days))}

    return await database_of(it).reader.run(read)


async def campaign_now(it: Scene, id_: str = CAMPAIGN) -> CampaignRow:
    def read(connection: Connection) -> CampaignRow:
        return CampaignRow._make(connection.execute(select(campaigns).where(campaigns.c.id == id_)).one())

    return await database_of(it).reader.run(read)


async def count_calls(it: Scene, rows: Sequence[tuple[str, str, str, int]]) -> None:
    """(tenant, person, day, calls) of earlier calls."""

    def write(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
        names = ("tenant", "person", "day", "calls")
        connection.execute(insert(person_days), [dict(zip(names, row, strict=True)) for row in rows])
        return asked

    await database_of(it).writer(NAME).run(write, None)
