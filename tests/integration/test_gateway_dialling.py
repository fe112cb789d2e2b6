"""Dial orders over a real socket and a real ledger: each leaves once, to the newest subscription of its switch."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from cti.adapters.store import Store
from cti.dial.pace import MARGIN_MS, PACE_MS
from cti.dial.rows import DialClaim
from cti.errors import LedgerAway, NoDialStream
from cti.rows import Round
from cti.web.limits import Limits
from tests.integration.dialling_site import SOON, SWITCH, DialSite, dialling_at
from tests.integration.gateway_site import NOW_MS, TENANT
from tests.integration.test_gateway_commands import STREAM, Stream, streamed

HANGS_S = 60.0


class Gate:
    """The dial orders of a store, whose claims wait at `going`, or fail as `faults` says."""

    def __init__(self, store: Store) -> None:
        self._orders = store.dial
        self.going = asyncio.Event()
        self.going.set()
        self.waiting = asyncio.Event()  # a claim is at the gate
        self.away = False
        self.failed = 0
        self.claims = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._orders, name)

    async def claim(self, *asked: Any) -> DialClaim:
        self.claims += 1
        if self.away:
            self.failed += 1
            raise LedgerAway("tried")
        if not self.going.is_set():
            self.waiting.set()
            await self.going.wait()
        assert self._orders is not None
        return await self._orders.claim(*asked)


async def next_id(stream: Stream) -> str:
    async with asyncio.timeout(HANGS_S):
        return str((await stream.command())["id"])


async def subscribed(it: DialSite, count: int, switch: str = SWITCH, tenant: str = TENANT) -> None:
    async with asyncio.timeout(HANGS_S):
        await it.subscribed(count, switch, tenant)


async def test_an_order_goes_into_the_stream_with_the_time_it_has_left(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it, streamed(it.site, await it.site.key()) as stream:
        await subscribed(it, 1)
        await it.put("a")
        async with asyncio.timeout(HANGS_S):
            order = await stream.command()
        assert (order["id"], order["command"], order["valid_for_ms"]) == ("a", "makeCall", 10_000)
        assert await it.state("a") == "sent"


async def test_the_older_of_two_streams_gets_nothing_but_inbound_commands(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        async with streamed(it.site, key) as older:
            await subscribed(it, 1)
            async with streamed(it.site, key) as newer:
                await subscribed(it, 2)
                await it.put("a", "b")
                assert [await next_id(newer) for _ in range(2)] == ["a", "b"]
                await it.site.commit(Round(commands=[it.site.command(1)]))
                assert [await next_id(each) for each in (older, newer)] == ["cmd-0-1"] * 2


@pytest.mark.parametrize("after", ["", "?after=0:0", "?wait_s=0"])
async def test_nothing_is_sent_again_to_a_switch_that_connects_anew(tmp_path: Path, after: str) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        async with streamed(it.site, key) as stream:
            await subscribed(it, 1)
            await it.put("a")
            assert await next_id(stream) == "a"
        if "wait_s" in after:
            assert (await it.site.ask("GET", STREAM + after, key)).json()["commands"] == []
            return
        async with streamed(it.site, {**key, "Last-Event-ID": "a"}, STREAM + after) as again:
            async with asyncio.timeout(HANGS_S):
                while not await it.living():
                    pass
            await it.put("b")
            assert await next_id(again) == "b"


async def test_an_order_withdrawn_before_its_claim_never_leaves(tmp_path: Path) -> None:
    async with dialling_at(tmp_path, dial_orders=Gate) as it, streamed(it.site, await it.site.key()) as stream:
        gate: Any = it.orders
        await subscribed(it, 1)
        gate.going.clear()
        async with asyncio.timeout(HANGS_S):
            await gate.waiting.wait()
        await it.put("a", "b")
        assert await it.withdraw("a") == {"a"}
        gate.going.set()
        assert await next_id(stream) == "b"
        assert [await it.withdraw("b"), await it.state("a"), await it.state("b")] == [set(), "withdrawn", "sent"]


async def test_an_inbound_command_does_not_wait_for_a_claim(tmp_path: Path) -> None:
    async with dialling_at(tmp_path, dial_orders=Gate) as it, streamed(it.site, await it.site.key()) as stream:
        gate: Any = it.orders
        await subscribed(it, 1)
        gate.going.clear()
        async with asyncio.timeout(HANGS_S):
            await gate.waiting.wait()
        await it.put("a")
        await it.site.commit(Round(commands=[it.site.command(1)]))
        assert await next_id(stream) == "cmd-0-1"
        gate.going.set()
        assert await next_id(stream) == "a"


async def test_an_inbound_command_waits_for_one_claim_at_most_while_many_orders_leave(tmp_path: Path) -> None:
    """Counted, not timed: so many orders may stand before it in the stream."""
    limits = Limits(key_cache_s=0.01, dial_poll_s=0.01, dial_gap_s=0.001, dial_claim=5)
    async with dialling_at(tmp_path, limits) as it, streamed(it.site, await it.site.key()) as stream:
        await subscribed(it, 1)
        total, seen, inbound = 200, [], 0
        await it.put(*(f"o{n}" for n in range(total)))
        while len(seen) < total:
            order = await next_id(stream)
            if order.startswith("cmd"):
                continue
            seen.append(order)
            if len(seen) % 50 == 0 and len(seen) < total:
                inbound += 1
                await it.site.commit(Round(commands=[it.site.command(inbound)]))
                between = 0
                while not (order := await next_id(stream)).startswith("cmd"):
                    seen.append(order)
                    between += 1
                assert between < total / 2
        assert seen == [f"o{n}" for n in range(total)]
        assert inbound >= 1


async def test_a_ledger_that_is_away_for_claims_stops_no_inbound_command(tmp_path: Path) -> None:
    async with dialling_at(tmp_path, dial_orders=Gate) as it, streamed(it.site, await it.site.key()) as stream:
        gate: Any = it.orders
        await subscribed(it, 1)
        gate.away = True
        await it.put("a")
        for n in range(1, 4):
            await it.site.commit(Round(commands=[it.site.command(n)]))
            assert await next_id(stream) == f"cmd-0-{n}"
        async with asyncio.timeout(HANGS_S):
            while not gate.failed:
                await it.state("a")
        gate.away = False
        assert await next_id(stream) == "a"


@pytest.mark.parametrize("changed", [{"outbound": None}, {"commands": ["makeCall"]}, {"facts": ["originated"]}])
async def test_a_switch_that_did_not_declare_it_never_sees_one(tmp_path: Path, changed: Mapping[str, Any]) -> None:
    async with dialling_at(tmp_path) as it:
        await it.declare("pbx-2", **changed)
        key = await it.site.key()
        async with streamed(it.site, key, "/v1/switches/pbx-2/commands") as stream:
            with pytest.raises(NoDialStream):
                await it.put("a", switch="pbx-2")
            await it.put("ask", switch="pbx-2", command="snapshotCall", about="a")
            polled = await it.site.ask("GET", "/v1/switches/pbx-2/commands", key)
            await it.site.commit(Round(commands=[it.site.command(1, source="/switches/pbx-2")]))
            assert await next_id(stream) == "cmd-0-1"
            assert (polled.json()["commands"], await it.state("ask")) == ([], "open")


async def test_another_tenant_s_switch_of_the_same_name_is_another_switch(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        await it.declare(tenant="stranger")
        ours, theirs = await it.site.key(), await it.site.key(tenant="stranger")
        async with streamed(it.site, ours) as mine, streamed(it.site, theirs) as other:
            await subscribed(it, 1)
            await subscribed(it, 1, tenant="stranger")
            await it.put("b", tenant="stranger")
            await it.put("a")
            assert [await next_id(mine), await next_id(other)] == ["a", "b"]
            await it.put("c")
            assert await next_id(mine) == "c"


async def test_a_key_that_is_revoked_gets_no_more_orders(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        async with streamed(it.site, key) as stream:
            await subscribed(it, 1)
            assert await it.site.ledger.revoke_key(key["Authorization"].split("_")[1], NOW_MS)
            async with asyncio.timeout(HANGS_S):
                assert await stream.ended()
        with pytest.raises(NoDialStream):
            await it.put("a")


async def test_a_stop_of_the_gateway_ends_the_subscription(tmp_path: Path) -> None:
    async with dialling_at(tmp_path, dial_orders=Gate) as it, streamed(it.site, await it.site.key()) as stream:
        gate: Any = it.orders
        await subscribed(it, 1)
        await it.site.listening.stop()
        assert await stream.ended()
        assert not await it.living()
        claims = gate.claims
        with pytest.raises(NoDialStream):
            await it.put("a")
        assert gate.claims == claims


async def test_a_stream_that_ends_during_a_claim_leaves_the_order_sent(tmp_path: Path) -> None:
    """Nobody knows whether it arrived: the switch is asked, and no other stream gets it."""
    async with dialling_at(tmp_path, dial_orders=Gate) as it:
        gate: Any = it.orders
        key = await it.site.key()
        async with streamed(it.site, key):
            await subscribed(it, 1)
            await it.put("a")
            async with asyncio.timeout(HANGS_S):
                while await it.state("a") == "open":
                    pass
        async with streamed(it.site, key) as again:
            await subscribed(it, 2)
            async with asyncio.timeout(HANGS_S):
                while not await it.living():
                    pass
            await it.put("b")
            assert await next_id(again) == "b"
        assert gate.failed == 0


async def test_orders_come_by_poll_each_once(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        assert (await it.site.ask("GET", STREAM, key)).json() == {"commands": [], "cursor": "0:0"}
        assert await it.living(), "it lives until its next poll"
        got: list[list[str]] = []
        for n in range(3):
            await it.put(f"{n}a", f"{n}b")
            answer = (await it.site.ask("GET", f"{STREAM}?wait_s=60", key)).json()
            got.append([each["id"] for each in answer["commands"]])
            assert {each["valid_for_ms"] for each in answer["commands"]} == {10_000}
            assert answer["cursor"] == "0:0"
        assert got == [["0a", "0b"], ["1a", "1b"], ["2a", "2b"]]


async def test_a_poll_waits_for_an_order(tmp_path: Path) -> None:
    async with dialling_at(tmp_path, Limits(dial_poll_s=3600)) as it:
        waiting = asyncio.create_task(it.site.ask("GET", f"{STREAM}?wait_s=60", await it.site.key()))
        await subscribed(it, 1)
        await it.put("a")
        async with asyncio.timeout(HANGS_S):
            assert [each["id"] for each in (await waiting).json()["commands"]] == ["a"]


async def test_a_poll_answers_inbound_commands_and_orders_together(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        await it.site.ask("GET", STREAM, key)
        await it.put("a")
        await it.site.commit(Round(commands=[it.site.command(1)]))
        answer = (await it.site.ask("GET", f"{STREAM}?wait_s=60", key)).json()
        assert ([each["id"] for each in answer["commands"]], answer["cursor"]) == (["cmd-0-1", "a"], "0:1")
        again = (await it.site.ask("GET", f"{STREAM}?after={answer['cursor']}", key)).json()
        assert again["commands"] == []


async def test_a_poll_takes_a_second_s_pace_at_most(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        await it.declare(trunk_groups={"main": {"calls_per_second": 3, "calls_at_once": 9}})
        key = await it.site.key()
        await it.site.ask("GET", STREAM, key)
        await it.put(*(f"o{n}" for n in range(8)))
        counts = []
        for second in range(4):
            it.site.clock.move_to(NOW_MS + second * (PACE_MS + MARGIN_MS))
            answers = [(await it.site.ask("GET", STREAM, key)).json() for _ in range(2)]
            counts.append([len(answer["commands"]) for answer in answers])
        assert counts == [[3, 0], [3, 0], [2, 0], [0, 0]]


async def test_a_poll_takes_over_from_a_stream(tmp_path: Path) -> None:
    async with dialling_at(tmp_path) as it:
        key = await it.site.key()
        async with streamed(it.site, key) as stream:
            await subscribed(it, 1)
            await it.site.ask("GET", STREAM, key)
            await it.put("a")
            assert [each["id"] for each in (await it.site.ask("GET", STREAM, key)).json()["commands"]] == ["a"]
            async with streamed(it.site, key) as newest:
                await subscribed(it, 4)
                await it.put("b")
                assert await next_id(newest) == "b"
            await it.site.commit(Round(commands=[it.site.command(1)]))
            assert await next_id(stream) == "cmd-0-1"


async def test_what_a_reader_that_does_not_read_cannot_take_stays_unsent(tmp_path: Path) -> None:
    limits = SOON.model_copy(update={"stream_write_s": 0.2, "dial_claim": 4})
    async with dialling_at(tmp_path, limits) as it:
        key = await it.site.key()
        reader, writer = await asyncio.open_connection("127.0.0.1", it.site.listening.port, limit=1024)
        headers = {**key, "Host": "x", "Accept": "text/event-stream"}
        lines = [f"GET {STREAM} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        await reader.readuntil(b"keep-alive")
        await subscribed(it, 1)
        names = [f"o{n}" for n in range(400)]
        fat = json.dumps({"id": "fat", "command": "makeCall", "text": "x" * 60_000})
        await it.put(*names, body=fat)
        async with asyncio.timeout(HANGS_S):
            await it.site.telemetry.streams_are(0)
        states = [await it.state(name) for name in names]
        assert states == sorted(states, reverse=True), "sent ones first"
        assert 0 < states.count("sent") < len(names)
        assert not await it.living()
        writer.close()
