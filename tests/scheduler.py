"""The virtual clock's scheduler: the real door and the real engine, and a time that only the test moves.

    async with scene("memory:") as it:
        await it.declare("s1")
        await it.post(event("s1", "call-1", "offered", at_s=0, data={...}))
        await it.to(12.5)              # every timer in between fires at its own instant
        it.received("s1")              # what the switch got on its command stream

The engine is stepped, never waited for; nothing sleeps. Seconds count from START.
"""

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp
from aiohttp import web

from cti.adapters.clock import VirtualClock, VirtualWallClock
from cti.adapters.ledger.personal import OF_CALLS
from cti.adapters.store import Store, open_store
from cti.dial.metrics import DialMetrics
from cti.engine.gathering import CallLimits
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.gateway.app import make_app
from cti.gateway.dialling import DialLedger
from cti.gateway.keys import make_key
from cti.gateway.pulse import Pulse
from cti.hosting import WHOLE, Host, Hosted, Part, chains_of, find_parts
from cti.lending import declared_by_source, declared_in, legs_in, tenants_in
from cti.parts.callers import PartCallers
from cti.parts.health import PartHealth
from cti.ports import Clock
from cti.rows import CommandRow, OutcomeRow
from cti.telemetry import Telemetry
from cti.web.limits import Limits
from cti.web.server import listen
from cti.wiring import (
    callers_known_by,
    fit_parts,
    open_parts,
    read_book,
    standard_of,
)
from tests.unthreaded import without_threads

START = datetime.fromisoformat("2026-03-02T09:00:00+08:00")
START_MS = int(START.timestamp() * 1000)
HEARTBEAT_S = 5.0
SETTLE_MAX = 10_000  # steps at one instant; more of them would never end
TENANT = "test"
ALL_BUT_RING_TIMEOUT = (
    "deflectCall",
    "playMessage",
    "stopMessage",
    "promptAgent",
    "setAgentState",
    "clearConnection",
    "singleStepTransferCall",
    "snapshotCall",
)

Answer = Callable[[Mapping[str, Any], float], Sequence[tuple[str, str | None]]]
"""(command, seconds) -> the results that the switch gives: ("accepted", None), ("done", None), ("refused", reason)."""


def at(seconds: float) -> str:
    """Seconds after START as RFC 3339."""
    return datetime.fromtimestamp(round(START_MS + seconds * 1000) / 1000, UTC).isoformat(timespec="milliseconds")


def event(
    switch: str, subject: str, kind: str, at_s: float, data: Mapping[str, Any] | None = None, **extra: Any
) -> dict[str, Any]:
    """A CloudEvent as a switch sends it; `family`, `id` and extensions by name."""
    family = extra.pop("family", "call")
    return {
        "specversion": "1.0",
        "id": extra.pop("id", f"{subject}-{kind}-{at_s}"),
        "source": extra.pop("source", f"/switches/{switch}"),
        "type": f"ringback.{family}.{kind}.v1",
        "subject": subject,
        "time": at(at_s),
        "data": dict(data or {}),
        **extra,
    }


def obeys(_command: Mapping[str, Any], _now_s: float) -> Sequence[tuple[str, str | None]]:
    """A switch that obeys every command."""
    return (("accepted", None), ("done", None))


@dataclass
class Switch:
    """One switch of the scene: its clock, and what it received."""

    name: str
    answer: Answer = obeys
    clock_off_s: float = 0.0
    heartbeats: bool = True
    next_heartbeat_s: float = 0.0
    cursor: str | None = None
    commands: list[dict[str, Any]] = field(default_factory=list)
    heartbeat_no: int = 0
    asked_at: int = -1  # after how many rounds with commands


class Scene:
    """A running product whose time stands still until `to`."""

    def __init__(
        self, store: Store, clock: VirtualClock, engine: Engine, session: aiohttp.ClientSession, url: str,
        wall_clock: VirtualWallClock, hosted: Sequence[Hosted], host: Host, app: web.Application,
    ) -> None:  # fmt: skip
        self.store, self.clock, self.engine, self.url = store, clock, engine, url
        self.wall_clock, self.hosted = wall_clock, hosted  # the time of day, for parts; the parts
        self.host, self.app = host, app  # what is lent to them; the door
        self._session = session
        self._tasks = [task for one in hosted for task in one.tasks_in(WHOLE)]
        self.switches: dict[str, Switch] = {}
        self.knows_callers: PartCallers | None = None
        self.running = True  # False: the engine is stopped, the door is open
        self._commanded = 0  # rounds with commands so far
        engine.pulse.subscribe(self._on_commit)

    def _on_commit(self, rows: Sequence[CommandRow] | None, outcomes: Sequence[OutcomeRow]) -> None:
        self._commanded += rows is None or bool(rows)

    @property
    def now_s(self) -> float:
        return (self.clock.now_ms() - START_MS) / 1000

    # -- what a switch does ------------------------------------------------------------------------------------------

    async def declare(self, name: str, **options: Any) -> Switch:
        """PUT /v1/switches/{name}: it can do everything but setRingTimeout, unless `commands` says otherwise."""
        declaration = {
            "commands": list(options.pop("commands", ALL_BUT_RING_TIMEOUT)),
            "if_other_ready": options.pop("if_other_ready", True),
        }
        status, answer = await self.call("PUT", f"/v1/switches/{name}", declaration)
        assert status == 200, answer
        switch = self.switches[name] = Switch(name, **options)
        switch.next_heartbeat_s = self.now_s
        await self.settle()
        return switch

    async def post(self, *events: Mapping[str, Any]) -> dict[str, Any]:
        """POST /v1/events; then the engine takes them in, and the switches answer their commands."""
        single = len(events) == 1
        media = "application/cloudevents+json" if single else "application/cloudevents-batch+json"
        status, answer = await self.call("POST", "/v1/events", events[0] if single else list(events), media)
        assert status == 202, answer
        await self.settle()
        return answer

    async def call(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """One request to the real door: (status, JSON)."""
        return await self.send(method, path, None if body is None else json.dumps(body).encode(), media)

    async def send(self, method: str, path: str, data: bytes | None, media: str) -> tuple[int, Any]:
        """The same with a body as it is sent."""
        headers = {"Content-Type": media} if data is not None else {}
        async with self._session.request(method, self.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.json(content_type=None)

    def received(self, name: str) -> list[dict[str, Any]]:
        """The commands that a switch got, in order."""
        return self.switches[name].commands

    # -- time --------------------------------------------------------------------------------------------------------

    async def to(self, seconds: float) -> None:
        """Move the time on; every heartbeat, and every timer of the engine, comes at its own instant."""
        goal_ms = START_MS + seconds * 1000
        while True:
            instants = [goal_ms]
            if self.running:  # the engine counts by the log's clock, the test by its own
                instants.append(self.clock.now_ms() + (self.engine.next_ms() - self.store.log.now_ms()))
                instants += [task.next_ms() for task in self._tasks]
            instants += [START_MS + one.next_heartbeat_s * 1000 for one in self.switches.values() if one.heartbeats]
            instant = max(min(instants), self.clock.now_ms())
            self.clock.move_to(instant)
            await self._heartbeats()
            await self.settle()
            if instant >= goal_ms:
                return

    async def _heartbeats(self) -> None:
        for switch in self.switches.values():
            if switch.heartbeats and switch.next_heartbeat_s <= self.now_s + 1e-9:
                switch.next_heartbeat_s += HEARTBEAT_S
                switch.heartbeat_no += 1
                heartbeat = event(
                    switch.name, switch.name, "switchHeartbeat", self.now_s + switch.clock_off_s,
                    family="switch", id=f"{switch.name}-beat-{switch.heartbeat_no}",
                )  # fmt: skip
                status, answer = await self.call("POST", "/v1/events", heartbeat, "application/cloudevents+json")
                assert status == 202, answer

    async def settle(self) -> None:
        """The engine and the parts do all that can be done now, and the switches answer, until nothing moves."""
        if not self.running:
            return
        await self.engine.drain()
        for _ in range(SETTLE_MAX):
            moved = await self._deliver()
            for task in self._tasks:
                moved = await task.step() or moved
            if not moved:
                return
            await self.engine.drain()
        raise AssertionError(f"still moving after {SETTLE_MAX} steps at one instant")

    async def _deliver(self) -> bool:
        """Switches ask when there is something: each asks once, then after every round with commands."""
        delivered = False
        for switch in self.switches.values():
            if switch.asked_at == self._commanded:
                continue
            switch.asked_at = self._commanded
            after = "" if switch.cursor is None else f"&after={switch.cursor}"
            status, answer = await self.call("GET", f"/v1/switches/{switch.name}/commands?wait_s=0{after}")
            assert status == 200, answer
            switch.cursor = answer["cursor"]
            known = {one["id"] for one in switch.commands}
            for command in answer["commands"]:
                if command["id"] in known:
                    continue
                delivered = True
                switch.commands.append(command)
                for state, reason in switch.answer(command, self.now_s):
                    await self.result(command["id"], state, reason)
        return delivered

    async def result(self, command_id: str, state: str, reason: str | None = None) -> None:
        body = {"state": state, "reason": reason} if reason is not None else {"state": state}
        status, answer = await self.call("POST", f"/v1/commands/{command_id}/result", body)
        assert status == 202, answer

    # -- what came of it ---------------------------------------------------------------------------------------------

    async def record(self, switch: str, subject: str) -> dict[str, Any] | None:
        """The latest record of a call, or None while it lives."""
        return next(
            (one for one in await self.records() if one["subject"] == subject and switch in one["source"]), None
        )

    async def records(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in await self.store.ledger.records(TENANT, "", 100_000)]

    async def restart(self) -> None:
        """Another engine on the same store, as after a crash."""
        old = self.engine
        self.engine = Engine(
            self.store.log, self.store.ledger, self.clock, old.work.sources.book, old.work.telemetry, old.pulse,
            limits=old.work.limits, knows_callers=self.knows_callers,
        )  # fmt: skip
        self.engine.work.turn_time = old.work.turn_time
        await self.engine.start()


@contextlib.asynccontextmanager
async def scene(
    url: str,
    *,
    profile: str = "power-95598",
    call_idle_max_s: float = 4 * 3600,
    partitions: int = 4,
    wall: Callable[[VirtualClock], Clock] | None = None,
    parts: Sequence[Part] | None = None,
    start_ms: float = START_MS,
    threads: bool = True,
) -> AsyncIterator[Scene]:
    """The product on the store at `url`, its clock at START or where `start_ms` says. `wall` makes the clock that dates
    the log's entries, from the one that the test moves, where they differ. `parts`: by default all that is installed;
    each task is stepped. Where calls alone are asked about, `parts=()`: the tasks of campaigns cost more than the rest.
    `threads`: the ledger has its own, as in the product; without them much that happens in turn takes a third less.
    """
    clock, telemetry, pulse = VirtualClock(start_ms), Telemetry(), Pulse()
    found, wall_clock = fit_parts(find_parts() if parts is None else parts, url), VirtualWallClock(clock)
    channels = [channel for part in found for channel in part.channels]
    book, limits = read_book(profile), Limits(requests_per_s=1e9, requests_burst=1e9)
    async with (
        open_store(
            url, wall(clock) if wall else clock, partitions, chains=chains_of(found), channels=channels
        ) as store,
        contextlib.AsyncExitStack() as stack,
    ):
        if store.database is not None and not threads:
            stack.callback(without_threads(store.database).close)
        meter = DialMetrics(telemetry.registry)
        host = Host(
            clock, wall_clock, store.database, store.leases, store.shared, store.dial, meter,
            declared_in(store.ledger), legs_in(store.ledger), dial_streams=store.dial,
            declared_of_source=declared_by_source(store.ledger), personal=OF_CALLS, dead_letters=store.dead_letters,
            tenants=tenants_in(store.ledger),
            callbacks=store.callbacks, still_live=store.ledger.still_live,
        )  # fmt: skip
        health = PartHealth(telemetry, clock)
        hosted = open_parts(found, host, store, telemetry, health)
        metrics, knows_callers = CallMetrics(telemetry), callers_known_by(hosted, health)
        engine = Engine(
            store.log, store.ledger, clock, book, metrics, pulse, limits=CallLimits(round(call_idle_max_s * 1000)),
            knows_callers=knows_callers,
        )  # fmt: skip
        await engine.start()

        async def ready() -> Mapping[str, str | None]:
            return {}

        app = make_app(
            store.log, store.ledger, store.ledger, limits, telemetry, pulse, standard=standard_of(book), ready=ready,
            hosted=hosted, dial=None if store.dial is None else DialLedger(store.dial, meter),
            monotonic=lambda: clock.now_ms() / 1000,
        )  # fmt: skip
        listening = await listen(app, "127.0.0.1", 0, limits, stop_s=0.1)
        stack.push_async_callback(listening.stop)
        scopes = "admin calls:read commands:read events:write"
        _, key = await make_key(store.ledger, TENANT, scopes, "*", "scene", round(start_ms))
        session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})
        stack.push_async_callback(session.close)
        it = Scene(store, clock, engine, session, listening.url, wall_clock, hosted, host, app)
        it.knows_callers = knows_callers
        for one in hosted:
            for task in one.tasks_in(WHOLE):
                await task.start()
                stack.push_async_callback(task.stop)
        yield it
        await it.engine.stop()
