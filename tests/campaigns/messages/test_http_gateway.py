"""The HTTP adapter against a real server: what each answer and each fault makes certain."""

import json
import socket

import pytest
from aiohttp import web

from campaigns.messages import http_gateway
from campaigns.messages.addresses import CheckedResolver
from campaigns.messages.http_gateway import HttpGateway, answer_of, wait_of
from campaigns.messages.port import Answer, Message, Verdict
from tests.campaigns.messages.gateway_server import SECRET, GatewayServer, answer, cut, gateway_server

NOW_MS = 1_772_500_000_000
BODY = json.dumps({"id": "c0-7.2", "command": "sendMessage", "to": "+8613800000001", "text": "停电"})


def adapter(url: str) -> HttpGateway:
    return HttpGateway(url, [SECRET], 4, lambda: NOW_MS, loopback=True)


def message(*left_ms: float) -> Message:
    """Valid for so long at each look; the last from then on."""
    left = list(left_ms)
    return Message("c0-7.2", BODY, lambda: left.pop(0) if len(left) > 1 else left[0])


async def sent(url: str, given: Message | None = None) -> Answer:
    gateway = adapter(url)
    try:
        return await gateway.send(given or message(10_000))
    finally:
        await gateway.close()


async def tried(server: GatewayServer, given: Message | None = None) -> Answer:
    return await sent(server.url, given)


def now_s() -> float:
    return NOW_MS / 1000


async def test_a_message_goes_out_signed_with_its_order_and_how_long_it_is_valid() -> None:
    async with gateway_server(now_s=now_s) as server:
        assert await tried(server, message(7_250.9)) == Answer(Verdict.TAKEN, "http 202")
    assert server.received == [{**json.loads(BODY), "valid_for_ms": 7_250}]
    assert server.ids == ["c0-7_2"]


@pytest.mark.parametrize(
    ("status", "headers", "expected"),
    [
        (200, {}, Answer(Verdict.TAKEN, "http 200")),
        (204, {}, Answer(Verdict.TAKEN, "http 204")),
        (307, {"Location": "/messages"}, Answer(Verdict.NOT_TAKEN, "http 307", away=True)),
        (400, {}, Answer(Verdict.REFUSED, "http 400")),
        (422, {}, Answer(Verdict.REFUSED, "http 422")),
        (401, {}, Answer(Verdict.NOT_TAKEN, "http 401", away=True)),
        (404, {}, Answer(Verdict.NOT_TAKEN, "http 404", away=True)),
        (408, {}, Answer(Verdict.UNKNOWN, "http 408", away=True)),
        (410, {}, Answer(Verdict.NOT_TAKEN, "http 410", away=True)),
        (429, {}, Answer(Verdict.NOT_TAKEN, "http 429", away=True, wait_s=1.0)),
        (429, {"Retry-After": "7"}, Answer(Verdict.NOT_TAKEN, "http 429", away=True, wait_s=7.0)),
        (503, {"Retry-After": "30"}, Answer(Verdict.NOT_TAKEN, "http 503", away=True, wait_s=30.0)),
        (503, {}, Answer(Verdict.UNKNOWN, "http 503", away=True)),
        (500, {}, Answer(Verdict.UNKNOWN, "http 500", away=True)),
        (502, {}, Answer(Verdict.UNKNOWN, "http 502", away=True)),
        (504, {}, Answer(Verdict.UNKNOWN, "http 504", away=True)),
    ],
)
async def test_what_each_answer_makes_certain(status: int, headers: dict[str, str], expected: Answer) -> None:
    async with gateway_server(answer(status, **headers), now_s=now_s) as server:
        assert await tried(server) == expected
    assert len(server.received) == 1, "never twice, and no redirect is followed"


async def test_a_message_that_left_without_an_answer_is_unknown_and_never_repeated() -> None:
    async with gateway_server(cut, now_s=now_s) as server:
        found = await tried(server)
    assert (found.verdict, found.away) == (Verdict.UNKNOWN, True)
    assert len(server.received) == 1


async def test_a_gateway_that_does_not_answer_in_time_leaves_it_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_gateway, "TIMEOUT_S", 1.0)
    async with gateway_server(answer(202), now_s=now_s) as server:
        server.acts = [server.hold]
        found = await tried(server)
    assert (found.verdict, found.detail, found.away) == (Verdict.UNKNOWN, "TimeoutError", True)


async def test_a_connection_that_is_refused_is_certainly_not_sent() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        found = await sent(f"http://127.0.0.1:{taken.getsockname()[1]}/messages")
    assert (found.verdict, found.away) == (Verdict.NOT_TAKEN, True)


@pytest.mark.parametrize("left_ms", [(0.0,), (10_000.0, -1.0), (5.0, 0.0)])
async def test_what_expires_before_its_first_byte_is_not_sent(left_ms: tuple[float, ...]) -> None:
    """Also while the connection was being made: the look after that is the last one."""
    looks = list(left_ms)
    given = Message("c0-7.2", BODY, lambda: looks.pop(0) if looks else -1.0)
    async with gateway_server(now_s=now_s) as server:
        found = await tried(server, given)
    assert (found, server.received) == (Answer(Verdict.NOT_TAKEN, "expired"), [])


async def test_a_long_answer_is_not_read_to_its_end() -> None:
    written = 0

    async def pours(request: web.Request) -> web.StreamResponse:
        nonlocal written
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(10_000):
            await response.write(b"x" * 65_536)
            written += 65_536
        return response

    async with gateway_server(pours, now_s=now_s) as server:
        assert (await tried(server)).verdict is Verdict.TAKEN
    assert written < 100_000_000


async def test_no_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with gateway_server(now_s=now_s) as server:
        assert (await tried(server)).verdict is Verdict.TAKEN


async def test_a_name_of_the_house_gets_no_byte() -> None:
    async with gateway_server(now_s=now_s) as server:
        gateway = adapter(server.url.replace("127.0.0.1", "localhost"))
        assert (await gateway.send(message(10_000))).verdict is Verdict.TAKEN
        await gateway.close()
        gateway = adapter(server.url.replace("127.0.0.1", "localhost"))
        gateway._resolver = CheckedResolver()
        found = await gateway.send(message(10_000))
        assert not await gateway.is_there()
        await gateway.close()
    assert (found.verdict, found.away, len(server.received)) == (Verdict.NOT_TAKEN, True, 1)


async def test_an_address_of_the_house_gets_no_byte_though_no_name_was_resolved() -> None:
    async with gateway_server(now_s=now_s) as server:
        gateway = adapter(server.url)
        gateway._loopback = False
        found = await gateway.send(message(10_000))
        await gateway.close()
    assert (found.verdict, server.received) == (Verdict.NOT_TAKEN, [])


async def test_it_is_there_while_it_can_be_connected_to() -> None:
    async with gateway_server(now_s=now_s) as server:
        gateway = adapter(server.url)
        assert await gateway.is_there()
    assert not await gateway.is_there()
    assert server.received == []


@pytest.mark.parametrize(
    ("text", "wait_s"),
    [
        (None, None), ("0", 1.0), ("17", 17.0), ("99999999999999999999", 300.0), ("soon", None), ("-5", None),
        ("Tue, 03 Mar 2026 01:07:00 GMT", 20.0), ("Tue, 03 Mar 2026 01:00:00 GMT", 1.0),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None), ("Mon, 01 Jan 99999999999999999999 00:00:00 GMT", None),
    ],
)  # fmt: skip
def test_how_long_it_asks_to_wait(text: str | None, wait_s: float | None) -> None:
    assert wait_of(text, NOW_MS) == wait_s


@pytest.mark.parametrize("status", range(100, 600))
def test_every_status_has_its_verdict(status: int) -> None:
    found = answer_of(status, None)
    assert (found.verdict is Verdict.TAKEN) == (200 <= status < 300)
    assert found.verdict is not Verdict.NOT_TAKEN or 300 <= status < 500
