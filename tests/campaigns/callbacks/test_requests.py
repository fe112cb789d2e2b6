"""Rows of the call side become callbacks: once each, in order, and what cannot be called is on record."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from campaigns.callbacks.requests import Route, Taken, take
from campaigns.ledger import audit, callbacks
from campaigns.ledger.callbacks import Found
from campaigns.ledger.tables import FAR, contacts
from cti.callers.rows import CallbackRequest
from tests.campaigns.api.site import Site, site
from tests.campaigns.shipped import HOUR_MS, text
from tests.scheduler import START_MS, TENANT


def request(
    id_: str, number: str | None = "+8613800001234", due_at_ms: int | None = None, **other: Any
) -> CallbackRequest:
    row = CallbackRequest(
        id_, TENANT, "/switches/s1", "call-1", number, "service", "queue", None, START_MS, due_at_ms, None, START_MS
    )
    return row._replace(**other)


def route(_tenant: str, source: str) -> Route | None:
    return Route("s1", "main", "agent", "service") if source == "/switches/s1" else None


async def taken(it: Site, rows: Sequence[CallbackRequest], now_ms: int = START_MS) -> Taken:
    rules = it.context.rules
    found: Taken = await it.in_ledger(lambda connection: take(connection, rows, route, rules, now_ms))
    return found


async def all_of(it: Site) -> list[Found]:
    return await it.context.reader.run(
        callbacks.page, TENANT, promise=None, switches=None, after=None, limit=500
    )  # fmt: skip


async def lines(it: Site) -> list[dict[str, Any]]:
    return await it.context.reader.run(audit.lines, TENANT)


async def test_who_asks_in_the_queue_is_called_as_soon_as_the_hours_allow(url: str) -> None:
    async with site(url, tasks=False) as it:
        later = request("r2", "+8613800005678", START_MS + 2 * HOUR_MS, origin="agent", agent="8001")
        assert await taken(it, [request("r1"), later]) == Taken(put=2)
        soon, promised = sorted(await all_of(it), key=lambda one: one.callback.request or "")
        assert (soon.contact.call_at_ms, soon.contact.keep_by_ms) == (START_MS, START_MS + HOUR_MS)
        assert (soon.callback.origin, soon.callback.call, soon.campaign.channels) == ("queue", "call-1", '["agent"]')
        assert promised.contact.call_at_ms == START_MS + 2 * HOUR_MS
        assert (promised.callback.origin, promised.callback.agent) == ("agent", "8001")


async def test_at_night_it_is_called_in_the_morning(url: str) -> None:
    async with site(url, tasks=False) as it:
        night_ms = START_MS + 13 * HOUR_MS
        assert await taken(it, [request("r1", asked_at_ms=night_ms)], night_ms) == Taken(put=1)
        [found] = await all_of(it)
        assert str(text(found.contact.call_at_ms)).endswith("07:30:00")
        assert found.contact.keep_by_ms == (found.contact.call_at_ms or 0) + HOUR_MS


async def test_a_row_is_taken_once(url: str) -> None:
    """The call side may give it again, after a crash between the two sides' commits or in another order."""
    async with site(url, tasks=False) as it:
        assert await taken(it, [request("r1")]) == Taken(put=1)
        assert await taken(it, [request("r1")]) == Taken(again=1)
        assert len(await all_of(it)) == 1


async def test_who_asks_twice_is_called_once(url: str) -> None:
    async with site(url, tasks=False) as it:
        assert await taken(it, [request("r1"), request("r2", "+8613800001234")]) == Taken(put=1, there=1)
        [one] = await all_of(it)
        said = [json.loads(line["details"]) for line in await lines(it) if line["what"] == "callback_there"]
        assert [(each["request"], each["why"]) for each in said] == [("r2", one.callback.id)]


async def test_who_is_called_too_late_for_the_new_promise_is_called_for_both(url: str) -> None:
    """A callback of tomorrow keeps no promise of today; one of today keeps one of tomorrow (CB-2: by its time)."""
    async with site(url, tasks=False) as it:
        tomorrow = request("r1", due_at_ms=START_MS + 24 * HOUR_MS, origin="agent")
        assert await taken(it, [tomorrow, request("r2")]) == Taken(put=2)
        later = request("r3", due_at_ms=START_MS + 25 * HOUR_MS, origin="agent")
        assert await taken(it, [later]) == Taken(there=1)


@pytest.mark.parametrize("state", ["in_progress", "unknown", "person"])
async def test_what_an_agent_promises_in_a_callback_is_kept(url: str, state: str) -> None:
    """That callback is not over yet, and nobody calls for it any more."""
    async with site(url, tasks=False) as it:
        assert await taken(it, [request("r1")]) == Taken(put=1)
        await it.in_ledger(lambda connection: connection.execute(contacts.update().values(state=state)))
        again = request("r2", due_at_ms=START_MS + 2 * HOUR_MS, origin="agent", agent="8001")
        assert await taken(it, [again]) == Taken(put=1)


async def test_who_waits_until_the_caller_hangs_up_is_called(url: str) -> None:
    async with site(url, tasks=False) as it:
        assert await taken(it, [request("r1")]) == Taken(put=1)
        held = contacts.update().values(next_at_ms=FAR, waits_for="+8613800001234")
        await it.in_ledger(lambda connection: connection.execute(held))
        assert await taken(it, [request("r2")]) == Taken(there=1)


async def test_what_cannot_be_called_is_on_record_and_holds_up_nobody(url: str) -> None:
    async with site(url, tasks=False) as it:
        rows = [request("r1", None), request("r2", source="/switches/s9"), request("r3", "95598"), request("r4")]
        assert await taken(it, rows) == Taken(put=1, refused=3)
        refused = [line["about"] for line in await lines(it) if line["what"] == "callback_refused"]
        assert refused == ["r1", "r2", "r3"]
        assert "95598" not in json.dumps([line["details"] for line in await lines(it)]), "no number in full"


async def test_two_tenants_may_use_the_same_ids(url: str) -> None:
    async with site(url, tasks=False) as it:
        both = [request("r1"), request("r1", "+8613800005678", tenant="other")]
        assert await taken(it, both) == Taken(put=2)
        [mine] = await all_of(it)
        assert mine.callback.number == "+8613800001234"
