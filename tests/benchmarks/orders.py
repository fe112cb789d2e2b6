"""Dial orders: from the making to the first byte on the switch's stream, and claims beside a bare update."""

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from cti.adapters.clock import SystemClock
from cti.adapters.store import APPENDED, COMMANDED, Store, open_store
from cti.dial.rows import Ability, DialOrderRow
from cti.dial.store import ORDERED, WRITER
from cti.settings import Settings
from cti.sql.point import rows_of
from tests.benchmarks.figures import Figure, against, quantile
from tests.benchmarks.processes import spoken
from tests.benchmarks.stores import Fresh
from tests.benchmarks.stream import Stream, asked
from tests.benchmarks.traffic import TENANT
from tests.benchmarks.wire import Door

SWITCH, LANE = "bench-out", "trunks"
DECLARED = {
    "commands": ["makeCall", "snapshotCall"],
    "outbound": 1,
    "trunk_groups": {LANE: {"calls_per_second": 500, "calls_at_once": 5_000}},
}
VALID_MS = 10_000
IDLE_EVERY_S, IDLE_S = 0.2, 15.0
A_SECOND, LOADED_S, TURN_S = 200, 15.0, 0.1
COME_S = VALID_MS / 1000
SWITCHES, OF_EACH, AT_ONCE, RUNS = 100, 200, 50, 3
BARE = (
    "WITH first_ones AS MATERIALIZED (SELECT no FROM dial_orders"
    " WHERE state = 'open' AND command = 'makeCall' AND tenant = ? AND switch = ? AND lane = ?"
    " ORDER BY no LIMIT ? FOR UPDATE SKIP LOCKED)"
    " UPDATE dial_orders SET state = 'sent', sent_at_ms = ?, epoch = 1 WHERE no IN (SELECT no FROM first_ones)"
    " RETURNING id"
)


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """On PostgreSQL, where a dialler is a process of its own."""
    with fresh() as url, spoken("tests.benchmarks.server", "--db", url, "--part", "whole") as server:
        said = server.heard()
        door = Door(said["url"], said["key"])
        declared = door.ask("PUT", f"/v1/switches/{SWITCH}", DECLARED)
        assert declared.status == 200, declared
        arrivals = Arrivals(door)
        share = 0.2 if quick else 1.0
        for name, every_s, count, seconds in (
            ("idle", IDLE_EVERY_S, 1, IDLE_S), ("200_a_second", TURN_S, round(A_SECOND * TURN_S), LOADED_S),
        ):  # fmt: skip
            made = asyncio.run(make(url, every_s, count, seconds * share))
            arrivals.expect(made)
            lateness = [arrivals.at_ms[one] - at_ms for one, at_ms in made.items() if one in arrivals.at_ms]
            heard.append(f"{name}: {len(lateness)} of {len(made)} orders came")
            assert len(lateness) == len(made), "an order that is valid for 10 s did not come"
            for quarter, part in (("p50", 0.5), ("p99", 0.99)):
                yield Figure(f"order_to_first_byte_{name}_{quarter}", quantile(lateness, part), "ms", runs=len(made))
        arrivals.end()
    with fresh() as url:
        yield asyncio.run(_claims(url, 1 if quick else RUNS, heard))


class Arrivals:
    """When each order came on the switch's stream, by a thread that reads it. Times in ms since the epoch."""

    def __init__(self, door: Door) -> None:
        self.at_ms: dict[str, float] = {}
        self._more = threading.Condition()
        self._stream = Stream(asked(door, SWITCH), self._came)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _came(self, command: dict[str, Any], arrived_ms: float) -> None:
        assert command["id"] not in self.at_ms, "an order came twice"
        with self._more:
            self.at_ms[command["id"]] = arrived_ms
            self._more.notify_all()

    def expect(self, ids: Collection[str]) -> None:
        """Wait until all of these have come, as long as they are valid."""
        with self._more:
            self._more.wait_for(lambda: all(one in self.at_ms for one in ids), COME_S)

    def _read(self) -> None:
        try:
            while True:
                self._stream.serve()
        except OSError:
            return

    def end(self) -> None:
        self._stream.connection.close()


def _order(now_ms: int, switch: str) -> DialOrderRow:
    at = datetime.fromtimestamp(now_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "id": secrets.token_hex(12), "command": "makeCall", "tenant": TENANT, "switch": switch, "to": "+8613812345678",
        "trunk_group": LANE, "ring_timeout_s": 30, "attempt": 1, "issued_at": at,
        "on_answer": {"opening": {"en": "This is 95598."}, "body": {"en": "Your bill is ready."}},
    }  # fmt: skip
    return DialOrderRow(
        str(body["id"]), TENANT, switch, f"/switches/{switch}", LANE, "makeCall", None, json.dumps(body), now_ms,
        now_ms + VALID_MS,
    )  # fmt: skip


async def make(url: str, every_s: float, count: int, seconds: float) -> dict[str, float]:
    """Put so many orders in one transaction, again and again; when each was handed over."""
    made: dict[str, float] = {}
    clock = SystemClock()
    unused = (APPENDED, COMMANDED, ORDERED)  # of no use to a dialler
    partitions = Settings.read(db=url).partitions
    async with open_store(url, clock, partitions, server_clock=True, unused_channels=unused) as store:
        begun_ms = clock.now_ms()
        for turn in range(round(seconds / every_s)):
            await clock.wait(asyncio.Event(), begun_ms + turn * every_s * 1000)
            now_ms = time.time() * 1000
            orders = [_order(int(now_ms), SWITCH) for _ in range(count)]
            made |= {order.id: now_ms for order in orders}
            await _put(store, orders)
    return made


async def _put(store: Store, orders: Sequence[DialOrderRow]) -> None:
    dial = store.dial
    assert dial is not None
    await _in_transaction(store, lambda connection: dial.put(connection, orders))
    dial.made()


async def _in_transaction(store: Store, work: Callable[[Connection], Any]) -> Any:
    def step(connection: Connection, works: Sequence[Callable[[Connection], Any]]) -> list[Any]:
        return [each(connection) for each in works]

    assert store.database is not None
    return await store.database.writer(WRITER).run(step, work)


async def _claims(url: str, runs: int, heard: list[str]) -> Figure:
    """Orders claimed a second, beside a bare update of as many rows on the same connection; in turn."""
    claimed, bare = [], []
    async with open_store(url, SystemClock(), Settings.read(db=url).partitions, server_clock=True) as store:
        dial = store.dial
        assert dial is not None
        switches = [f"bench-{n}" for n in range(SWITCHES)]
        epochs = {switch: await dial.subscribe(TENANT, switch) for switch in switches}

        async def claims(switch: str) -> int:
            found = await dial.claim(
                TENANT, switch, epochs[switch], Ability(f"/switches/{switch}", {LANE: 1_000.0}), AT_ONCE
            )
            return len(found.orders)

        async def update(switch: str) -> int:
            values = (TENANT, switch, LANE, AT_ONCE, int(time.time() * 1000))
            return len(await _in_transaction(store, lambda connection: rows_of(connection, BARE, *values)))

        for _ in range(runs):
            claimed.append(await _rate(store, switches, claims))
            bare.append(await _rate(store, switches, update))
    heard.append(f"{SWITCHES * OF_EACH} orders a run, {AT_ONCE} at once")
    return against("order_claims", claimed, bare, "orders/s", AT_ONCE)


async def _rate(store: Store, switches: Sequence[str], work: Callable[[str], Any]) -> float:
    """How many new orders a second the work takes, one switch after another."""
    now_ms = int(time.time() * 1000)
    far = now_ms + 3_600_000
    for switch in switches:
        await _put(store, [_order(now_ms, switch)._replace(expires_at_ms=far) for _ in range(OF_EACH)])
    begun, taken = time.perf_counter(), 0
    for _ in range(OF_EACH // AT_ONCE):
        for switch in switches:
            taken += await work(switch)
    assert taken == len(switches) * OF_EACH, f"{taken} of {len(switches) * OF_EACH} orders were taken"
    return taken / (time.perf_counter() - begun)
