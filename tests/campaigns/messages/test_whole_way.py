"""A message's whole way: dialler, signed POST to a real server, signed receipt at the real door, and its outcome."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from campaigns.messages import signing
from campaigns.messages.signing import headers_of, id_of
from cti.dial.rows import MESSAGE_GATEWAY, SILENT_MS
from cti.web.instants import rfc3339
from tests.campaigns.dialler.made import (
    CAMPAIGN,
    attempts_of,
    campaign,
    contact,
    contact_of,
    context_of,
    put,
)
from tests.campaigns.messages.gateway_server import SECRET, GatewayServer, answer, gateway_server
from tests.campaigns.messages.scripted_gateway import WHSEC
from tests.scheduler import START_MS, TENANT, Scene, scene
from tests.simulation.dialling_switch import DiallingSwitch

ONE, LANDLINE = "+8613800000001", "+862862345678"
ITEM = {"area": "城东", "reason": "检修", "starts_at": "2026-03-03T08:00:00+08:00",
        "restores_at": "2026-03-03T18:00:00+08:00"}  # fmt: skip
ORDER = f"{CAMPAIGN}-1.1"
RECEIPTS = "/v1/message-receipts"


@dataclass
class Way:
    """The product with a tenant's gateway, and a switch that sends no messages."""

    it: Scene
    switch: DiallingSwitch
    server: GatewayServer
    session: aiohttp.ClientSession

    async def campaign(self, channels: list[str], *numbers: str) -> None:
        of = campaign(kind="outage", channels=json.dumps(channels), fallback="person")
        await put(self.it, of, [contact(of, 1, *(numbers or (ONE,)), items=json.dumps([ITEM]))])

    def body(self, **changed: Any) -> bytes:
        at = rfc3339(self.it.clock.now_ms())
        return json.dumps({"reference": ORDER, "status": "delivered", "at": at, **changed}).encode()

    async def receipt(
        self, body: bytes | None = None, *, id_: str = "r-1", secret: bytes = SECRET, off_s: int = 0,
        headers: dict[str, str] | None = None,
    ) -> tuple[int, Any]:  # fmt: skip
        sent = self.body() if body is None else body
        signed = dict(headers_of([secret], id_, int(self.it.clock.now_ms() / 1000) + off_s, sent))
        given = {"Content-Type": "application/json", **signed} | (headers or {})
        async with self.session.post(self.it.url + RECEIPTS, data=sent, headers=given) as answered:
            return answered.status, await answered.json(content_type=None)

    async def rest(self, until_s: float) -> None:
        """Nothing is due, and the switch says nothing; then all goes on."""
        self.switch._poll_ms = self.switch._beat_ms = START_MS + round(until_s * 1000)
        self.it.running = False
        await self.it.to(until_s)
        self.it.running = True

    async def disposition(self) -> str | None:
        return (await attempts_of(self.it, f"{CAMPAIGN}-1"))[0].disposition


@pytest.fixture
async def way(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Way]:
    async with opened(url, tmp_path, monkeypatch, channels='["sms"]') as made:
        yield made


@asynccontextmanager
async def opened(
    url: str, folder: Path, monkeypatch: pytest.MonkeyPatch, channels: str, gateway: str = ""
) -> AsyncIterator[Way]:
    async with AsyncExitStack() as stack:
        clock: list[Callable[[], float]] = []
        server = await stack.enter_async_context(gateway_server(now_s=lambda: clock[0]() / 1000))
        file = folder / "gateways.toml"
        file.write_text(
            f'[{TENANT}]\nurl = "{gateway or server.url}"\nsecrets = ["{WHSEC}"]\nchannels = {channels}\n', "utf-8"
        )
        monkeypatch.setenv("RINGBACK_MESSAGE_GATEWAYS", str(file))
        monkeypatch.setenv("RINGBACK_MESSAGE_GATEWAYS_LOOPBACK", "true")
        it = await stack.enter_async_context(scene(url))
        clock.append(it.clock.now_ms)
        switch = await DiallingSwitch.declared(it, {ONE: ["reached"]})
        await switch.to(5)
        yield Way(it, switch, server, await stack.enter_async_context(aiohttp.ClientSession()))


async def test_a_message_goes_to_the_gateway_and_its_receipt_reaches_the_contact(way: Way) -> None:
    await way.campaign(["sms", "auto"])
    await way.switch.to(8)
    [message] = way.server.received
    assert (message["command"], message["channel"], message["to"], message["id"]) == ("sendMessage", "sms", ONE, ORDER)
    assert message["reference"] == ORDER
    assert message["text"].startswith("【")
    assert 0 < message["valid_for_ms"] <= 10_000
    assert way.server.ids == [id_of(ORDER)]
    assert await way.disposition() is None
    assert await way.receipt() == (200, {"taken": True})
    await way.switch.to(10)
    assert await way.disposition() == "reached"
    assert (await contact_of(way.it, f"{CAMPAIGN}-1")).state == "reached"
    assert way.switch.received == []
    assert len(way.server.received) == 1


async def test_a_message_that_is_not_delivered_is_followed_by_a_call(way: Way) -> None:
    await way.campaign(["sms", "auto"])
    await way.switch.to(8)
    assert (await way.receipt(way.body(status="undeliverable", code="DELIVRD:NO")))[0] == 200
    await way.switch.to(10)
    assert await way.disposition() == "failedOther"
    await way.rest(890)
    await way.switch.to(940)
    assert [one.number for one in way.switch.received] == [ONE]


async def test_a_receipt_is_taken_once_and_another_of_the_same_message_too(way: Way) -> None:
    await way.campaign(["sms", "auto"])
    await way.switch.to(8)
    body = way.body(status="undeliverable")
    assert await way.receipt(body) == (200, {"taken": True})
    assert await way.receipt(body) == (200, {"taken": False})
    status, problem = await way.receipt(way.body(), id_="r-1")
    assert (status, problem["code"]) == (422, "idempotency_mismatch")
    assert await way.receipt(way.body(), id_="r-2") == (200, {"taken": True})
    assert await way.receipt(body) == (200, {"taken": False}), "a replay does not bring the earlier word back"
    await way.switch.to(10)
    assert await way.disposition() == "reached"


async def test_a_late_receipt_corrects_the_record_of_a_message_that_nobody_knew_of(way: Way) -> None:
    way.server.acts = [answer(500)]
    await way.campaign(["sms"])
    await way.switch.to(30)
    assert await way.disposition() is None, "its receipt may come"
    half_an_hour_s = 8 + SILENT_MS / 1000
    await way.rest(half_an_hour_s)
    await way.switch.to(half_an_hour_s + 60)
    assert await way.disposition() == "unknown"
    assert (await way.receipt())[0] == 200
    await way.switch.to(half_an_hour_s + 65)
    [attempt] = await attempts_of(way.it, f"{CAMPAIGN}-1")
    assert (attempt.disposition, attempt.revised) == ("reached", 1)
    assert len(way.server.received) == 1


async def test_a_receipt_in_time_reaches_the_contact_although_the_answer_was_lost(way: Way) -> None:
    way.server.acts = [answer(500)]
    await way.campaign(["sms"])
    await way.switch.to(30)
    assert (await way.receipt())[0] == 200
    await way.switch.to(35)
    [attempt] = await attempts_of(way.it, f"{CAMPAIGN}-1")
    assert (attempt.disposition, attempt.revised) == ("reached", 0)
    assert (await contact_of(way.it, f"{CAMPAIGN}-1")).state == "reached"


@pytest.mark.parametrize(
    "forged",
    [
        {"secret": b"another secret, as long as.."},
        {"off_s": -301},
        {"off_s": 301},
        {"headers": {signing.SIGNATURE: ""}},
        {"headers": {signing.SIGNATURE: "v1,AAAA"}},
        {"headers": {signing.ID: "r-2"}},
        {"headers": {signing.ID: "r.1"}},
        {"headers": {signing.TIMESTAMP: "now"}},
    ],
)
async def test_a_forged_or_an_old_receipt_changes_nothing(way: Way, forged: dict[str, Any]) -> None:
    await way.campaign(["sms", "auto"])
    await way.switch.to(8)
    status, problem = await way.receipt(**forged)
    assert (status, problem["code"]) == (401, "not_signed")
    assert "secret" not in json.dumps(problem).replace("no secret of", "")
    await way.switch.to(10)
    assert await way.disposition() is None


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"reference": "c0-1.1"}, "not_found"),
        ({"reference": f"{CAMPAIGN}-2.1"}, "not_found"),
        ({"status": "read"}, "invalid_body"),
        ({"at": "yesterday"}, "invalid_body"),
        ({"tenant": "other"}, "invalid_body"),
        ({"reference": "\0"}, "invalid_body"),
    ],
)
async def test_a_signed_receipt_that_says_nothing_of_ours(way: Way, changed: dict[str, Any], code: str) -> None:
    await way.campaign(["sms", "auto"])
    await way.switch.to(8)
    assert (await way.receipt(way.body(**changed)))[1]["code"] == code


async def test_a_receipt_of_a_call_s_order_is_refused(way: Way) -> None:
    await way.campaign(["auto"])
    await way.switch.to(8)
    assert [one.id for one in way.switch.received] == [ORDER]
    assert (await way.receipt())[1]["code"] == "not_found"


async def test_a_body_that_is_too_long_is_not_read(way: Way) -> None:
    status, problem = await way.receipt(b"{" + b" " * 20_000 + b"}")
    assert (status, problem["code"]) == (413, "too_large")


async def test_a_gateway_away_makes_its_contacts_wait_and_say_so(way: Way) -> None:
    way.server.acts = [answer(429, **{"Retry-After": "60"}), answer(202)]
    await way.campaign(["sms"])
    await way.switch.to(20)
    status, shown = await way.it.call("GET", f"/v1/campaigns/{CAMPAIGN}/contacts/{CAMPAIGN}-1")
    assert (status, shown["explain"]["why"]) == (200, "message_gateway_away")
    attempts = await attempts_of(way.it, f"{CAMPAIGN}-1")
    assert {one.step for one in attempts} == {"not_dialled"}
    [gauge] = context_of(way.it).metrics._away.collect()
    assert gauge.samples[0].value == 1
    await way.switch.to(75)
    await way.receipt(way.body(reference=f"{CAMPAIGN}-1.{len(attempts) + 1}"))
    await way.switch.to(80)
    assert (await contact_of(way.it, f"{CAMPAIGN}-1")).state == "reached"


async def test_no_switch_can_take_the_name_of_the_gateway(way: Way) -> None:
    status, _ = await way.it.call("PUT", f"/v1/switches/{MESSAGE_GATEWAY.replace(' ', '%20')}", {"commands": []})
    assert status in (400, 404, 422)


async def test_a_fax_goes_where_the_gateway_declares_it(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url, tmp_path, monkeypatch, channels='["sms", "fax"]') as way:
        await way.campaign(["fax", "auto"], ONE, LANDLINE)
        await way.switch.to(8)
        [message] = way.server.received
        assert (message["channel"], message["to"]) == ("fax", LANDLINE)
        await way.receipt()
        await way.switch.to(10)
        assert await way.disposition() == "reached"


async def test_the_simulated_gateway_delivers(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(url, tmp_path, monkeypatch, channels='["sms"]', gateway="simulated:") as way:
        await way.campaign(["sms"])
        await way.switch.to(15)
        assert await way.disposition() == "reached"
        assert way.server.received == []


async def test_an_sms_in_the_quiet_hours_waits_for_the_morning(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """21:00 in Shanghai is 13:00 UTC; the scene begins at 09:00 there."""
    async with opened(url, tmp_path, monkeypatch, channels='["sms"]') as way:
        quiet_s = 12 * 3_600 + 30
        await way.rest(quiet_s)
        await way.campaign(["sms"])
        await way.switch.to(quiet_s + 20)
        assert way.server.received == []
