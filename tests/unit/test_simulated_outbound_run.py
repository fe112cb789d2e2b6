"""The simulated switch that dials, whole and in this process, on a clock that runs fast, at a small real server."""

import argparse
import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestServer

from cti.adapters.clock import ScaledClock, SystemClock
from cti.switches.simulated.command import add_arguments, read_options
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.misbehaviour import AWAY_MS, LATE_FROM_MS, HeldBack, Misbehaviour, Spoiler
from cti.switches.simulated.options import Options
from cti.switches.simulated.pbx import read_time_ms, rfc3339
from cti.switches.simulated.simulation import simulate
from cti.switches.simulated.trunks import CALLS, MESSAGES, Outbound, TrunkGroup
from tests.unit.simulated_door import KEY, FakeDoor
from tests.unit.simulated_outbound import TO, order

SPEED = 200.0
PATIENCE_S = 30.0  # a test that hangs fails by then
GOOD_S = 10_000.0


class Run:
    """One run: what the door took, and the switch's log."""

    def __init__(self, door: FakeDoor, log: list[dict[str, Any]]) -> None:
        self.door, self.log = door, log

    def entries(self, kind: str) -> list[dict[str, Any]]:
        return [entry for entry in self.log if entry["entry"] == kind]

    def meant(self) -> list[dict[str, Any]]:
        return [entry["event"] for entry in self.entries("event")]

    def calls(self) -> Counter[str]:
        return Counter(event["type"].split(".")[2] for event in self.door.said() if ".call." in event["type"])


@contextlib.asynccontextmanager
async def serving(door: FakeDoor) -> AsyncIterator[str]:
    server = TestServer(door.app())
    await server.start_server(shutdown_timeout=0.1)
    yield str(server.make_url("/"))
    await server.close()


async def run(
    tmp_path: Path, *words: str, wish: Misbehaviour | None = None, for_s: float = 90, ids: Sequence[str] = ("d0",)
) -> Run:
    """Orders to TO, which does `words`, all there when the switch connects."""
    door, clock = FakeDoor(live=asyncio.Queue()), ScaledClock(SystemClock().now_ms(), SPEED)
    assert door.live is not None
    for id_ in ids:
        expires_at = rfc3339(clock.now_ms() + GOOD_S * 1000)
        kind = {"command": "sendMessage"} if words[0].startswith("sms:") else {}
        command = order(id_, 0, expires_at=expires_at, ring_until=None, valid_for_ms=9_000_000, **kind)
        door.live.put_nowait(f"event: command\ndata: {json.dumps(command)}\n\n".encode())
    outbound = Outbound((*CALLS, *MESSAGES), {"main": TrunkGroup(5, 50)}, {TO: words})
    site, log = Site("sim-1", 0, 0.0, 5, "brisk", outbound=outbound), tmp_path / "switch.jsonl"
    async with serving(door) as url, asyncio.timeout(PATIENCE_S):
        options = Options(url, KEY, site, for_s=for_s, log=log, misbehave=wish or Misbehaviour())
        await simulate(options, clock, asyncio.Event())
    return Run(door, [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()])


async def test_an_order_is_noted_answered_and_dialled(tmp_path: Path) -> None:
    it = await run(tmp_path, "reached")
    declared = it.door.declared["sim-1"]
    assert (declared["outbound"], declared["trunk_groups"]) == (
        1,
        {"main": {"calls_per_second": 5, "calls_at_once": 50}},
    )
    assert {"makeCall", "snapshotCall", "clearConnection", "sendMessage"} <= set(declared["commands"])
    assert {"switchHeartbeat"} <= {event["type"].split(".")[2] for event in it.door.said()}
    assert it.door.results == [("d0", "accepted"), ("d0", "done")]
    [noted] = it.entries("makeCall")
    assert (noted["id"], noted["number"], noted["valid_for_ms"]) == ("d0", TO, 9_000_000)
    assert it.calls()["callCleared"] == 1
    assert it.door.said() == it.meant()


async def test_an_order_that_comes_twice_is_noted_twice_and_dialled_once(tmp_path: Path) -> None:
    it = await run(tmp_path, "busy", ids=("d0", "d0"))
    assert [noted["id"] for noted in it.entries("makeCall")] == ["d0", "d0"]
    assert it.calls()["originated"] == 1
    assert it.door.results == [("d0", "accepted"), ("d0", "done"), ("d0", "refused")]


async def test_an_order_lost_on_its_way_is_not_noted(tmp_path: Path) -> None:
    it = await run(tmp_path, "neverSeen")
    assert (it.entries("makeCall"), it.door.results, it.calls()) == ([], [], Counter())


async def test_a_message_goes_out_and_is_reported(tmp_path: Path) -> None:
    it = await run(tmp_path, "sms:undeliverable")
    assert it.door.results == [("d0", "accepted"), ("d0", "done")]
    [report] = [event for event in it.door.said() if "messageReport" in event["type"]]
    assert (report["commandid"], report["data"]["state"]) == ("d0", "undeliverable")
    assert it.entries("makeCall") == []


# -- misbehaviour ------------------------------------------------------------------------------------------------------


async def test_facts_are_lost(tmp_path: Path) -> None:
    it = await run(tmp_path, "reached", wish=Misbehaviour(lose=1))
    assert it.calls() == Counter()
    assert it.door.results == [("d0", "accepted"), ("d0", "done")]
    assert {entry["how"] for entry in it.entries("left")} == {"lost"}
    assert any(event["type"].endswith("callCleared.v1") for event in it.meant())


async def test_results_are_lost(tmp_path: Path) -> None:
    it = await run(tmp_path, "reached", wish=Misbehaviour(result_lose=1))
    assert it.door.results == []
    assert it.calls()["callCleared"] == 1
    assert [(entry["state"], entry["how"]) for entry in it.entries("result_left")] == [
        ("accepted", "lost"),
        ("done", "lost"),
    ]


async def test_results_come_twice_late_and_shuffled(tmp_path: Path) -> None:
    wish = Misbehaviour(result_late=0.5, result_duplicate=1, result_shuffle_s=3)
    it = await run(tmp_path, "busy", wish=wish, ids=[f"d{n}" for n in range(20)])
    assert Counter(it.door.results) == {(f"d{n}", state): 2 for n in range(20) for state in ("accepted", "done")}
    assert {entry["how"] for entry in it.entries("result_left")} == {"late", "duplicate", "shuffled"}
    assert it.door.results != sorted(it.door.results, key=lambda result: result[1]), "out of order"


@pytest.mark.parametrize(
    ("wish", "hows"),
    [(Misbehaviour(result_late=1), ["late"]), (Misbehaviour(result_duplicate=1), ["", "duplicate"]),
     (Misbehaviour(result_shuffle_s=2), ["shuffled"]), (Misbehaviour(result_lose=1), []), (Misbehaviour(late=1), [""])],
)  # fmt: skip
def test_a_result_leaves_as_wished(wish: Misbehaviour, hows: list[str]) -> None:
    spoiler = Spoiler(wish, 7)
    passings = spoiler.result_passings(1_000.0)
    assert [passing.how for passing in passings] == hows
    if hows == ["late"]:
        held: HeldBack[str] = HeldBack()
        held.put(passings[0].leaves_ms, "result")
        assert held.take(1_000.0 + LATE_FROM_MS - 1) == []
        assert held.take(passings[0].leaves_ms) == ["result"]


def test_what_is_done_to_events_does_not_depend_on_the_results() -> None:
    wish = Misbehaviour(late=0.5, lose=0.2, result_late=0.5)
    alone, mixed = Spoiler(wish, 7), Spoiler(wish, 7)
    seen = []
    for number in range(50):
        mixed.result_passings(number)
        seen.append(mixed.passings("ringback.call.delivered.v1", number))
    assert seen == [alone.passings("ringback.call.delivered.v1", number) for number in range(50)]


async def test_gone_for_a_minute_it_loses_nothing(tmp_path: Path) -> None:
    it = await run(tmp_path, "reached", wish=Misbehaviour(away_every_s=12), for_s=200)
    gone, back = ([read_time_ms(entry["at"]) for entry in it.entries(kind)] for kind in ("gone", "back"))
    assert len(gone) >= 2
    assert all(later - earlier >= AWAY_MS for earlier, later in zip(gone, back, strict=False))
    assert it.door.said() == it.meant()
    assert it.calls()["callCleared"] == 1
    snapshots = [event for event in it.door.said() if "switchSnapshot" in event["type"]]
    assert len(snapshots) == len(back) + 1, "one each time it is connected"
    assert not [fact for fact in snapshots if gone[0] <= read_time_ms(fact["time"]) < back[0]]


async def test_a_fast_clock_finds_an_order_expired(tmp_path: Path) -> None:
    it = await run(tmp_path, "reached", wish=Misbehaviour(clock_s=30_000))
    assert it.door.results == [("d0", "refused")]
    assert [verdict["reason"] for verdict in it.entries("verdict")] == ["expired"]
    assert len(it.entries("makeCall")) == 1


@pytest.mark.parametrize("text", ["result_late=2", "result_lose=-1", "away_every_s=-1", "result_shuffle_s=-1"])
def test_a_wish_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="chances|not negative"):
        Misbehaviour.read(text)


# -- the command line --------------------------------------------------------------------------------------------------


def options_of(*args: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return read_options(parser.parse_args(["--key", "k", *args]))


def test_outbound_work_is_asked_for_on_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "campaign.json"
    path.write_text(json.dumps({"name": "x", "switch": {TO: ["busy", "reached"]}}), encoding="utf-8")
    outbound = options_of("--outbound", "calls", "--trunk-groups", "a=1/2", "--script", str(path), "--no-memory")
    assert outbound.site.outbound == Outbound(CALLS, {"a": TrunkGroup(1, 2)}, {TO: ("busy", "reached")}, memory=False)
    assert options_of().site.outbound.declaration() == {}


def test_a_message_gateway_has_no_commands_for_calls() -> None:
    options = options_of("--outbound", "messages")
    assert (options.commands, options.site.outbound.commands) == ((), MESSAGES)
    assert options.site.outbound.declaration() == {"outbound": 1}


def test_a_script_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    path = tmp_path / "script.json"
    path.write_text(json.dumps({TO: ["dances"]}), encoding="utf-8")
    with pytest.raises(ValueError, match="dances"):
        options_of("--outbound", "calls", "--script", str(path))
