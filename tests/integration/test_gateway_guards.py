"""What keeps the door open for all: shares of streams, slow connections, headers of every answer, bounded labels."""

import asyncio
import contextlib
import json
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from cti.core.agent import Agent, AgentState
from cti.engine.metrics import OTHER, CallMetrics
from cti.rows import KeyRow, Round, SourceRow, SwitchRow
from cti.telemetry import Telemetry
from cti.web.auth import digest_of, new_key
from cti.web.limits import Limits
from cti.web.server import Conversation, listen
from tests.integration.gateway_site import NOW_MS, SOURCE, TENANT, Site, event, site_at
from tests.integration.test_gateway_reads import call_of, product_at

LONG_POLL = "/v1/switches/pbx-1/commands?wait_s=60"


async def polls(site: Site, key: dict[str, str], count: int) -> list[asyncio.Task[Any]]:
    return [asyncio.create_task(site.ask("GET", LONG_POLL, key)) for _ in range(count)]


async def test_a_tenant_has_a_share_of_the_streams_and_another_always_finds_one() -> None:
    async with site_at("memory:", Limits(streams=8, streams_per_switch=100)) as site:
        one, other = await site.key(), await site.key(tenant="other")
        waiting = await polls(site, one, 4)
        await site.telemetry.streams_are(4)
        answer = await site.ask("GET", LONG_POLL, one)
        assert (answer.status, answer.code) == (429, "too_many_streams")
        assert "share" in answer.json()["detail"]
        waiting += await polls(site, other, 2)
        await site.telemetry.streams_are(6)
        assert (await site.ask("GET", LONG_POLL, other)).status == 429
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_switch_that_has_not_declared_itself_has_no_stream(site: Site) -> None:
    key = await site.key()
    answer = await site.ask("GET", "/v1/switches/nobody/commands", key)
    assert (answer.status, answer.code) == (404, "switch_undeclared")
    assert (await site.put(key, "/v1/switches/nobody", {"commands": []})).status == 200
    assert (await site.ask("GET", "/v1/switches/nobody/commands", key)).status == 200


async def test_a_switch_declared_at_another_process_has_one_at_once(site: Site) -> None:
    key = await site.key()
    assert (await site.ask("GET", "/v1/switches/late/commands", key)).status == 404
    await site.ledger.put_switch(SwitchRow(TENANT, "late", "/switches/late", '{"commands":[]}'))
    assert (await site.ask("GET", "/v1/switches/late/commands", key)).status == 200


async def test_of_two_switches_that_declare_one_source_at_once_one_has_it(site: Site) -> None:
    key = await site.key("events:write")
    body = {"commands": [], "source": "/pbx/both"}
    answers = await asyncio.gather(*(site.put(key, f"/v1/switches/s{n}", body) for n in range(6)))
    assert sorted(answer.status for answer in answers) == [200, 409, 409, 409, 409, 409]
    assert [row.source for row in await site.ledger.tenant_switches(TENANT)].count("/pbx/both") == 1


async def test_a_bound_key_takes_no_source_that_others_have_sent_from(site: Site) -> None:
    bound = await site.key("events:write", switches="evil")
    await site.commit(Round(sources=[SourceRow(TENANT, "/pbx/old", 0, "offered")]))
    answer = await site.put(bound, "/v1/switches/evil", {"commands": [], "source": "/pbx/old"})
    assert (answer.status, answer.code) == (409, "source_taken")
    free = await site.key("events:write")
    assert (await site.put(free, "/v1/switches/good", {"commands": [], "source": "/pbx/old"})).status == 200


async def test_nor_one_whose_events_are_not_processed_yet() -> None:
    async with site_at("memory:", Limits(position_wait_s=0.01)) as site:
        await site.post(await site.key("events:write"), event(1, source="/pbx/new"))
        bound = await site.key("events:write", switches="evil")
        answer = await site.put(bound, "/v1/switches/evil", {"commands": [], "source": "/pbx/new"})
        assert (answer.status, answer.code) == (503, "overloaded")


async def test_a_bound_key_does_not_speak_for_a_source_that_another_switch_has_declared(site: Site) -> None:
    assert (
        await site.put(await site.key("events:write"), "/v1/switches/other", {"commands": [], "source": "/switches/x"})
    ).status == 200
    assert (await site.post(await site.key("events:write", switches="x"), event(1, source="/switches/x"))).status == 403


async def test_a_key_that_is_bound_reads_its_own_switches_only(store_url: str) -> None:
    async with product_at(store_url) as product:
        mine = [one | {"source": "/switches/mine"} for one in call_of(2, ring_ms=20_000)]
        position = await product.post(call_of(1, ring_ms=20_000) + mine)
        every = (await product.get(f"/v1/calls?min_position={position}")).json()["calls"]
        assert {call["source"] for call in every} == {SOURCE, "/switches/mine"}
        bound = await product.service.new_key(TENANT, ("calls:read",), ("mine",))
        [call] = (await product.get("/v1/calls", bound)).json()["calls"]
        assert call["source"] == "/switches/mine"
        for each in every:
            status = (await product.get(f"/v1/calls/{each['call']}", bound)).status
            assert status == (200 if each["source"] == "/switches/mine" else 404)
        other = next(each["call"] for each in every if each["source"] == SOURCE)
        assert (await product.get(f"/v1/calls/{other}?timeline_cursor=0~0", bound)).status == 404
        records = (await product.get("/v1/records", bound)).body.splitlines()
        assert [json.loads(line)["source"] for line in records] == ["/switches/mine"]
        breaches = (await product.get("/v1/breaches", bound)).json()["breaches"]
        assert {breach["source"] for breach in breaches} == {"/switches/mine"}
        figures = (await product.get("/v1/indicators?by=queue", bound)).json()
        assert (figures["calls"], figures["rules"]["RING-1"]["breaches"]) == (1, 1)
        assert [group["calls"] for group in figures["groups"]] == [1]
        assert (await product.get("/v1/calls?source=%2Fswitches%2Fpbx-1", bound)).json()["calls"] == []


async def test_a_call_is_read_in_pages_of_its_timeline(store_url: str) -> None:
    async with product_at(store_url) as product:
        position = await product.post(call_of(1))
        [listed] = (await product.get(f"/v1/calls?min_position={position}")).json()["calls"]
        path = f"/v1/calls/{listed['call']}"
        whole = (await product.get(path)).json()
        assert (len(whole["timeline"]), whole["timeline_next"]) == (6, None)
        page = (await product.get(f"{path}?timeline_limit=2")).json()
        assert page["rules"] == whole["rules"]
        seen, pages = page["timeline"], 1
        while (cursor := page["timeline_next"]) is not None:
            page = (await product.get(f"{path}?timeline_limit=2&timeline_cursor={cursor}")).json()
            seen, pages = seen + page["timeline"], pages + 1
        assert (seen, pages) == (whole["timeline"], 3)
        assert "rules" not in page
        assert (await product.get(f"{path}?timeline_cursor=x")).code == "bad_parameter"


async def test_a_key_ends_at_its_time(site: Site) -> None:
    key_id, key = new_key()
    row = KeyRow(key_id, digest_of(key), TENANT, "calls:read", "*", "", NOW_MS, None, NOW_MS + 1000)
    await site.ledger.add_key(row)
    headers = {"Authorization": f"Bearer {key}"}
    assert (await site.ask("GET", "/v1/calls", headers)).status == 200
    site.clock.move_to(NOW_MS + 1000)
    answer = await site.ask("GET", "/v1/calls", headers)
    assert (answer.status, answer.code) == (401, "key_expired")
    assert "invalid_token" in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("path", ["/v1/calls", "/v1/nothing", "/healthz", "/metrics", "/openapi.json", "/v1/records"])
async def test_no_answer_is_kept_or_sniffed_or_names_a_version(site: Site, path: str) -> None:
    for headers in (await site.key(), {}):
        answer = await site.ask("GET", path, headers)
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert not any(letter.isdigit() for letter in answer.headers["Server"])


async def connected(site: Site) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", site.listening.port)


async def rest_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the server ends the connection."""
    async with asyncio.timeout(10):
        with contextlib.suppress(ConnectionResetError):
            return await reader.read()
    return b""


async def test_what_is_no_http_is_answered_with_the_same_headers(site: Site) -> None:
    reader, writer = await connected(site)
    writer.write(b"NONSENSE\x00 / HTTP\r\n\r\n")
    text = (await reader.read()).decode("latin-1").lower()
    writer.close()
    assert "cache-control: no-store" in text
    assert "x-content-type-options: nosniff" in text


@pytest.mark.parametrize("said", [b"", b"GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Ty"])
async def test_who_sends_no_headers_is_cut_off(said: bytes) -> None:
    async with site_at("memory:", Limits(headers_s=0.05)) as site:
        reader, writer = await connected(site)
        writer.write(said)
        assert await rest_of(reader) == b""
        writer.close()


async def test_the_second_request_of_a_connection_may_not_dawdle_either() -> None:
    async with site_at("memory:", Limits(headers_s=0.05)) as site:
        reader, writer = await connected(site)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readuntil(b'{"status":"ok"}')
        writer.write(b"GET /healthz HTTP/1.1\r\nHo")
        assert await rest_of(reader) == b""
        writer.close()


async def test_a_body_that_began_before_its_handler_may_take_longer_than_headers() -> None:
    late, begun = asyncio.Event(), list[Conversation]()

    async def handle(request: web.Request) -> web.Response:
        assert isinstance(request.protocol, Conversation)
        request.protocol._await_headers()  # as by a piece of the body that comes before the handler's task runs
        begun.append(request.protocol)
        asyncio.get_running_loop().call_later(0.2, late.set)  # four times as long as headers may take
        await late.wait()
        return web.json_response({"bytes": len(await request.read())})

    app = web.Application()
    app.router.add_post("/", handle)
    listening = await listen(app, "127.0.0.1", 0, Limits(headers_s=0.05), stop_s=0.1)
    async with aiohttp.ClientSession() as session, session.post(listening.url, data=b"x" * 100) as answer:
        assert await answer.json() == {"bytes": 100}
    assert begun
    await listening.stop()


class Pipe(asyncio.Transport):
    """A transport of which a test says how much is unread."""

    def __init__(self) -> None:
        super().__init__()
        self.unread, self.aborted, self.looked = 1_000_000, asyncio.Event(), asyncio.Event()

    def close(self) -> None:
        """Nothing is left to be written."""

    def get_write_buffer_size(self) -> int:
        self.looked.set()
        return self.unread

    def abort(self) -> None:
        self.aborted.set()


async def test_who_does_not_read_is_cut_off_and_who_reads_slowly_is_not() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        return web.Response()

    async with site_at("memory:", Limits(answer_s=0.01)) as site:
        conversation, pipe = Conversation(site.listening._site, web.Server(handler)), Pipe()
        conversation.connection_made(pipe)
        conversation.pause_writing()
        for _ in range(3):
            pipe.looked.clear()
            pipe.unread -= 100_000
            await pipe.looked.wait()
        assert not pipe.aborted.is_set()
        async with asyncio.timeout(10):
            await pipe.aborted.wait()
        conversation.connection_lost(None)


async def test_connections_without_a_key_have_a_limit_and_others_stay() -> None:
    async with site_at("memory:", Limits(connections_without_key=3)) as site:
        key = await site.key()
        assert (await site.ask("GET", "/v1/calls", key)).status == 200
        mute = [await connected(site) for _ in range(4)]
        assert await rest_of(mute[0][0]) == b"", "the oldest goes"
        mute[3][1].write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200 OK" in await mute[3][0].readline()
        assert (await site.ask("GET", "/v1/calls", key)).status == 200
        for _, writer in mute:
            writer.close()


def test_the_labels_of_sources_are_bounded_and_one_tenant_takes_half_at_most() -> None:
    telemetry = Telemetry()
    metrics = CallMetrics(telemetry, sources_max=8)
    for n in range(20_000):
        metrics.source("flood", f"/s/{n}", n, n != 19_999)
    metrics.source("other", "/s/1", 5, True)
    text = telemetry.exposition().decode()
    lags = [line for line in text.splitlines() if line.startswith("ringback_source_lag_seconds{")]
    assert sum('tenant="flood"' in line for line in lags) == 4
    assert sum('tenant="other",' in line and 'source="/s/1"' in line for line in lags) + sum(
        'source="/s/1",tenant="other"' in line for line in lags
    ) == 1  # fmt: skip
    assert f'ringback_source_lag_seconds{{source="{OTHER}",tenant="{OTHER}"}} 19.999' in lags
    assert f'ringback_source_distrusted{{source="{OTHER}",tenant="{OTHER}"}} 1.0' in text


def test_no_label_is_a_telephone_number() -> None:
    telemetry = Telemetry()
    CallMetrics(telemetry).source("t", "sip:+8613987654321@pbx", 1, True)
    text = telemetry.exposition().decode()
    assert "13987654321" not in text
    assert "sip:+86139****4321@pbx" in text


def test_agents_are_never_fewer_than_none() -> None:
    telemetry = Telemetry()
    metrics = CallMetrics(telemetry)
    metrics.agent_moved(None, AgentState.READY)
    metrics.agent_moved(AgentState.LOGGED_OFF, AgentState.READY)
    metrics.agent_moved(AgentState.READY, AgentState.BUSY)
    text = telemetry.exposition().decode()
    assert 'ringback_agents{state="loggedOff"} -' not in text
    assert 'ringback_agents{state="ready"} 1.0' in text
    metrics.agents_are([Agent(AgentState.BUSY)])
    metrics.agent_moved(AgentState.BUSY, AgentState.LOGGED_OFF)
    assert 'ringback_agents{state="loggedOff"} 1.0' in telemetry.exposition().decode()
