"""The whole simulated switch in this process, on a clock that runs fast, at a small real server."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cti.adapters.clock import ScaledClock, SystemClock
from cti.ports import Clock
from cti.switches.simulated import saved_state, simulation
from cti.switches.simulated.demo import figures_of
from cti.switches.simulated.door import NotAllowedError
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.misbehaviour import Misbehaviour
from cti.switches.simulated.options import Options
from cti.switches.simulated.simulation import simulate
from tests.clocks import WatchedClock
from tests.loop_turn import loop_turn
from tests.unit.simulated_door import KEY, FakeDoor

SPEED = 200.0
START_MS = 1_772_413_200_000
PATIENCE_S = 30.0  # a test that hangs fails by then
SITE = Site("sim-1", agents=8, callers_per_min=60.0, seed=5, pace="brisk")


@pytest.fixture
async def fake() -> FakeDoor:
    return FakeDoor(live=asyncio.Queue())


@contextlib.asynccontextmanager
async def serving(door: FakeDoor) -> AsyncIterator[str]:
    server = TestServer(door.app())
    await server.start_server(shutdown_timeout=0.1)
    yield str(server.make_url("/"))
    await server.close()


@pytest.fixture
async def url(fake: FakeDoor) -> AsyncIterator[str]:
    async with serving(fake) as url:
        yield url


def fast() -> ScaledClock:
    return ScaledClock(SystemClock().now_ms(), SPEED)


async def ran(options: Options, stop: asyncio.Event | None = None, clock: Clock | None = None) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE_S):
        return await simulate(options, clock or fast(), stop or asyncio.Event())


def kinds(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(event["type"].split(".")[2] for event in events)


def logged(log: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return [entry["event"] for entry in entries if entry["entry"] == "event"]


class ListeningDoor(FakeDoor):
    """Says when it has the switch's snapshot."""

    def __init__(self) -> None:
        super().__init__(live=asyncio.Queue())
        self.connected = asyncio.Event()

    async def events(self, request: web.Request) -> web.Response:
        answer = await super().events(request)
        if kinds(self.said())["switchSnapshot"]:
            self.connected.set()
        return answer


class SteppingClock:
    """Moves on to whatever is waited for, from when the door is connected: a slow machine misses no instant."""

    def __init__(self, door: ListeningDoor) -> None:
        self._now_ms = float(START_MS)
        self._door = door

    def now_ms(self) -> float:
        return self._now_ms

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        await self._door.connected.wait()
        if not event.is_set() and until_ms is not None:
            self._now_ms = max(until_ms, self._now_ms)
        await loop_turn()


async def test_what_is_sent_is_what_is_logged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation, "FLUSH_S", PATIENCE_S)
    log, fake = tmp_path / "switch.jsonl", ListeningDoor()
    async with serving(fake) as url:
        options = Options(url, KEY, SITE, for_s=120, close_at_s=60, log=log)
        summary = await ran(options, clock=SteppingClock(fake))
    assert fake.said() == logged(log)
    assert summary["calls"] > 20
    assert summary["live"] == 0
    assert figures_of(log) == {name: summary[name] for name in figures_of(log)}
    seen = kinds(fake.said())
    assert seen["switchSnapshot"] == 1
    assert seen["switchHeartbeat"] >= 12
    assert seen["agentLoggedOn"] == seen["agentLoggedOff"] == 8
    assert seen["offered"] + seen["originated"] == summary["calls"]


class LateDoor(ListeningDoor):
    """Gives an order once the shift is over, and takes the last events only after it could have been obeyed."""

    async def events(self, request: web.Request) -> web.Response:
        answer = await super().events(request)
        assert self.live is not None
        if kinds(self.said())["agentLoggedOff"] == SITE.agents:
            order = json.dumps({"id": "late", "command": "promptAgent", "agent": "leader"})
            self.live.put_nowait(f"event: command\ndata: {order}\n\n".encode())
            for _ in range(100):
                await loop_turn()
        return answer


async def test_after_its_goodbye_it_takes_no_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the order would bring about might be logged and not be sent."""
    monkeypatch.setattr(simulation, "FLUSH_S", PATIENCE_S)
    log, fake = tmp_path / "switch.jsonl", LateDoor()
    async with serving(fake) as url:
        options = Options(url, KEY, SITE, for_s=120, close_at_s=60, log=log)
        summary = await ran(options, clock=SteppingClock(fake))
    assert summary["commands"] == 0
    assert fake.said() == logged(log)


async def test_orders_are_answered_and_noted(fake: FakeDoor, url: str, tmp_path: Path) -> None:
    """The same order twice: obeyed once, refused once; and one for a call that is not there."""
    prompt = {"id": "c1", "command": "promptAgent", "agent": "leader", "rule": "RING-1", "message": "ring_limit"}
    lost = {"id": "c2", "command": "deflectCall", "subject": "nobody", "connection": "a", "rule": "RING-1"}
    assert fake.live is not None
    for command in (prompt, prompt, lost):
        fake.live.put_nowait(f"event: command\nid: {command['id']}\ndata: {json.dumps(command)}\n\n".encode())
    log = tmp_path / "switch.jsonl"
    summary = await ran(Options(url, KEY, SITE, for_s=60, close_at_s=40, log=log))
    assert [result for result in fake.results if result[0] == "c1"] == [
        ("c1", "accepted"),
        ("c1", "done"),
        ("c1", "refused"),
    ]
    assert ("c2", "refused") in fake.results
    assert (summary["commands"], summary["obeyed"], summary["repeated"]) == (2, 1, 1)
    assert summary["refused"] == {"invalidConnectionState": 1}


async def test_misbehaviour_spoils_what_is_sent_not_what_is_logged(fake: FakeDoor, url: str, tmp_path: Path) -> None:
    log = tmp_path / "switch.jsonl"
    wish = Misbehaviour(late=0.1, duplicate=0.2, shuffle_s=3, lose=0.05, clock_s=30)
    await ran(Options(url, KEY, SITE, for_s=120, close_at_s=60, log=log, misbehave=wish))
    meant = {event["id"]: event for event in logged(log)}
    sent = Counter(event["id"] for event in fake.said())
    assert set(sent) < set(meant), "some were lost"
    assert max(sent.values()) == 2, "some came twice"
    assert all(event == meant[event["id"]] for event in fake.said()), "with the same content"
    sequences = [event["sequence"] for event in fake.said()]
    assert sequences != sorted(sequences), "out of order"


async def test_a_line_lost_again_and_again_loses_nothing(
    fake: FakeDoor, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(simulation, "DISCONNECTED_S", 0.01)
    log = tmp_path / "switch.jsonl"
    wish = Misbehaviour(disconnect_every_s=0.05)
    await ran(Options(url, KEY, SITE, for_s=120, close_at_s=60, log=log, misbehave=wish))
    assert fake.said() == logged(log)
    assert kinds(fake.said())["switchSnapshot"] > 2, "one each time it is connected"


async def test_stopped_and_started_again_it_goes_on(fake: FakeDoor, url: str, tmp_path: Path) -> None:
    """Two runs with a state: live calls of the first end in the second, and no id is used twice."""
    options, clock = Options(url, KEY, SITE, for_s=40, state=tmp_path / "switch.json"), fast()
    first = await ran(options, clock=clock)
    assert first["live"] > 0
    live = {event["subject"] for event in fake.said() if event["type"].startswith("ringback.call.")}
    live -= {event["subject"] for event in fake.said() if event["type"].endswith("callCleared.v1")}
    again = Options(url, KEY, SITE, for_s=120, close_at_s=1, state=tmp_path / "switch.json")
    await ran(again, clock=clock)
    ended = {event["subject"] for event in fake.said() if event["type"].endswith("callCleared.v1")}
    assert live
    assert live <= ended
    ids = [event["id"] for event in fake.said()]
    assert len(ids) == len(set(ids))


async def test_a_stop_is_quick_and_in_order(fake: FakeDoor, url: str) -> None:
    stop = asyncio.Event()
    running = asyncio.create_task(ran(Options(url, KEY, SITE), stop))
    async with asyncio.timeout(PATIENCE_S):
        while not fake.batches:
            await asyncio.wait({running}, timeout=0.01)
    stop.set()
    summary = await running
    assert summary["calls"] >= 0
    assert kinds(fake.said())["agentLoggedOff"] > 0


class FullDoor(FakeDoor):
    """Takes no event while `full`; everything else as ever."""

    full = True

    async def events(self, request: web.Request) -> web.Response:
        if self.full:
            return web.json_response({}, status=503, headers={"Retry-After": "0"})
        return await super().events(request)


async def test_what_waits_for_a_product_that_takes_nothing_does_not_grow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines are full when it connects: no snapshot, and for an hour no heartbeat. With room they come again."""
    monkeypatch.setattr(simulation, "OUTBOX_MAX", 100)
    path, clock, stop = tmp_path / "switch.json", WatchedClock(START_MS), asyncio.Event()
    site, order = Site("sim-1", 1, 0.0, 5, "brisk"), {"id": "c1", "command": "promptAgent", "agent": "leader"}
    waiting = [json.dumps({"id": str(number), "type": "a.b.filler"}).encode() for number in range(100)]
    saved_state.write(path, Exchange.opened(site, START_MS), waiting, [])
    door = FullDoor(live=asyncio.Queue())
    assert door.live is not None
    door.live.put_nowait(f"event: command\ndata: {json.dumps(order)}\n\n".encode())
    async with serving(door) as url, asyncio.timeout(PATIENCE_S):
        running = asyncio.create_task(simulate(Options(url, KEY, site, state=path), clock, stop))
        while not door.results or clock.now_ms() < START_MS + 3_600_000:
            await clock.move_on()
        door.full = False
        while not kinds(door.said())["switchHeartbeat"]:
            await clock.move_on()
        stop.set()
        await running
    seen = [event["type"].split(".")[2] for event in door.said()]
    assert seen[:100] == ["filler"] * 100
    before = seen[: seen.index("switchHeartbeat")]
    assert "switchSnapshot" not in seen
    assert len(before) < 110, "what happened at the telephones waits, and nothing else"


async def test_a_product_that_is_away_at_the_start_does_not_keep_it_from_stopping(unused_tcp_port: int) -> None:
    stop = asyncio.Event()
    stop.set()
    summary = await ran(Options(f"http://127.0.0.1:{unused_tcp_port}", KEY, SITE), stop)
    assert summary["calls"] == 0


async def test_a_wrong_key_is_said_at_once(url: str) -> None:
    with pytest.raises(NotAllowedError):
        await ran(Options(url, "rbk_2_other", SITE))
