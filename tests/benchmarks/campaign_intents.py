"""How many calls a second one and two diallers decide on and commit, beside a bare loop that claims as many contacts
and writes the same rows.

No gateway and no engine is at work: the measuring process claims the orders as a gateway does, keeps the switch's
subscription alive and says how far its events are read.
"""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection

from campaigns.dialler.turn import DUE_MAX
from cti.adapters.clock import SystemClock
from cti.adapters.store import APPENDED, COMMANDED, Store, open_store
from cti.dial.rows import STREAM_PROLONG_MS
from cti.dial.store import ORDERED, WRITER
from cti.dial.words import put_words
from cti.rows import SourceWordRow, SwitchRow
from cti.settings import Settings
from tests.benchmarks.campaign_seed import MOST, SWITCH, Seed, seed
from tests.benchmarks.figures import Figure, against
from tests.benchmarks.processes import done
from tests.benchmarks.product import pause, product
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import TENANT
from tests.campaigns.open_now import open_country

LANES = ("east", "west")
OF_EACH, RUNS = 3_000, 3
BATCH = DUE_MAX  # as a turn takes
OPENS_IN_S = 8.0  # the lanes are shared out by then
DONE_MAX_S = 60.0
LOOK_S, SAY_S = 0.02, 1.0
CLAIM_S, CLAIMED_MAX = 0.1, 1_000
SOURCE = f"/switches/{SWITCH}"
COUNT = "SELECT count(*) FROM dial_orders WHERE command = 'makeCall' AND switch = %s"  # the bare loops have no switch
DECLARED = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
    "trunk_groups": {lane: {"calls_per_second": MOST, "calls_at_once": MOST} for lane in LANES},
}  # fmt: skip


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """On PostgreSQL, two lanes; each run on an empty database."""
    of_each = OF_EACH // 10 if quick else OF_EACH
    rates: dict[int, list[float]] = {1: [], 2: []}
    bare: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(1 if quick else RUNS):
        for diallers, found in rates.items():
            with fresh() as url:
                ran = asyncio.run(_run(url, diallers, of_each))
                found.append(ran.rate)
                bare[diallers].append(ran.bare)
                heard.append(
                    f"{diallers} diallers: {ran.rate:,.0f} intents/s; {diallers} bare loops: {ran.bare:,.0f}/s;"
                    f" that update the contacts alone: {ran.alone:,.0f}/s"
                )
    for diallers, found in rates.items():
        yield against(f"campaign_intents_{diallers}_diallers", found, bare[diallers], "intents/s", BATCH)
    ratio = statistics.median(rates[2]) / statistics.median(rates[1])
    heard.append(f"two diallers make {ratio:.2f} times as many as one")


class Ran(NamedTuple):
    """Contacts a second: of the diallers, and of as many bare loops that write the same rows, or the contacts alone."""

    rate: float
    bare: float
    alone: float


async def _run(url: str, diallers: int, of_each: int) -> Ran:
    """All on one database."""
    unheard = (APPENDED, COMMANDED, ORDERED)
    with product(url) as run:
        for _ in range(diallers):
            await asyncio.to_thread(run.start, "dialler")
        partitions = Settings.read(db=url).partitions
        async with (
            open_store(url, SystemClock(), partitions, server_clock=True, unheard=unheard) as store,
            _dialled_on(store, range(partitions)),
        ):
            called, claimed, touched = _seeds(of_each)
            await asyncio.to_thread(seed, url, [*called, *claimed, *touched])
            alone = await asyncio.to_thread(_bare, run.address, diallers, touched, alone=True)
            bare = await asyncio.to_thread(_bare, run.address, diallers, claimed, alone=False)
            rate = await asyncio.to_thread(_committed, run.address, len(LANES) * of_each)
    return Ran(rate, bare, alone)


def _seeds(of_each: int) -> tuple[list[Seed], list[Seed], list[Seed]]:
    """For the diallers, and for the bare loops of either kind: one a lane. No two have a number in common."""
    now_ms = time.time() * 1000
    opens_ms, country = now_ms + OPENS_IN_S * 1000, open_country(now_ms, 6 * of_each)
    called = [Seed(f"call{at}", lane, of_each, country, opens_ms, first=of_each * at) for at, lane in enumerate(LANES)]
    claimed = [one._replace(id=f"bare{at}", first=of_each * (2 + at)) for at, one in enumerate(called)]
    touched = [one._replace(id=f"alone{at}", first=of_each * (4 + at)) for at, one in enumerate(called)]
    return called, *([one._replace(state="draft") for one in some] for some in (claimed, touched))


@contextlib.asynccontextmanager
async def _dialled_on(store: Store, partitions: Sequence[int]) -> AsyncIterator[None]:
    """A switch that may be dialled on as long as the block lasts."""
    await store.ledger.put_switch(SwitchRow(TENANT, SWITCH, SOURCE, json.dumps(DECLARED)))
    assert store.dial is not None
    epoch = await store.dial.subscribe(TENANT, SWITCH)
    saying = asyncio.create_task(_saying(store, epoch, partitions))
    try:
        yield
    finally:
        saying.cancel()
        await asyncio.gather(saying, return_exceptions=True)


async def _saying(store: Store, epoch: int, partitions: Sequence[int]) -> None:
    """What a gateway and an engine would write now and then."""
    assert store.dial is not None
    assert store.database is not None
    said_s = prolonged_s = 0.0
    while True:
        now_s, now_ms = time.monotonic(), int(time.time() * 1000)
        if now_s - said_s >= SAY_S:
            said_s = now_s
            words = [SourceWordRow(TENANT, SOURCE, partition, now_ms, 0, 1, now_ms) for partition in partitions]
            await store.database.writer(WRITER).run(_say, words)
        if now_s - prolonged_s >= STREAM_PROLONG_MS / 1000:
            prolonged_s = now_s
            await store.dial.prolong(TENANT, SWITCH, epoch)
        await store.dial.claim(TENANT, SWITCH, epoch, dict.fromkeys(LANES, float(MOST)), CLAIMED_MAX)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), CLAIM_S)


def _say(connection: Connection, given: Sequence[Sequence[SourceWordRow]]) -> Sequence[None]:
    for words in given:
        put_words(connection, words)
    return [None] * len(given)


def _bare(address: str, loops: int, seeds: Sequence[Seed], *, alone: bool) -> float:
    """Rows a second of so many loops at once, before the campaigns open."""
    jobs: list[dict[str, Any]] = [
        {
            "address": address, "campaigns": [one.id for one in seeds[loop::loops]], "batch": BATCH, "alone": alone,
            "hours_class": f"1|resident|{seeds[0].country.zone}",
        }
        for loop in range(loops)
    ]  # fmt: skip
    with ThreadPoolExecutor(loops) as pool:
        found = list(pool.map(lambda job: done("tests.benchmarks.bare_claims", job), jobs))
    rows = sum(one["rows"] for one in found)
    assert rows == sum(one.contacts for one in seeds), f"{rows} rows were claimed"
    return rows / max(one["seconds"] for one in found)


def _committed(address: str, wanted: int) -> float:
    """Orders a second, from the first commit that is seen to the last."""
    began_s, first, count = 0.0, 0, 0
    ends_s = time.monotonic() + DONE_MAX_S
    with psycopg.connect(address, autocommit=True) as connection:
        while time.monotonic() < ends_s:
            row = connection.execute(COUNT, (SWITCH,)).fetchone()
            count = int(row[0]) if row else 0
            if count and not began_s:
                began_s, first = time.monotonic(), count
            if count >= wanted:
                return (count - first) / (time.monotonic() - began_s)
            pause(LOOK_S)
    raise RuntimeError(f"{count} of {wanted} orders were made within {DONE_MAX_S:g} s")
