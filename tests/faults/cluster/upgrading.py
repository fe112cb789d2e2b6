"""A rolling upgrade: processes of the release before and of this one on one ledger under load, one by one.

The release before serves. This release brings the schema up to date beneath it, which then has to go on; opens a door
beside its door, starts processes of a part that is installed (`tests/rooms`), and starts an engine: the two share the
partitions, and both go on. Then the process of the release before is stopped in order; started again, it must refuse
the ledger. This release takes its place at its address, one more engine joins, and the first engine is stopped in order
and started again.
"""

import asyncio
import contextlib
import os
import sys
import time
import zipfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import create_engine, make_url, select

from cti.adapters.ledger.tables import calls, engines, event_log_heads
from tests.faults.cluster.client import Client
from tests.faults.cluster.holdings import Looks
from tests.faults.cluster.journal import joined
from tests.faults.cluster.judging import OF_TOPICS, sound, verdict
from tests.faults.cluster.keeping import kept
from tests.faults.cluster.parts import Part
from tests.faults.cluster.plan import ENGINE, GATEWAY
from tests.faults.cluster.trial import LINES, SETTLE_MAX_S, WARM_S, Load, say
from tests.faults.cluster.upgrading_orders import MUST_BE_0 as ORDERS_BE_0
from tests.faults.cluster.upgrading_orders import MUST_NOT_BE_0 as ORDERS_NOT_BE_0
from tests.faults.cluster.upgrading_orders import ordering
from tests.faults.cluster.waiting import TooLong, beside, pause, until
from tests.faults.judge import Reader
from tests.faults.served import made_key
from tests.postgres import own_server
from tests.rooms.installed import install
from tests.rooms.notes import births
from tests.upgrade import BEFORE

NAME = "upgrade"
TENANT = "faults"
SERVE = "serve"
PARTITIONS = 12
END_MAX_S = 30.0
READ_S = 60.0
BESIDE_S = 6.0  # both releases work on the partitions
NOTER = "noter"
NOTES, LANES, NOTE_EVERY_S = 80, 6, 0.2
MUST_BE_0 = (
    "ended_alone", "stopped_badly", "calls_unfinished", "earlier_stopped_badly", "notes_unread", "births_unknown",
    "not_engines", *ORDERS_BE_0,
)  # fmt: skip
MUST_NOT_BE_0 = (
    "earlier_moved", "earlier_moved_beside", "moved_beside_earlier", "earlier_refused", "handovers", "notes",
    "births_beside", *ORDERS_NOT_BE_0,
)  # fmt: skip


@dataclass(slots=True)
class Upgrade:
    """The site: one database, the processes by name, and who looks on."""

    db: str
    environment: Mapping[str, str]
    folder: Path
    session: aiohttp.ClientSession
    looks: Looks
    earlier: Part
    gateway: Part
    serve: Part  # this release at the earlier one's address
    engines: list[Part]
    noters: list[Part]  # processes of the installed part, which share names and no partitions

    @property
    def ours(self) -> list[Part]:
        return [self.gateway, self.serve, *self.engines, *self.noters]

    def moved(self) -> int:
        """How far all partitions have come."""
        return sum(row.position for row in self.looks.now.values())

    def moved_by_owner(self) -> dict[str, int]:
        """The same of each engine's partitions."""
        rows = [row for row in self.looks.now.values() if row.owner]
        return {owner: sum(row.position for row in rows if row.owner == owner) for owner in {row.owner for row in rows}}


async def upgraded(seed: int, folder: Path) -> dict[str, Any]:
    """All of it, and the judgement. Raises TooLong, ClientFailed."""
    began = time.monotonic()
    async with _opened(folder) as (site, key):
        clients = [Client(number, folder) for number in range(2)]
        try:
            doors = [site.earlier.url, site.gateway.url]
            await clients[0].start(doors, key, seed, 0, LINES)
            load = Load(clients)
            await pause(WARM_S)
            figures: dict[str, Any] = {}
            figures |= await _beneath(site, lambda: clients[1].start(doors, key, seed, LINES, LINES))
            async with ordering(site.db, site.environment, TENANT, key, site.session, PARTITIONS) as orders:
                await orders.declare(site.gateway.url)
                async with beside(orders.early(site.earlier.url)):
                    figures |= await _beside(site)
                noting = asyncio.create_task(_note(site, key))
                figures |= await _replaced(site)
                await orders.after(site.gateway.url)
                figures |= {name: orders.figures[name] for name in (*ORDERS_BE_0, *ORDERS_NOT_BE_0)}
            figures |= await _one_by_one(site)
            load.check()
            for part in site.ours:
                await part.mend(site.session)
            diary = joined(await load.finished())
        finally:
            await asyncio.gather(*(client.stop() for client in clients))
        await _settled(site)
        figures |= await noting | await asyncio.to_thread(_part_kept, site.db)
        reader = Reader(site.gateway.url, key, site.session)
        found = await kept(reader, site.db, _ends(site.db))
    told = {name: value for name, value in verdict(diary, found, earlier=True).items() if name not in OF_TOPICS}
    return (
        told
        | figures
        | site.looks.figures()
        | {
            "answers": dict(sorted(diary.answers.items())),
            "ended_alone": sum(part.ended_alone for part in site.ours),
            "stopped_badly": sum(part.exit_code != 0 for part in site.ours),
            "scenario": NAME,
            "seed": seed,
            "duration_s": round(time.monotonic() - began, 1),
        }
    )


@contextlib.asynccontextmanager
async def _opened(folder: Path) -> AsyncIterator[tuple[Upgrade, str]]:
    """The earlier release at work, with a key for its door."""
    with own_server() as postgres:
        db = await asyncio.to_thread(postgres.create_database)
        settings = {"RINGBACK_DB": db, "RINGBACK_PARTITIONS": str(PARTITIONS)}
        ours = {**settings, "PYTHONPATH": str(install(folder / "site"))}
        release = folder / "before"
        with zipfile.ZipFile(BEFORE) as wheel:
            await asyncio.to_thread(wheel.extractall, release)
        # Safe path: else the sources in the working folder come first.
        theirs = {**settings, "PYTHONSAFEPATH": "1", "PYTHONPATH": str(release)}
        key = await made_key(db, TENANT, theirs)
        looks = Looks(make_url(db).set(drivername="postgresql").render_as_string(hide_password=False), kinds=1)
        earlier = Part(SERVE, 0, theirs, folder)
        serve = Part(SERVE, 1, ours, folder, earlier.port)
        gateway, engines = Part(GATEWAY, 0, ours, folder), [Part(ENGINE, n, ours, folder) for n in range(2)]
        noters = [Part(NOTER, n, ours, folder) for n in range(2)]
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=READ_S)) as session:
            site = Upgrade(db, ours, folder, session, looks, earlier, gateway, serve, engines, noters)
            watching = asyncio.create_task(looks.run())
            try:
                await earlier.start(session)
                yield site, key
            finally:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)
                await asyncio.gather(*(part.stop() for part in (earlier, *site.ours)))
                looks.close()


# -- the steps ---------------------------------------------------------------------------------------------------------


async def _beneath(site: Upgrade, more: Callable[[], Any]) -> dict[str, Any]:
    """The schema upgraded beneath the earlier release, new switches at its door, and a door of this release beside."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cti", "migrate", env={**os.environ, **site.environment}
    )
    assert await asyncio.wait_for(process.wait(), END_MAX_S) == 0, "the schema could not be upgraded"
    upgrade_s = time.monotonic() - began
    say(f"the schema is upgraded, in {upgrade_s:.1f} s")
    await more()
    before = site.moved()
    await pause(WARM_S)
    await site.gateway.start(site.session)
    await pause(WARM_S)
    say("the earlier release works beneath a door of this one")
    return {"upgrade_s": round(upgrade_s, 1), "earlier_moved": site.moved() - before}


async def _beside(site: Upgrade) -> dict[str, Any]:
    """An engine of this release joins: it gets half of the partitions, and the release before goes on with the rest."""
    for noter in site.noters:
        await noter.start(site.session)
    (earlier,) = site.moved_by_owner()
    await site.engines[0].start(site.session)

    async def shared() -> bool:
        shares = Counter(row.owner for row in site.looks.now.values())
        return shares[earlier] == PARTITIONS // 2 and sum(shares.values()) - shares[""] == PARTITIONS

    await until("both releases have their share", shared, SETTLE_MAX_S)
    before = site.moved_by_owner()
    await pause(BESIDE_S)
    moved = {owner: position - before.get(owner, 0) for owner, position in site.moved_by_owner().items()}
    say("both releases have worked side by side")
    return {"earlier_moved_beside": moved[earlier], "moved_beside_earlier": sum(moved.values()) - moved[earlier]}


async def _replaced(site: Upgrade) -> dict[str, Any]:
    """The release before is stopped in order, and refused when it comes back."""
    await site.earlier.stop()
    again = await site.earlier.tried(END_MAX_S)
    return {
        "earlier_stopped_badly": int(site.earlier.exit_code != 0),
        "earlier_refused": again,
        "earlier_said": site.earlier.last_words().strip()[-200:],
    }


async def _one_by_one(site: Upgrade) -> dict[str, Any]:
    """This release everywhere, and an engine of it stopped in order and started again."""
    await pause(WARM_S)
    await site.serve.start(site.session)
    await pause(WARM_S)
    await site.engines[1].start(site.session)
    await pause(WARM_S)
    await site.engines[0].stop()
    await site.engines[0].start(site.session)
    await pause(WARM_S)
    return {"restarts": sum(part.starts - 1 for part in site.ours)}


# -- the part ----------------------------------------------------------------------------------------------------------


async def _note(site: Upgrade, key: str) -> dict[str, int]:
    """Notes to the part while processes are replaced, and how many of them nobody has read in the end."""
    headers, posted = {"Authorization": f"Bearer {key}"}, 0
    for n in range(NOTES):
        note = {"lane": f"lane {n % LANES}", "body": str(n)}
        async with site.session.post(f"{site.gateway.url}/v1/notes", json=note, headers=headers) as answer:
            posted += answer.status == HTTPStatus.CREATED
        await pause(NOTE_EVERY_S)
    unread = 0

    async def all_read() -> bool:
        nonlocal unread
        async with site.session.get(f"{site.gateway.url}/v1/notes", headers=headers) as answer:
            unread = sum(note["read_epoch"] == 0 for note in (await answer.json())["notes"])
        return unread == 0

    with contextlib.suppress(TooLong):
        await until("every note is read", all_read, SETTLE_MAX_S, 0.5)
    return {"notes": posted, "notes_unread": unread + NOTES - posted}


def _part_kept(db: str) -> dict[str, int]:
    """What the part has beside the rounds of this release, and who is where nobody but engines may be."""
    engine = create_engine(db)
    with engine.connect() as connection:
        kept = {row.call_id for row in connection.execute(select(births.c.call_id))}
        known = {row.call_id for row in connection.execute(select(calls.c.call_id))}
        strange = [owner for owner in connection.scalars(select(engines.c.owner)) if not owner.startswith("engine-")]
    engine.dispose()
    return {"births_beside": len(kept), "births_unknown": len(kept - known), "not_engines": len(strange)}


# -- the end -----------------------------------------------------------------------------------------------------------


def _ends(db: str) -> dict[int, int]:
    """The last position of each partition of the log."""
    engine = create_engine(db)
    with engine.connect() as connection:
        heads = connection.execute(select(event_log_heads.c.partition, event_log_heads.c.position)).all()
    engine.dispose()
    return {row.partition: row.position for row in heads}


async def _settled(site: Upgrade) -> None:
    """Every partition is read to the end, or the time is over: then the judge finds what is missing."""

    async def all_read() -> bool:
        await site.looks.look()
        wanted = await asyncio.to_thread(_ends, site.db)
        now = site.looks.now
        return all(partition in now and now[partition].position >= end for partition, end in wanted.items())

    with contextlib.suppress(TooLong):
        await until("all is read", all_read, SETTLE_MAX_S, 0.5)


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = [name for name in sound(figures) if name not in OF_TOPICS]
    return wrong + [name for name in MUST_BE_0 if figures[name]] + [name for name in MUST_NOT_BE_0 if not figures[name]]
