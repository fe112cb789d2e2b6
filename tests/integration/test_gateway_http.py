"""The door as plain HTTP: methods, unknown paths, probes, and clients that mean no good."""

import asyncio
import json
from typing import Any

import pytest

from cti.adapters.ledger.memory import MemoryLedger
from cti.errors import LedgerAway
from cti.web.limits import Limits
from tests.integration.gateway_site import ONE, Site, event, site_at


async def raw(site: Site, *parts: bytes) -> bytes:
    """What the server says to these bytes until it closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
    for part in parts:
        writer.write(part)
        await writer.drain()
    try:
        return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("GET", "/v1/events", "OPTIONS, POST"),
        ("DELETE", "/v1/switches/pbx-1", "GET, HEAD, OPTIONS, PUT"),
        ("POST", "/v1/calls", "GET, HEAD, OPTIONS"),
        ("HEAD", "/v1/switches/pbx-1/commands", "GET, OPTIONS"),
        ("TRACE", "/healthz", "GET, HEAD, OPTIONS"),
    ],
)
async def test_a_wrong_method_is_told_the_right_ones(method: str, path: str, allow: str) -> None:
    async with site_at("memory:") as site:
        answer = await site.ask(method, path, await site.key())
        assert (answer.status, answer.headers["Allow"]) == (405, allow)
        assert method == "HEAD" or answer.code == "method_not_allowed"
        assert (await site.ask("OPTIONS", path)).headers["Allow"] == allow
        label = "other" if method == "TRACE" else method
        assert f'method="{label}"' in site.telemetry.exposition().decode()


@pytest.mark.parametrize(
    "path", ["/", "/v1", "/v1/nothing", "/v1/calls/", "/v1/switches/a%2Fb", "/v1/switches/%00", "//"]
)
async def test_what_is_not_there_is_not_found(path: str) -> None:
    async with site_at("memory:") as site:
        answer = await site.ask("GET", path, await site.key("admin"))
        assert (answer.status, answer.code) == (404, "not_found")


async def test_labels_of_metrics_come_from_a_closed_list() -> None:
    async with site_at("memory:") as site:
        for n in range(20):
            await site.ask("GET", f"/v1/calls/{n}", await site.key())
            await site.ask("GET", f"/invented/{n}")
        text = (await site.ask("GET", "/metrics")).body.decode()
        routes = {line.split('route="')[1].split('"')[0] for line in text.splitlines() if 'route="' in line}
        assert routes == {"/v1/calls/{call}", "unmatched"}


async def test_an_unknown_parameter_is_named() -> None:
    async with site_at("memory:") as site:
        key = await site.key()
        for path in ("/v1/events?verbose=1", "/healthz?verbose=1", "/v1/switches/pbx-1?verbose=1"):
            method = "POST" if "events" in path else "GET"
            answer = await site.ask(method, path, key, b"{}" if method == "POST" else None)
            assert (answer.status, answer.code) == (400, "unknown_parameter")
            assert [each["pointer"] for each in answer.json()["errors"]] == ["verbose"]


async def test_head_is_get_without_a_body(site: Site) -> None:
    key = await site.key()
    get, head = [await site.ask(method, "/v1/calls", key) for method in ("GET", "HEAD")]
    assert (head.status, head.body) == (200, b"")
    assert head.headers["Content-Length"] == get.headers["Content-Length"] == str(len(get.body))


async def test_the_probes_need_no_key(site: Site) -> None:
    assert (await site.ask("GET", "/healthz")).json() == {"status": "ok"}
    assert (await site.ask("GET", "/readyz")).json() == {"status": "ready", "checks": {"ledger": "ok"}}
    metrics = await site.ask("GET", "/metrics")
    assert metrics.headers["Content-Type"].startswith("text/plain")
    assert b"ringback_http_request_seconds_count" in metrics.body
    assert (await site.ask("GET", "/openapi.json")).json()["openapi"] == "3.1.0"


async def test_not_ready_says_what_is_missing() -> None:
    async def ready() -> dict[str, str | None]:
        return {"log": None, "ledger": "cannot be reached"}

    async with site_at("memory:", ready=ready) as site:
        answer = await site.ask("GET", "/readyz")
        assert (answer.status, answer.json()["checks"]) == (503, {"log": "ok", "ledger": "cannot be reached"})


class AwayLedger(MemoryLedger):
    """Its reads cannot be reached."""

    async def positions(self) -> dict[int, int]:
        raise LedgerAway("tried")


class BrokenLedger(MemoryLedger):
    """Has a defect."""

    async def positions(self) -> dict[int, int]:
        raise ZeroDivisionError("secret inside")


async def test_a_ledger_that_is_away_is_said_to_be() -> None:
    async with site_at("memory:", reads=AwayLedger()) as site:
        answer = await site.ask("GET", "/v1/calls", await site.key())
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "ledger_away", "2")


async def test_a_defect_of_ours_shows_nothing_of_its_inside() -> None:
    async with site_at("memory:", reads=BrokenLedger()) as site:
        answer = await site.ask("GET", "/v1/calls", await site.key())
        assert (answer.status, answer.code) == (500, "internal")
        assert b"secret" not in answer.body
        assert (await site.ask("GET", "/healthz")).status == 200


@pytest.mark.parametrize(
    ("expected", "status", "said"), [("200-ok", 417, b'"expectation_failed"'), ("100-continue", 202, b'"accepted"')]
)
async def test_what_is_expected_of_a_body(expected: str, status: int, said: bytes) -> None:
    async with site_at("memory:") as site:
        key, body = (await site.key())["Authorization"], json.dumps(event()).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: {key}\r\n"
        head += f"Expect: {expected}\r\nContent-Type: {ONE}\r\nContent-Length: {len(body)}\r\n\r\n"
        answer = await raw(site, head.encode(), body)
        assert f" {status} ".encode() in answer
        assert said in answer


async def test_a_body_that_dawdles_is_given_up() -> None:
    async with site_at("memory:", Limits(body_s=0.05, linger_s=0)) as site:
        key = (await site.key())["Authorization"]
        reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
        writer.write(f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\n".encode())
        writer.write(f"Content-Type: {ONE}\r\nContent-Length: 100\r\n\r\n{{".encode())
        said = await reader.read()
        assert said.startswith(b"HTTP/1.1 408 ")
        assert b'"body_too_slow"' in said
        writer.close()


async def test_a_body_that_will_be_too_large_is_not_waited_for() -> None:
    async with site_at("memory:", Limits(linger_s=0)) as site:
        key = (await site.key())["Authorization"]
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: {ONE}\r\n"
        said = await raw(site, f"{head}Content-Length: 5000000000\r\n\r\n".encode())
        assert said.startswith(b"HTTP/1.1 413 ")
        assert b'"too_large"' in said


async def test_a_client_that_says_nothing_is_let_go() -> None:
    async with site_at("memory:", Limits(idle_s=0.05)) as site:
        for start in (b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
            writer.write(start)
            assert await reader.read() == b""
            writer.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /healthz HTTP/9.9\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\x00c\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 500 + b"\r\n",
    ],
)
async def test_what_is_no_http_is_refused_and_the_door_stays_open(request_bytes: bytes) -> None:
    async with site_at("memory:") as site:
        head, body = (await raw(site, request_bytes)).split(b"\r\n\r\n")
        assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
        assert json.loads(body)["code"] == "bad_request"
        assert (await site.ask("GET", "/healthz")).status == 200


async def test_a_client_that_leaves_in_the_middle_of_its_body_leaves_no_trace(site: Site) -> None:
    key = (await site.key())["Authorization"]
    body = json.dumps(event(1)).encode()
    head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: {ONE}\r\n"
    for half in (True, False):
        _, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
        writer.write(f"{head}Content-Length: {len(body) + 1}\r\n\r\n".encode() + body)
        if half:
            writer.write_eof()
        writer.close()
        await writer.wait_closed()
    assert (await site.post({"Authorization": key}, event(2))).status == 202
    assert [json.loads(entry.body)["id"] for entry in await site.kept()] == ["e-2"]


async def test_connections_are_bounded() -> None:
    async with site_at("memory:", Limits(connections=3)) as site:
        held = []
        for _ in range(3):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 200")
            held.append(writer)
        reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
        head, body = (await reader.read()).split(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503 ")
        assert json.loads(body)["code"] == "overloaded"
        for each in (*held, writer):
            each.close()
            await each.wait_closed()
        for _ in range(1000):  # the server hears of it a little later than we
            reader, writer = await asyncio.open_connection("127.0.0.1", site.listening.port)
            writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            try:
                served = (await reader.read()).startswith(b"HTTP/1.1 200")
            except ConnectionError:
                served = False
            writer.close()
            if served:
                return
        pytest.fail("a place that was left is not given again")


async def test_values_from_the_client_never_become_headers() -> None:
    async with site_at("memory:") as site:
        answer = await site.ask("GET", "/v1/calls?limit=%0d%0aInjected:%201", await site.key())
        assert answer.status == 400
        assert "Injected" not in answer.headers


async def test_many_requests_on_one_connection_are_answered_in_order(site: Site) -> None:
    key = (await site.key())["Authorization"]
    sent: list[Any] = []
    for n in range(20):
        body = json.dumps(event(n)).encode()
        head = f"POST /v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: {key}\r\nContent-Type: {ONE}\r\n"
        sent.append(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    said = await raw(site, b"".join(sent), b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert said.count(b"HTTP/1.1 202 ") == 20
    assert {json.loads(entry.body)["id"] for entry in await site.kept()} == {f"e-{n}" for n in range(20)}
