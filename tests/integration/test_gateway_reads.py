"""Reads, over the whole service: calls are posted at the door and read at it, with the engine in between."""

import csv
import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import pytest

from cti.adapters.clock import VirtualClock
from cti.settings import Settings
from cti.web.limits import Limits
from cti.wiring import Service, serving
from schemas.records import canonical
from tests.integration.gateway_site import BATCH, NOW_MS, SOURCE, TENANT, Answered

SCOPES = ("events:write", "commands:read", "calls:read")


@dataclass(frozen=True, slots=True)
class Product:
    """The whole service and a way to ask it."""

    service: Service
    clock: VirtualClock
    session: aiohttp.ClientSession
    key: str

    async def get(self, path: str, key: str | None = None, **headers: str) -> Answered:
        sent = {"Authorization": f"Bearer {key or self.key}", **headers}
        async with self.session.get(self.service.url + path, headers=sent) as answer:
            return Answered(answer.status, answer.headers, await answer.read())

    async def post(self, events: list[dict[str, Any]]) -> str:
        """The position behind the events."""
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": BATCH}
        url = f"{self.service.url}/v1/events"
        async with self.session.post(url, headers=headers, data=json.dumps(events).encode()) as answer:
            assert answer.status == 202, await answer.text()
            return str((await answer.json())["position"])


@asynccontextmanager
async def product_at(url: str) -> AsyncIterator[Product]:
    clock = VirtualClock(NOW_MS)
    settings = Settings(db=url, listen="127.0.0.1:0", partitions=4)
    async with serving(settings, clock=clock, limits=Limits()) as service, aiohttp.ClientSession() as session:
        yield Product(service, clock, session, await service.new_key(TENANT, SCOPES, ("*",)))


@pytest.fixture
async def product(store_url: str) -> AsyncIterator[Product]:
    async with product_at(store_url) as running:
        yield running


def at(ms: int) -> str:
    seconds, rest = divmod(NOW_MS % 86_400_000 + ms, 1000)
    return f"2026-03-02T{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}Z"


def call_of(n: int, ring_ms: int = 5000, ended: bool = True, queue: str = "faults") -> list[dict[str, Any]]:
    """The n-th call: offered, queued, rung at one agent for `ring_ms`, answered, talked 60 s, hung up by the caller."""
    start = -600_000 + n * 1000
    agent = {"connection": "a", "device": "8001", "agent": f"100{n % 3}"}
    caller = {"connection": "c", "calling": f"+86791123412{n:02d}", "called": "95598", "direction": "inbound"}
    steps: list[tuple[str, int, dict[str, Any]]] = [
        ("offered", 0, caller),
        ("queued", 100, {"connection": "c", "queue": queue}),
        ("delivered", 1000, agent | {"queue": queue}),
        ("established", 1000 + ring_ms, agent),
    ]
    if ended:
        steps.append(("connectionCleared", 61_000 + ring_ms, {"connection": "c", "releasingDevice": caller["calling"]}))
        steps.append(("callCleared", 61_000 + ring_ms, {}))
    return [
        {
            "specversion": "1.0", "id": f"{n}-{kind}", "source": SOURCE, "type": f"ringback.call.{kind}.v1",
            "subject": f"call-{n}", "time": at(start + ms), "data": data,
        }
        for kind, ms, data in steps
    ]  # fmt: skip


async def test_what_was_posted_can_be_read_behind_its_position(product: Product) -> None:
    position = await product.post(call_of(1))
    told = (await product.get(f"/v1/calls?min_position={position}")).json()
    [call] = told["calls"]
    assert told["cursor"] is None
    assert position in told["as_of"].split(",")
    assert {name: call[name] for name in ("source", "subject", "state", "outcome", "queue", "agent", "direction")} == {
        "source": SOURCE, "subject": "call-1", "state": "ended", "outcome": "answered", "queue": "faults",
        "agent": "1001", "direction": "inbound",
    }  # fmt: skip
    assert (call["calling"], call["called"]) == ("+86791****1201", "95598")
    assert (call["answer_s"], call["talk_s"], call["breaches"]) == (5.0, 60.0, [])


async def test_a_position_that_never_comes_is_not_waited_for_long(product: Product) -> None:
    await product.service.drained()
    told = (await product.get("/v1/calls?min_position=0:999999")).json()
    assert told["calls"] == []
    assert "0:999999" not in told["as_of"].split(",")


async def test_pages_follow_each_other_without_gap_or_repetition(product: Product) -> None:
    await product.post([event for n in range(1, 26) for event in call_of(n)])
    await product.service.drained()
    seen: list[str] = []
    cursor: str | None = ""
    pages = 0
    while cursor is not None:
        told = (await product.get(f"/v1/calls?limit=10{cursor and '&cursor=' + cursor}")).json()
        seen += [call["subject"] for call in told["calls"]]
        cursor, pages = told["cursor"], pages + 1
    assert seen == [f"call-{n}" for n in range(25, 0, -1)]
    assert pages == 3


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("state=live", [3]),
        ("state=ended", [2, 1]),
        ("queue=bills", [2]),
        ("agent=1002", [2]),
        ("outcome=answered", [2, 1]),
        ("outcome=abandoned", []),
        ("rule=RING-1", [2]),
        ("subject=call-1", [1]),
        ("source=%2Fswitches%2Fother", []),
        (f"from={at(-598_000)}", [3, 2]),
        (f"to={at(-598_000)}", [1]),
        (f"from={at(-599_000)}&to={at(-597_000)}&state=ended", [2, 1]),
    ],
)
async def test_calls_are_filtered(product: Product, query: str, numbers: list[int]) -> None:
    events = call_of(1) + call_of(2, ring_ms=20_000, queue="bills") + call_of(3, ended=False)
    position = await product.post(events)
    told = (await product.get(f"/v1/calls?{query}&min_position={position}")).json()
    assert [call["subject"] for call in told["calls"]] == [f"call-{n}" for n in numbers]


async def test_one_call_tells_all_that_is_known_of_it(product: Product) -> None:
    position = await product.post(call_of(1, ring_ms=20_000))
    [listed] = (await product.get(f"/v1/calls?min_position={position}")).json()["calls"]
    call = (await product.get(f"/v1/calls/{listed['call']}")).json()
    kinds = ["offered", "queued", "delivered", "established", "connectionCleared", "callCleared"]
    assert [each["kind"] for each in call["timeline"]] == kinds
    assert call["calling"] == call["timeline"][0]["data"]["calling"] == "+86791****1201"
    assert call["offers"][0]["ring_s"] == 20.0
    rules = {each["rule"]: each for each in call["rules"]}
    assert (rules["RING-1"]["breached"], rules["RING-1"]["kept"]) == (1, False)
    admin = await product.service.new_key(TENANT, ("calls:read", "numbers:reveal"), ("*",))
    full = (await product.get(f"/v1/calls/{listed['call']}", admin)).json()
    assert full["calling"] == full["timeline"][0]["data"]["calling"] == "+8679112341201"


async def test_a_stranger_sees_nothing(product: Product) -> None:
    position = await product.post(call_of(1, ring_ms=20_000))
    [listed] = (await product.get(f"/v1/calls?min_position={position}")).json()["calls"]
    stranger = await product.service.new_key("stranger", ("calls:read", "numbers:reveal"), ("*",))
    assert (await product.get(f"/v1/calls/{listed['call']}", stranger)).code == "not_found"
    assert (await product.get("/v1/calls", stranger)).json()["calls"] == []
    assert (await product.get("/v1/breaches", stranger)).json()["breaches"] == []
    assert (await product.get("/v1/records", stranger)).body == b""
    assert (await product.get("/v1/indicators", stranger)).json()["calls"] == 0


async def test_breaches_are_listed_with_limit_and_actual(product: Product) -> None:
    position = await product.post(call_of(1) + call_of(2, ring_ms=20_000) + call_of(4, ring_ms=12_000))
    told = (await product.get(f"/v1/breaches?rule=RING-1&min_position={position}")).json()
    [breach] = told["breaches"]
    assert (breach["rule"], breach["limit_s"], breach["actual_s"], breach["agent"]) == ("RING-1", 12.0, 20.0, "1002")
    assert (await product.get("/v1/breaches?agent=1001")).json()["breaches"] == []
    every = (await product.get("/v1/breaches")).json()["breaches"]
    first = (await product.get("/v1/breaches?limit=1")).json()
    rest = (await product.get(f"/v1/breaches?limit=1&cursor={first['cursor']}")).json()
    assert first["breaches"] + rest["breaches"] == every[:2]
    assert (await product.get(f"/v1/calls?cursor={first['cursor']}")).code == "bad_parameter"


async def test_listings_come_as_csv(product: Product) -> None:
    position = await product.post(call_of(1) + call_of(2, ring_ms=20_000, queue="=cmd|x"))
    answer = await product.get(f"/v1/calls?limit=1&min_position={position}", Accept="text/csv")
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Ringback-Cursor"]
    [row] = csv.DictReader(io.StringIO(answer.body.decode("utf-8-sig"), newline=""))
    assert (row["subject"], row["queue"], row["breaches"], row["wait_s"]) == (
        "call-2", "'=cmd|x", "RING-1 RING-2", "20.9",
    )  # fmt: skip
    assert row["calling"] == "'+86791****1202"
    breaches = await product.get("/v1/breaches", Accept="text/csv")
    assert breaches.body.decode("utf-8-sig").startswith("call,rule,at,limit_s,actual_s,agent,queue,source\r\n")


async def test_records_are_canonical_and_in_order(product: Product) -> None:
    position = await product.post([event for n in range(1, 8) for event in call_of(n)])
    admin = await product.service.new_key(TENANT, ("calls:read", "numbers:reveal"), ("*",))
    lines = (await product.get(f"/v1/records?min_position={position}", admin)).body.splitlines()
    records = [json.loads(line) for line in lines]
    assert [canonical(record) for record in records] == lines
    ids = [record["call"] for record in records]
    assert ids == sorted(ids)
    assert len(ids) == 7
    page = (await product.get(f"/v1/records?limit=3&after={ids[2]}", admin)).body.splitlines()
    assert page == lines[3:6]
    masked = (await product.get("/v1/records")).body.splitlines()
    assert {json.loads(line)["calling"][-7:-4] for line in masked} == {"***"}


async def test_indicators_count_what_was_lived(product: Product) -> None:
    events = call_of(1) + call_of(2, ring_ms=20_000, queue="bills") + call_of(3, ended=False)
    position = await product.post(events)
    told = (await product.get(f"/v1/indicators?by=queue&min_position={position}")).json()
    assert (told["calls"], told["answered"], told["answered_in_time"]) == (2, 2, 1)
    assert {group["group"]: group["answered_in_time"] for group in told["groups"]} == {"bills": 0, "faults": 1}
    assert told["rules"]["RING-1"] == {"state": "measured", "breaches": 1, "missing": []}
    assert told["rules"]["HOLD-2"]["state"] == "not_measurable"
    assert told["rules"]["HOLD-2"]["breaches"] is None
    assert told["rules"]["HOLD-2"]["missing"]
    assert told["commands"]["total"] == sum(told["commands"]["by_state"].values())
    halves = (await product.get("/v1/indicators?by=half_hour")).json()["groups"]
    assert [(group["group"], group["calls"]) for group in halves] == [("2026-03-02T00:30:00.000Z", 2)]
    none = (await product.get(f"/v1/indicators?from={at(0)}")).json()
    assert (none["calls"], none["service_level"]) == (0, None)
