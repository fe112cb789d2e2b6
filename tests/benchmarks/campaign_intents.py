"""How many calls a second one and two diallers decide on and commit, beside a bare loop that claims as many contacts
and writes the same rows.

No gateway and no engine is at work: the measuring process claims the orders as a gateway does (those of the bare loops
too), keeps the switch's subscription alive and says how far its events are read. It counts what it has claimed: a query
that counts the orders, again and again, is work for the database that only the diallers would have beside them.

An order that expires unsent tells that the machine was too busy to claim it within 2 s: its lane then makes one call in
10 s, as it must, and the rate is that of the claims. Such a run does not count, and another is made.
"""

import asyncio
import contextlib
import json
import statistics
import time
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import Connection

from campaigns.dialler.turn import DUE_MAX
from cti.adapters.clock import SystemClock
from cti.adapters.store import APPENDED, COMMANDED, Store, open_store
from cti.dial.rows import MAKE_CALL, STREAM_PROLONG_MS, Ability, SentOrder
from cti.dial.store import WRITER
from cti.dial.words import put_words
from cti.rows import SourceWordRow, SwitchRow
from cti.settings import Settings
from tests.benchmarks.campaign_seed import MOST, SWITCH, Seed, seed
from tests.benchmarks.figures import Figure, against
from tests.benchmarks.processes import done
from tests.benchmarks.product import Product, pause, product
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import TENANT
from tests.campaigns.open_now import open_country

LANES, BARE_LANE = ("east", "west"), "bare"
OF_EACH, RUNS, TRIES_MAX = 3_000, 3, 3
BATCH = DUE_MAX  # as a turn takes
OPENS_IN_S = 8.0  # the lanes are shared out by then
DONE_MAX_S = 60.0
LOOK_S, SAY_S = 0.02, 1.0
CLAIM_S, CLAIMED_MAX = 0.1, 1_000  # at the latest, where nothing was told; in one claim
SOURCE = f"/switches/{SWITCH}"
UNSENT = (
    "SELECT count(*) FROM dial_orders WHERE command = 'makeCall' AND lane = ANY(%s) AND sent_at_ms IS NULL"
    " AND (state = 'withdrawn' OR expires_at_ms < extract(epoch FROM clock_timestamp()) * 1000)"
)
DECLARED = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
    "trunk_groups": {lane: {"calls_per_second": MOST, "calls_at_once": MOST} for lane in LANES},
}  # fmt: skip


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """On PostgreSQL, two lanes; each run on an empty database."""
    of_each = OF_EACH // 10 if quick else OF_EACH
    ran: dict[int, list[Ran]] = {1: [], 2: []}
    for _ in range(1 if quick else RUNS):
        for diallers, found in ran.items():
            found.append(_clean(fresh, diallers, of_each, heard))
    for diallers, found in ran.items():
        name = f"campaign_intents_{diallers}_diallers"
        yield against(name, [one.rate for one in found], [one.bare for one in found], "intents/s", BATCH)
        used, bare = statistics.median(one.cpu_us for one in found), statistics.median(one.bare_cpu_us for one in found)
        yield Figure(f"{name}_cpu", used, "us", bare, runs=len(found), batch=BATCH)
    rates = [statistics.median(one.rate for one in found) for found in ran.values()]
    heard.append(f"two diallers make {rates[1] / rates[0]:.2f} times as many as one")


def _clean(fresh: Fresh, diallers: int, of_each: int, heard: list[str]) -> "Ran":
    """A run in which every order was claimed in time. Raises RuntimeError where there is none."""
    for _ in range(TRIES_MAX):
        with fresh() as url:
            ran = asyncio.run(_run(url, diallers, of_each))
        loops = f"{diallers} bare loops: {ran.bare:,.0f}/s, {ran.bare_cpu_us:,.0f} us of their own a row"
        heard.append(
            f"{diallers} diallers: {ran.rate:,.0f} intents/s, {ran.cpu_us:,.0f} us of theirs an intent; {loops};"
            f" that update the contacts alone: {ran.alone:,.0f}/s; {ran.unsent} orders expired unsent"
        )
        if not ran.unsent:
            return ran
    raise RuntimeError(f"in each of {TRIES_MAX} runs orders expired unsent: the machine is too busy")


class Ran(NamedTuple):
    """Contacts a second: of the diallers, and of as many bare loops that write the same rows, or the contacts alone.
    `cpu_us`, `bare_cpu_us`: processor time of their own processes, for each. `unsent`: orders that were claimed too
    late.
    """

    rate: float
    bare: float
    alone: float
    cpu_us: float
    bare_cpu_us: float
    unsent: int


async def _run(url: str, diallers: int, of_each: int) -> Ran:
    """All on one database."""
    wanted = len(LANES) * of_each
    with product(url) as run:
        for _ in range(diallers):
            await asyncio.to_thread(run.start, "dialler")
        partitions = Settings.read(db=url).partitions
        async with (
            open_store(
                url, SystemClock(), partitions, server_clock=True, unused_channels=(APPENDED, COMMANDED)
            ) as store,
            _dialled_on(store, range(partitions)) as claimed,
        ):
            called, bare, touched = _seeds(of_each)
            await asyncio.to_thread(seed, url, [*called, *bare, *touched])
            alone = await asyncio.to_thread(_bare, run.address, diallers, touched, alone=True)
            beside = await asyncio.to_thread(_bare, run.address, diallers, bare, alone=False)
            before_s = _cpu_s(run, diallers)
            rate = await asyncio.to_thread(claimed.rate, wanted)
            used_s = _cpu_s(run, diallers) - before_s
        with psycopg.connect(run.address) as connection:
            unsent = connection.execute(UNSENT, (list(LANES),)).fetchone()
    assert unsent is not None
    return Ran(rate, beside.rate, alone.rate, used_s / wanted * 1e6, beside.cpu_us, unsent[0])


def _cpu_s(run: Product, diallers: int) -> float:
    return sum(run.cpu_s(number) for number in range(diallers))


class _Claimed:
    """The makeCalls of the diallers' lanes that were claimed."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, int]] = []  # (seconds, how many by then)

    def note(self, orders: Collection[SentOrder]) -> None:
        count = sum(one.command == MAKE_CALL and one.lane in LANES for one in orders)
        if count:
            self._seen.append((time.monotonic(), count + (self._seen[-1][1] if self._seen else 0)))

    def rate(self, wanted: int) -> float:
        """Orders a second, from the first claim with some to the one by which there are all; or, where they have not
        all come within DONE_MAX_S, as far as they have.
        """
        ends_s = time.monotonic() + DONE_MAX_S
        while (not self._seen or self._seen[-1][1] < wanted) and time.monotonic() < ends_s:
            pause(LOOK_S)
        assert self._seen, "no order was made"
        (began_s, first), (ended_s, last) = self._seen[0], self._seen[-1]
        return (last - first) / max(ended_s - began_s, LOOK_S)


def _seeds(of_each: int) -> tuple[list[Seed], list[Seed], list[Seed]]:
    """For the diallers, and for the bare loops of either kind: one a lane. No two have a number in common."""
    now_ms = time.time() * 1000
    opens_ms, country = now_ms + OPENS_IN_S * 1000, open_country(now_ms, 6 * of_each)
    called = [Seed(f"call{at}", lane, of_each, country, opens_ms, first=of_each * at) for at, lane in enumerate(LANES)]
    claimed = [one._replace(id=f"bare{at}", first=of_each * (2 + at)) for at, one in enumerate(called)]
    touched = [one._replace(id=f"alone{at}", first=of_each * (4 + at)) for at, one in enumerate(called)]
    return called, *([one._replace(state="draft") for one in some] for some in (claimed, touched))


@contextlib.asynccontextmanager
async def _dialled_on(store: Store, partitions: Sequence[int]) -> AsyncIterator[_Claimed]:
    """A switch that may be dialled on as long as the block lasts; what was claimed of it."""
    await store.ledger.put_switch(SwitchRow(TENANT, SWITCH, SOURCE, json.dumps(DECLARED)))
    assert store.dial is not None
    epoch, claimed = await store.dial.subscribe(TENANT, SWITCH), _Claimed()
    tasks = [
        asyncio.create_task(_saying(store, epoch, partitions)),
        asyncio.create_task(_claiming(store, epoch, claimed)),
    ]
    try:
        yield claimed
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _saying(store: Store, epoch: int, partitions: Sequence[int]) -> None:
    """What a gateway and an engine would write now and then."""
    assert store.dial is not None
    assert store.database is not None
    prolonged_s = 0.0
    while True:
        now_s, now_ms = time.monotonic(), int(time.time() * 1000)
        words = [SourceWordRow(TENANT, SOURCE, partition, now_ms, 0, 1, now_ms) for partition in partitions]
        await store.database.writer(WRITER).run(_say, words)
        if now_s - prolonged_s >= STREAM_PROLONG_MS / 1000:
            prolonged_s = now_s
            await store.dial.prolong(TENANT, SWITCH, epoch)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), SAY_S)


async def _claiming(store: Store, epoch: int, claimed: _Claimed) -> None:
    """As a gateway: when it is told of orders, and again at once where there may be more."""
    assert store.dial is not None
    told, ability = asyncio.Event(), Ability(SOURCE, dict.fromkeys((*LANES, BARE_LANE), float(MOST)))
    store.dial.wake_claims(told)
    while True:
        told.clear()
        claim = await store.dial.claim(TENANT, SWITCH, epoch, ability, CLAIMED_MAX)
        claimed.note(claim.orders)
        if not claim.orders:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(told.wait(), CLAIM_S)


def _say(connection: Connection, given: Sequence[Sequence[SourceWordRow]]) -> Sequence[None]:
    for words in given:
        put_words(connection, words)
    return [None] * len(given)


class _Bare(NamedTuple):
    rate: float
    cpu_us: float


def _bare(address: str, loops: int, seeds: Sequence[Seed], *, alone: bool) -> _Bare:
    """Rows a second of so many loops at once, before the campaigns open."""
    jobs: list[dict[str, Any]] = [
        {
            "address": address, "campaigns": [one.id for one in seeds[loop::loops]], "batch": BATCH, "alone": alone,
            "hours_class": f"1|resident|{seeds[0].country.zone}", "switch": SWITCH, "lane": BARE_LANE,
        }
        for loop in range(loops)
    ]  # fmt: skip
    with ThreadPoolExecutor(loops) as pool:
        found = list(pool.map(lambda job: done("tests.benchmarks.bare_claims", job), jobs))
    rows = sum(one["rows"] for one in found)
    assert rows == sum(one.contacts for one in seeds), f"{rows} rows were claimed"
    return _Bare(rows / max(one["seconds"] for one in found), sum(one["cpu_s"] for one in found) / rows * 1e6)
