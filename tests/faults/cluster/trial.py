"""A trial: a site under load and under faults; then everything is up again, all is read, and it is judged."""

import asyncio
import contextlib
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.cluster.client import Client
from tests.faults.cluster.injecting import Injector
from tests.faults.cluster.journal import joined
from tests.faults.cluster.judging import sound, verdict
from tests.faults.cluster.keeping import Kept, copies, kept, log_ends
from tests.faults.cluster.plan import Fault
from tests.faults.cluster.site import ENGINES, Site, opened
from tests.faults.cluster.waiting import TooLong, pause, until
from tests.faults.diary import Diary
from tests.faults.judge import Reader

CLIENTS, LINES = 2, 4  # processes, and switches in each
WARM_S = 3.0  # under load before the first fault, and after the last
SETTLE_MAX_S = 90.0
COPIES_MAX_S = 45.0
READ_S = 60.0


@dataclass(slots=True)
class Load:
    """The client processes."""

    clients: Sequence[Client]

    def check(self) -> None:
        for client in self.clients:
            client.check()

    @property
    def acked(self) -> int:
        """Events acknowledged so far."""
        return sum(client.told["acked"] for client in self.clients)

    def told(self) -> str:
        return f"{self.acked} events acknowledged, {sum(client.told['calls'] for client in self.clients)} calls"

    async def finished(self) -> list[Diary]:
        return await asyncio.gather(*(client.finished() for client in self.clients))


async def tried(faults: Sequence[Fault], seed: int, folder: Path, engines: int = ENGINES) -> dict[str, Any]:
    """These faults, and the judgement. Raises TooLong, ClientFailed."""
    began = time.monotonic()
    async with opened(folder, engines) as site:
        async with loaded(site, seed) as load:
            injector = Injector(site, load.check, load.told)
            await pause(WARM_S)
            await injector.bring(faults)
            await pause(WARM_S)
            load_s = time.monotonic() - began
            diary = joined(await load.finished())
        figures, _ = await figured(site, diary)
    return (
        figures
        | ended(site)
        | {
            "zombie_commits_refused": site.refusals.total["fenced"],
            "zombies_refused_on_waking": injector.refused_on_waking,
            "commits_failed": dict(site.refusals.total),
            "partitions_lost_logged": site.refusals.told_lost(),
            **site.looks.figures(),
            "faults": sum(injector.done.values()),
            "faults_by_kind": dict(sorted(injector.done.items())),
            "seed": seed,
            "load_s": round(load_s, 1),
            "duration_s": round(time.monotonic() - began, 1),
        }
    )


@contextlib.asynccontextmanager
async def loaded(site: Site, seed: int) -> AsyncIterator[Load]:
    """The site with clients at it, which end with the block."""
    clients = [Client(number, site.folder) for number in range(CLIENTS)]
    try:
        for number, client in enumerate(clients):
            await client.start(site.doors, site.key, seed, number * LINES, LINES)
        yield Load(clients)
    finally:
        await asyncio.gather(*(client.stop() for client in clients))


LOOKS_MAX = 3  # at ledger and topics, one after the other
LOOK_AGAIN_S = 4.0  # beyond the time in which a command may end unanswered


async def figured(site: Site, diary: Diary) -> tuple[dict[str, Any], Kept]:
    """Wait until the ledger has everything, as far as that comes about, and judge; and what was judged."""
    say("the load has ended; waiting until all is read")
    await site.all_up()
    await _settled(site, diary)
    timeout = aiohttp.ClientTimeout(total=READ_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        reader = Reader(site.doors[0], site.key, session)
        for _ in range(LOOKS_MAX):
            found = await kept(reader, site.db, await log_ends(site.bootstrap))
            found.copies = await copies(site.bootstrap)
            figures = await _with_all_copies(diary, found, site.bootstrap)
            if not figures["copies_unknown"]:
                break
            await pause(LOOK_AGAIN_S)  # a record was revised after the ledger was read; what is unknown stays so
    return figures | {"answers": dict(sorted(diary.answers.items()))}, found


async def _settled(site: Site, diary: Diary) -> None:
    """Every partition is read to the end of the log, and beyond what the clients were told; or the time is over."""

    async def all_read() -> bool:
        wanted = Counter(await log_ends(site.bootstrap)) | Counter(diary.positions)
        await site.looks.look()
        return all(
            partition in site.looks.now and site.looks.now[partition].position >= end
            for partition, end in wanted.items()
        )

    with contextlib.suppress(TooLong):  # then the judge finds what is missing
        await until("all is read", all_read, SETTLE_MAX_S, 0.5)


async def _with_all_copies(diary: Diary, found: Kept, bootstrap: str) -> dict[str, Any]:
    """The verdict, once the topics hold all copies or the time is over."""
    ends, figures = time.monotonic() + COPIES_MAX_S, verdict(diary, found)
    while figures["copies_missing"] and time.monotonic() < ends:
        await pause(1.0)
        found.copies = await copies(bootstrap)
        figures = verdict(diary, found)
    return figures


def ended(site: Site) -> dict[str, Any]:
    """How the processes fared."""
    return {
        "starts_refused": sum(part.refused_starts for part in site.parts),
        "ended_alone": sum(part.ended_alone for part in site.parts),
        "stopped_badly": sum(part.exit_code != 0 for part in site.parts),
    }


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be after a trial of faults."""
    wrong = unsound(figures) + ["commits_failed"] * ("poison" in figures["commits_failed"])
    return wrong + [name for name in ("zombie_commits_refused", "takeovers", "faults") if not figures[name]]


def unsound(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be after any trial."""
    return sound(figures) + [name for name in ("ended_alone", "stopped_badly", "calls_unfinished") if figures[name]]


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)
