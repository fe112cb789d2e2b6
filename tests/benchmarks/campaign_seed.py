"""Campaigns of any size, put into the database by itself: what a manager's import would have left there."""

import json
import time
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Connection,
    Insert,
    Text,
    cast,
    column,
    create_engine,
    func,
    insert,
    select,
    text,
    true,
)

from campaigns.context import CHANNEL
from campaigns.ledger.rows import CampaignRow, ContactRow
from campaigns.ledger.tables import campaigns, contacts, hours_classes, imports, lanes
from tests.benchmarks.traffic import TENANT
from tests.campaigns.open_now import DAY_MS, HOUR_MS, Country, day_ms

SWITCH = "bench-calls"
MOST = 30_000  # calls a second and at once: no limit
RING_S = 30
ITEM = {
    "reading_date": "2026-03-01", "meter": "", "reading": "10000", "energy_kwh": "120", "amount": "80.00",
    "previous_balance": "0.00", "amount_due": "80.00",
}  # fmt: skip


class Seed(NamedTuple):
    """A campaign that opens at an instant. `pace`: calls a second; `first`: of the country's numbers."""

    id: str
    lane: str
    contacts: int
    country: Country
    opens_ms: float
    pace: int = MOST
    first: int = 0
    state: str = "running"  # or draft


def seed(db: str, seeds: Sequence[Seed]) -> None:
    """Campaigns, whose contacts wait; and a notification of that."""
    engine = create_engine(db)
    try:
        with engine.begin() as connection:
            for one in seeds:
                _contacts(connection, one)
            for table in (contacts, campaigns):
                connection.execute(text(f"ANALYZE {table.name}"))
        with engine.begin() as connection:
            for one in seeds:
                _campaign(connection, one)
            connection.execute(text("SELECT pg_notify(:channel, '')"), {"channel": CHANNEL})
    finally:
        engine.dispose()


def _campaign(connection: Connection, one: Seed) -> None:
    now_ms = int(time.time() * 1000)
    opens_ms = day_ms(one.country.zone, one.opens_ms)
    closes_ms = min(opens_ms + 4 * HOUR_MS, DAY_MS)
    row = CampaignRow(
        id=one.id, tenant=TENANT, name="A benchmark", kind="billing", switch=SWITCH, trunk_group=one.lane,
        caller_id=None, queue=None, language="en", windows=json.dumps([[opens_ms, closes_ms]]), closed_dates="[]",
        zone=one.country.zone, calls_per_second=one.pace, calls_at_once=MOST, ring_timeout_s=RING_S, attempts_max=3,
        retry="{}", channels='["auto"]', fallback="notice", priority=5, received_at_ms=now_ms,
        notice_out_by_ms=now_ms + DAY_MS, fallback_by_ms=now_ms + 3 * DAY_MS, expires_at_ms=now_ms + 13 * DAY_MS,
        deadlines_given=0, provisional=0, state=one.state, paused_why=None, live=None, version=1, made_at_ms=now_ms,
        started_at_ms=now_ms, resumed_at_ms=None, ended_at_ms=None, made_by="bench", profile="hours@1",
    )  # fmt: skip
    connection.execute(insert(campaigns).values(**row._asdict()))
    connection.execute(insert(imports).values(
        campaign=one.id, no=1, tenant=TENANT, file="bench.csv", keep="[]", sha256=one.id, bytes=1, state="done",
        error=None, received=one.contacts, accepted=one.contacts, rejected=0, merged=0, contacts=one.contacts,
        header=None, made_at_ms=now_ms, ended_at_ms=now_ms, who="bench",
    ))  # fmt: skip
    connection.execute(insert(hours_classes).values(
        campaign=one.id, hours_class=_class(one), import_no=1, customer_class="resident", zones=one.country.zone
    ))  # fmt: skip
    if one.state != "running":
        return
    resource = json.dumps([TENANT, SWITCH, one.lane])
    connection.execute(insert(lanes).values(id=resource, tenant=TENANT, switch=SWITCH, trunk_group=one.lane))


def _class(one: Seed) -> str:
    return f"1|resident|{one.country.zone}"


def _contacts(connection: Connection, one: Seed) -> None:
    """The first is written in full, the others are made from it by the database."""
    now_ms = int(time.time() * 1000)
    phones = json.dumps([[one.country.number(one.first), [one.country.zone]]])
    row = ContactRow(
        id=f"{one.id}-1", campaign=one.id, tenant=TENANT, no=1, account=f"{one.id}-1", name="Zhang Wei",
        address="1 Lake Road", customer_class="resident", important=0, phones=phones, items=json.dumps([ITEM]),
        kept="{}", state="waiting", round=1, decided_upto=0, handed_over=0, promise_date=None, hours_class=_class(one),
        next_at_ms=now_ms, deadline_at_ms=now_ms + DAY_MS, notice_out_by_ms=now_ms + DAY_MS,
        fallback_by_ms=now_ms + 3 * DAY_MS, expires_at_ms=now_ms + 13 * DAY_MS, notice_out_ms=None, notice_missed=0,
        waits_for=None, why=None, version=1,
    )  # fmt: skip
    connection.execute(insert(contacts).values(**row._asdict()))
    connection.execute(_copies(row.id, one))


def _copies(like: str, one: Seed) -> Insert:
    """All others, from 2 on."""
    given = func.generate_series(2, one.contacts).table_valued(column("n", BigInteger)).render_derived()
    n = given.c.n
    digits = func.lpad(cast(n + (one.first - 1), Text), one.country.digits, "0")
    number = func.json_build_array(one.country.prefix + digits, func.json_build_array(one.country.zone))
    own = cast(contacts.c.campaign, Text) + "-" + cast(n, Text)
    changed = {"id": own, "account": own, "no": n, "phones": cast(func.json_build_array(number), Text)}
    names = [one_of.name for one_of in contacts.columns]
    made = select(*(changed.get(name, contacts.c[name]) for name in names))
    return insert(contacts).from_select(
        names, made.select_from(contacts.join(given, true())).where(contacts.c.id == like)
    )
