"""Dial orders under faults: a switch without memory, two drivers in the dialler's place, two gateways, two engines.

Every second one of the six is killed or stopped, while the switch's streams are cut and doubled and each lane is
stopped and resumed. Then nothing happens to them any more, until each order has an end. The judge is the log of the
switch.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import Connection, Engine, create_engine, func, insert, select, text, update

from cti.dial.rows import ASK_AFTER_MS, MAKE_CALL
from cti.dial.tables import orders as dial_orders
from tests.faults.cluster import driver_book as book
from tests.faults.cluster.client import Client
from tests.faults.cluster.counters import CLAIMS, Counts
from tests.faults.cluster.dialled import read
from tests.faults.cluster.order_judge import Sent, failures, verdict
from tests.faults.cluster.parts import Part
from tests.faults.cluster.plan import KILLED, STOPPED
from tests.faults.cluster.site import PARTITIONS, Site, opened
from tests.faults.cluster.storm import DRIVER, Storm, stormed
from tests.faults.cluster.trial import say
from tests.faults.cluster.waiting import TooLong, beside, pause, until

__all__ = ("NAME", "SHORT", "Trial", "failures", "ordered")

NAME = "orders"
LANES = ("east", "west")
ENGINES = DRIVERS = 2
KINDS = 3  # of topics; the partitions of calls come first of each three
BEATS = 1  # a heartbeat of the switch's may always be on its way
NOW_MS = text("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::int8")
QUICK = ("invalid", "busy", "busy", "congestion", "noAnswer", "noAnswer", "poweredOff", "refused:busy")
STOPPED_FOR_S = 3.0
STOP_MAX_S = 90.0
UP_MAX_S = 90.0
END_MAX_S = 180.0
MADE_MAX_S = 240.0


@dataclass(frozen=True, slots=True)
class Trial:
    """`pace`: orders a second of each lane, as a driver makes them; `limit`: calls a second, as the switch declares."""

    orders: int = 3_000
    seconds: float = 120.0
    seed: int = 1
    pace: float = 24.0
    limit: int = 30
    expiry_ms: int = 6_000
    words: Sequence[str] = (*QUICK, "hangUpEarly")  # what the called numbers do
    stop_at: Mapping[str, Sequence[float]] = field(
        default_factory=lambda: {"east": (0.2, 0.6), "west": (0.4, 0.8)}
    )  # by lane: when, as a part of the time


SHORT = Trial(300, 12.0, expiry_ms=3_000, words=QUICK, stop_at={"east": (0.1,)})  # for `make test`


class Driver(Part):
    """A driver as a process. It is ready once it has joined its lease group."""

    def __init__(self, number: int, environment: Mapping[str, str], folder: Path, trial: Trial) -> None:
        super().__init__(DRIVER, number, environment, folder)
        self._trial, self._ready = trial, folder / f"{self.name}.ready"

    def arguments(self) -> Sequence[str]:
        partitions = range(0, PARTITIONS * KINDS, KINDS)
        return (
            "-m", "tests.faults.cluster.driving", "--ready", str(self._ready), "--lanes", ",".join(LANES),
            "--pace", str(self._trial.pace), "--expiry-ms", str(self._trial.expiry_ms),
            "--partitions", ",".join(map(str, partitions)),
        )  # fmt: skip

    async def answers(self, session: aiohttp.ClientSession) -> bool:
        del session  # it has no address
        return self._ready.exists() and self._ready.read_text("utf-8") == str(self.process.pid)


async def ordered(trial: Trial, folder: Path) -> dict[str, Any]:
    """All of it, and the judgement. Raises TooLong, ClientFailed."""
    began_s = time.monotonic()
    async with opened(folder, ENGINES) as site:
        engine = create_engine(site.db)
        try:
            await asyncio.to_thread(_made_tables, engine, trial.orders)
            async with _at_work(site, trial) as (drivers, switch):
                counts = Counts(site.gateways, site.session, CLAIMS)
                storm = Storm([*site.parts, *drivers], site.session, switch.check, lambda: _told(switch))
                async with beside(counts.run()), beside(_stops(engine, trial)) as stopping:
                    await storm.bring(stormed(trial.seconds, trial.seed))
                    made_meanwhile = trial.orders - await asyncio.to_thread(_write, engine, _left)
                    say("no more faults; waiting until each order has an end")
                    await _all_up(site, drivers)
                    await stopping
                    without_end = await _to_the_end(engine, switch, trial)
                await switch.ended()
            figures = await asyncio.to_thread(_judged, engine, switch.out, trial)
        finally:
            engine.dispose()
    parts: list[Part] = [*site.parts, *drivers]
    return figures | {
        "claims_refused": counts.total["claims_refused"],
        "kills": storm.count(KILLED),
        "stops": storm.count(STOPPED),
        "seconds": trial.seconds,
        "seed": trial.seed,
        "scenario": NAME,
        "faults": dict(sorted(storm.done.items())),
        "seconds_without_fault": storm.calm,
        "machine_stood_still_s": round(storm.still_s, 1),
        "streams_cut": switch.told["cut"],
        "streams_doubled": switch.told["doubled"],
        "streams_broken": switch.told["broken"],
        "orders_made_under_faults": made_meanwhile,
        "orders_unwritten": counts.total["orders_unwritten"],
        "ends_waited_for_in_vain": without_end,
        "starts_refused": sum(part.refused_starts for part in parts),
        "ended_alone": sum(part.ended_alone for part in parts),
        "stopped_badly": sum(part.exit_code != 0 for part in parts),
        "duration_s": round(time.monotonic() - began_s, 1),
    }


def _told(switch: Client) -> str:
    return ", ".join(f"{name} {switch.told.get(name)}" for name in ("received", "cut", "doubled", "live", "unsent"))


def _made_tables(engine: Engine, orders: int) -> None:
    with engine.begin() as connection:
        book.metadata.create_all(connection)
        each = {"made": 0, "attempts": 0, "wanted": "run", "standing": "running", "finishing": 0}
        rows = [{"lane": lane, "quota": orders // len(LANES), **each} for lane in LANES]
        connection.execute(insert(book.lanes), rows)


@contextlib.asynccontextmanager
async def _at_work(site: Site, trial: Trial) -> AsyncIterator[tuple[list[Driver], Client]]:
    """The switch and the drivers, which end with the block: the drivers in order."""
    switch = Client(0, site.folder)
    drivers = [Driver(number, {"RINGBACK_DB": site.db}, site.folder, trial) for number in range(DRIVERS)]
    try:
        await switch.begin(
            "tests.faults.cluster.dialled", site.key, "--doors", ",".join(site.doors), "--seed", str(trial.seed),
            "--lanes", ",".join(LANES), "--pace", str(trial.limit), "--words", ",".join(trial.words),
        )  # fmt: skip
        await asyncio.gather(*(driver.start(site.session) for driver in drivers))
        yield drivers, switch
    finally:
        await asyncio.gather(*(driver.stop() for driver in drivers))
        await switch.stop()


async def _all_up(site: Site, drivers: Sequence[Driver]) -> None:
    """Raises TooLong."""
    await site.all_up()

    async def up() -> bool:
        for driver in drivers:
            await driver.mend(site.session)
        return all(driver.up.is_set() for driver in drivers)

    await until("the drivers are up", up, UP_MAX_S)


# -- stops -------------------------------------------------------------------------------------------------------------


async def _stops(engine: Engine, trial: Trial) -> None:
    """Each lane is stopped and resumed at its times. Raises TooLong."""
    async with asyncio.TaskGroup() as group:
        for lane, parts in trial.stop_at.items():
            group.create_task(_stops_of(engine, lane, [part * trial.seconds for part in parts]))


async def _stops_of(engine: Engine, lane: str, at_s: Sequence[float]) -> None:
    began_s = time.monotonic()
    for moment_s in at_s:
        await pause(max(0.0, began_s + moment_s - time.monotonic()))
        await asyncio.to_thread(_write, engine, lambda connection: _set(connection, lane, wanted="stop"))

        async def stands() -> bool:
            return await asyncio.to_thread(_write, engine, lambda connection: _standing(connection, lane)) == "stopped"

        await until(f"the stop of {lane} is acknowledged", stands, STOP_MAX_S)
        await pause(STOPPED_FOR_S)
        await asyncio.to_thread(_write, engine, lambda connection: _resume(connection, lane))


def _write(engine: Engine, work: Callable[[Connection], Any]) -> Any:
    with engine.begin() as connection:
        return work(connection)


def _set(connection: Connection, lane: str, **values: Any) -> None:
    connection.execute(update(book.lanes).where(book.lanes.c.lane == lane).values(**values))


def _standing(connection: Connection, lane: str) -> str:
    found: str = connection.execute(select(book.lanes.c.standing).where(book.lanes.c.lane == lane)).scalar_one()
    return found


def _resume(connection: Connection, lane: str) -> None:
    """Nothing of it can be made before this is committed."""
    now_ms = connection.execute(NOW_MS).scalar_one()
    open_ = book.stops.c.lane == lane, book.stops.c.resumed_at_ms.is_(None)
    connection.execute(update(book.stops).where(*open_).values(resumed_at_ms=now_ms))
    _set(connection, lane, wanted="run", standing="running")


# -- the end -----------------------------------------------------------------------------------------------------------


async def _to_the_end(engine: Engine, switch: Client, trial: Trial) -> int:
    """Until all orders are made and have an end, as far as that comes about; how many have none.

    What is unknown counts as an end only when all was asked about, and the switch has nothing more to say.
    """

    async def all_made() -> bool:
        switch.check()
        return await asyncio.to_thread(_write, engine, _left) == 0

    async def all_ended() -> bool:
        switch.check()
        return await asyncio.to_thread(_write, engine, _without_end) == 0

    async def all_said() -> bool:
        """By the switch: a result of its may still wait behind many others."""
        switch.check()
        return int(switch.told["live"]) == 0 and int(switch.told["unsent"]) <= BEATS

    await until("all orders are made", all_made, MADE_MAX_S, 0.5)
    with contextlib.suppress(TooLong):  # what is left was asked about
        await until("each order has an end", all_ended, (trial.expiry_ms + ASK_AFTER_MS + book.ASK_VALID_MS) / 1000)
    await until("the switch has said all", all_said, END_MAX_S, 0.5)
    await asyncio.to_thread(_write, engine, lambda connection: [_set(connection, lane, finishing=1) for lane in LANES])
    with contextlib.suppress(TooLong):  # then the judge names them
        await until("each order has an end", all_ended, END_MAX_S, 0.5)
    return int(await asyncio.to_thread(_write, engine, _without_end))


def _left(connection: Connection) -> int:
    left = func.sum(book.lanes.c.quota - book.lanes.c.made)
    return int(connection.execute(select(left)).scalar_one())


def _without_end(connection: Connection) -> int:
    waiting = select(func.count()).select_from(book.orders).where(book.orders.c.end.is_(None))
    return int(connection.execute(waiting).scalar_one())


def _judged(engine: Engine, log: Path, trial: Trial) -> dict[str, Any]:
    with engine.connect() as connection:
        columns = dial_orders.c
        calls = columns.command == MAKE_CALL, columns.sent_at_ms.is_not(None)
        rows = connection.execute(select(columns.lane, columns.sent_at_ms).where(*calls))
        sent = [Sent._make(row) for row in rows]
        asked = connection.execute(select(func.count()).where(columns.command == "snapshotCall")).scalar_one()
        made, stops = book.read_made(connection), book.read_stops(connection)
        failed = book.read_failed(connection)
    return verdict(read(log), made, stops, sent, trial.limit) | {"asked": asked, "turns_failed": failed}
