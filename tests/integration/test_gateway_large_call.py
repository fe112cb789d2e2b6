"""A call with many events: described once from all of them, then from what came since; nobody sees a difference."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from cti.descriptions import EVENTS_MIN
from tests.integration.gateway_site import SOURCE, TENANT
from tests.integration.test_gateway_reads import Product, at, product_at

AGENT = {"connection": "a", "device": "8001", "agent": "1001"}
HOLD = {"connection": "c", "heldConnection": "c", "holdingDevice": "8001"}
BEGUN_MS = -600_000


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with product_at(store_url) as running:
        yield running


def event(n: int, kind: str, data: dict[str, Any], ms: int | None = None) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"large-{n}", "source": SOURCE, "type": f"ringback.call.{kind}.v1",
        "subject": "large", "time": at(BEGUN_MS + (n * 100 if ms is None else ms)), "data": data,
    }  # fmt: skip


def large(events: int) -> list[dict[str, Any]]:
    opening = {"connection": "c", "calling": "+8679112341201", "called": "95598", "direction": "inbound"}
    first = [event(0, "offered", opening), event(1, "delivered", AGENT), event(2, "established", AGENT)]
    return first + [event(n, ("held", "retrieved")[n % 2], HOLD) for n in range(3, events)]


async def test_a_large_call_is_shown_as_it_stands_whatever_was_shown_before(product: Product) -> None:
    reader = await product.service.new_key(TENANT, ("calls:read",), ("*",))
    position = await product.post(large(EVENTS_MIN + 100))
    [listed] = (await product.get(f"/v1/calls?min_position={position}")).json()["calls"]
    path = f"/v1/calls/{listed['call']}"
    first = (await product.get(path)).json()
    again = (await product.get(path)).json()
    assert again == first
    assert (len(first["timeline"]), first["timeline_next"] is not None) == (200, True)
    ends = [event(9000, "connectionCleared", {"connection": "c"}, 90_000), event(9001, "callCleared", {}, 90_000)]
    position = await product.post(ends)
    ended = (await product.get(f"{path}?min_position={position}", reader)).json()
    assert (ended["state"], ended["timeline"]) == ("ended", first["timeline"])
    position = await product.post([event(9002, "queued", {"connection": "c", "queue": "faults"}, 50)])
    late = (await product.get(f"{path}?min_position={position}", reader)).json()
    assert (late["queue"], late["state"], late["revision"]) == ("faults", "ended", ended["revision"] + 1)
    stranger = await product.service.new_key("stranger", ("calls:read",), ("*",))
    assert (await product.get(path, stranger)).code == "not_found"
