"""Rows of the call side become callbacks: once each, in order, and what cannot be called is on record."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import Connection

from campaigns.callbacks.requests import TAKEN_MAX, Place, Taken, take
from campaigns.ledger import audit, callbacks
from campaigns.ledger.callbacks import Found
from tests.campaigns.api.site import Site, site
from tests.campaigns.shipped import HOUR_MS, text
from tests.scheduler import START_MS, TENANT


class Request(NamedTuple):
    id: str
    number: str = "13800001234"
    due_at_ms: int | None = None
    tenant: str = TENANT
    source: str = "/switches/s1"
    call: str = "call-1"
    queue: str | None = "service"
    origin: str = "queue"
    agent: str | None = None
    asked_at_ms: int = START_MS
    note: str | None = None


@dataclass
class Kept:
    """The call side's rows, in memory."""

    rows: list[Request] = field(default_factory=list)

    def pending(self, _connection: Connection, limit: int) -> Sequence[Request]:
        return self.rows[:limit]

    def taken(self, _connection: Connection, ids: Sequence[str]) -> None:
        self.rows = [row for row in self.rows if row.id not in ids]


def place(_tenant: str, source: str) -> Place | None:
    return Place("s1", "main", "agent", "service") if source == "/switches/s1" else None


async def taken(it: Site, kept: Kept, now_ms: int = START_MS) -> Taken:
    rules = it.context.rules
    found: Taken = await it.in_ledger(lambda connection: take(connection, kept, place, rules, now_ms))
    return found


async def all_of(it: Site) -> list[Found]:
    return await it.context.reader.run(
        callbacks.page, TENANT, promise=None, switches=None, after=None, limit=500
    )  # fmt: skip


async def lines(it: Site) -> list[dict[str, Any]]:
    return await it.context.reader.run(audit.lines, TENANT)


async def test_who_asks_in_the_queue_is_called_as_soon_as_the_hours_allow(url: str) -> None:
    async with site(url, tasks=False) as it:
        kept = Kept([Request("r1"), Request("r2", "13800005678", START_MS + 2 * HOUR_MS, origin="agent", agent="8001")])
        assert await taken(it, kept) == Taken(put=2)
        assert kept.rows == []
        soon, promised = sorted(await all_of(it), key=lambda one: one.callback.request or "")
        assert (soon.contact.call_at_ms, soon.contact.keep_by_ms) == (START_MS, START_MS + HOUR_MS)
        assert (soon.callback.origin, soon.callback.call, soon.campaign.channels) == ("queue", "call-1", '["agent"]')
        assert promised.contact.call_at_ms == START_MS + 2 * HOUR_MS
        assert (promised.callback.origin, promised.callback.agent) == ("agent", "8001")


async def test_at_night_it_is_called_in_the_morning(url: str) -> None:
    async with site(url, tasks=False) as it:
        night_ms = START_MS + 13 * HOUR_MS
        assert await taken(it, Kept([Request("r1", asked_at_ms=night_ms)]), night_ms) == Taken(put=1)
        [found] = await all_of(it)
        assert str(text(found.contact.call_at_ms)).endswith("07:30:00")
        assert found.contact.keep_by_ms == (found.contact.call_at_ms or 0) + HOUR_MS


async def test_a_row_is_taken_once(url: str) -> None:
    """The call side may give it again, after a crash between the two sides' commits or in another order."""
    async with site(url, tasks=False) as it:
        assert await taken(it, Kept([Request("r1")])) == Taken(put=1)
        again = Kept([Request("r1")])
        assert await taken(it, again) == Taken(again=1)
        assert again.rows == []
        assert len(await all_of(it)) == 1


async def test_who_asks_twice_is_called_once(url: str) -> None:
    async with site(url, tasks=False) as it:
        assert await taken(it, Kept([Request("r1"), Request("r2", "+86 138 0000 1234")])) == Taken(put=1, there=1)
        [one] = await all_of(it)
        said = [json.loads(line["details"]) for line in await lines(it) if line["what"] == "callback_there"]
        assert [(each["request"], each["why"]) for each in said] == [("r2", one.callback.id)]


async def test_what_cannot_be_called_is_on_record_and_holds_up_nobody(url: str) -> None:
    async with site(url, tasks=False) as it:
        kept = Kept([Request("r1", "anonymous"), Request("r2", source="/switches/s9"), Request("r3", "95598"),
                     Request("r4")])  # fmt: skip
        assert await taken(it, kept) == Taken(put=1, refused=3)
        refused = [line["about"] for line in await lines(it) if line["what"] == "callback_refused"]
        assert refused == ["r1", "r2", "r3"]
        assert "95598" not in json.dumps([line["details"] for line in await lines(it)]), "no number in full"


async def test_a_transaction_takes_a_bounded_number_in_order(url: str) -> None:
    async with site(url, tasks=False) as it:
        kept = Kept([Request(f"r{at:03}", f"1380000{at:04}") for at in range(TAKEN_MAX + 3)])
        assert await taken(it, kept) == Taken(put=TAKEN_MAX)
        assert [row.id for row in kept.rows] == [f"r{at:03}" for at in range(TAKEN_MAX, TAKEN_MAX + 3)]


async def test_two_tenants_may_use_the_same_ids(url: str) -> None:
    async with site(url, tasks=False) as it:
        both = Kept([Request("r1"), Request("r1", tenant="other", number="13800005678")])
        assert await taken(it, both) == Taken(put=2)
        [mine] = await all_of(it)
        assert mine.callback.number == "+8613800001234"
