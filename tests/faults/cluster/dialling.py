"""Campaigns under faults: three diallers, two gateways, two engines, and a switch that is never killed.

A campaign is imported and started over HTTP, a second one beside it. Every second one of the seven processes is killed
or stopped, while the switch's streams are cut and doubled; meanwhile the second campaign is stopped, and later all is
frozen and thawed while the first still runs. Then nothing happens to them any more, until each contact of the first was
called and each attempt has an end. The judge is the log of the switch, and what a manager is told over HTTP.

All the while the manager of four more campaigns changes them (`deed_plan`), and is judged to be obeyed (`deed_judge`).
"""

import asyncio
import contextlib
import json
import random
import re
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaigns.bills import bills
from tests.campaigns.open_now import Country, open_country
from tests.faults.cluster import campaign_judge, deed_campaigns, deed_judge
from tests.faults.cluster.campaign_judge import Quieted, Told, read, verdict
from tests.faults.cluster.client import Client
from tests.faults.cluster.counters import Counts
from tests.faults.cluster.deed_campaigns import LANE, SMALL, Sizes
from tests.faults.cluster.deed_desk import Manager, manager
from tests.faults.cluster.deed_judge import deed_figures, left_to_tell
from tests.faults.cluster.deed_plan import OFTEN, SELDOM, planned
from tests.faults.cluster.driver_book import SWITCH
from tests.faults.cluster.plan import DIALLER, ENGINE, GATEWAY, KILLED, STOPPED
from tests.faults.cluster.site import Site, opened
from tests.faults.cluster.storm import Storm, stormed
from tests.faults.cluster.submitting import submitted
from tests.faults.cluster.trial import say
from tests.faults.cluster.waiting import beside, pause
from tests.faults.desk import Desk

__all__ = ("NAME", "SHORT", "Trial", "dialled", "failures")

NAME = "dialler"
LANES = ("east", "west", LANE)
ENGINES, DIALLERS = 2, 3
AT_ONCE = 500
TURNS = re.compile(r'^ringback_dialler_turns_total\{ended="(stale|fenced)"\} (\S+)$', re.MULTILINE)
WORDS = (
    "reached", "reached", "noGate", "hangUpEarly", "noAnswer", "busy", "busy", "poweredOff", "suspended", "invalid",
)  # fmt: skip
FROZEN_FOR_S = 4.0
QUIET_MAX_S = 240.0  # for an acknowledgement: under faults a lane may have no owner for long
UP_MAX_S = 60.0
END_MAX_S = 600.0
LOOK_S = 2.0
SECOND_NUMBER_EVERY = 5


@dataclass(frozen=True, slots=True)
class Trial:
    """`pace`: calls a second of each campaign; `limit`: of each lane, as the switch declares."""

    contacts: int = 1_500
    beside: int = 4_000  # of the campaign that is stopped: more than can be called until then
    seconds: float = 120.0
    seed: int = 1
    pace: int = 14
    limit: int = 20
    stop_at: float = 0.4  # as a part of the time
    freeze_at: float = 0.6
    words: Sequence[str] = WORDS
    sizes: Sizes = field(default_factory=Sizes)  # of the campaigns that the manager changes
    amounts: Mapping[str, int] = field(default_factory=lambda: OFTEN)  # of his deeds, by kind


SHORT = Trial(
    60, 600, 12.0, pace=4, limit=10, words=("busy", "hangUpEarly", "poweredOff", "suspended"), sizes=SMALL,
    amounts=SELDOM,
)  # fmt: skip


@dataclass(slots=True)
class Run:
    """What is under way."""

    trial: Trial
    site: Site
    switch: Client
    desk: Desk
    country: Country
    manager: Manager
    running: str = ""  # the campaign that is carried on
    stopped: str = ""
    left_at_stop: int = 0
    left_at_freeze: int = 0

    async def never_called(self, campaign: str, contacts: int) -> int:
        """Contacts without an order that left."""
        return contacts - len({one["contact"] for one in await self.desk.attempts(campaign) if one.get("sent_at")})


async def dialled(trial: Trial, folder: Path) -> dict[str, Any]:
    """All of it, and the judgement. Raises TooLong, ClientFailed, Refused."""
    began_s = time.monotonic()
    async with opened(folder, ENGINES, diallers=DIALLERS) as site:
        async with _at_work(site, trial) as run:
            counts = Counts(site.diallers, site.session, TURNS)
            storm = Storm(site.parts, site.session, run.switch.check, lambda: _told(run.switch))
            async with beside(counts.run()):
                quieting = asyncio.create_task(_quieted(run))
                working = asyncio.create_task(run.manager.work(planned(trial.amounts, trial.seconds, trial.seed)))
                try:
                    await storm.bring(stormed(trial.seconds, trial.seed, (GATEWAY, ENGINE, DIALLER)))
                    say("no more faults; waiting until each contact was called and each attempt has an end")
                    await site.all_up()
                    stop, freeze = await quieting
                    await working
                finally:
                    quieting.cancel()
                    working.cancel()
                    await asyncio.gather(quieting, working, return_exceptions=True)
                in_vain = await _to_the_end(run)
            await run.manager.end()
            await run.switch.ended()
            told = [await _what_is_told(run, *one) for one in _campaigns(run)]
        heard = read(run.switch.out)
        figures = verdict(heard, told, [stop], [freeze], run.country.zone, trial.limit)
        figures |= deed_figures(heard, told, run.manager.deeds)
    return figures | {
        "stale_turns_refused": sum(counts.total.values()),
        "turns_refused": dict(counts.total),
        "stop_acknowledged": stop.acknowledged_at_ms > 0,
        "freeze_acknowledged": freeze.acknowledged_at_ms > 0,
        "left_at_stop": run.left_at_stop,
        "left_at_freeze": run.left_at_freeze,
        "contacts": {one.id: one.contacts for one in told},
        "zone": run.country.zone,
        "kills": storm.count(KILLED),
        "stops": storm.count(STOPPED),
        "faults": dict(sorted(storm.done.items())),
        "seconds_without_fault": storm.calm,
        "machine_stood_still_s": round(storm.still_s, 1),
        "streams_cut": run.switch.told["cut"],
        "streams_doubled": run.switch.told["doubled"],
        "streams_broken": run.switch.told["broken"],
        "requests_unanswered": run.desk.unanswered,
        "ends_waited_for_in_vain": in_vain,
        "ended_alone": sum(part.ended_alone for part in site.parts),
        "stopped_badly": sum(part.exit_code != 0 for part in site.parts),
        "seconds": trial.seconds,
        "seed": trial.seed,
        "scenario": NAME,
        "duration_s": round(time.monotonic() - began_s, 1),
    }


def _told(switch: Client) -> str:
    return ", ".join(f"{name} {switch.told.get(name)}" for name in ("received", "cut", "doubled", "live", "unsent"))


def _campaigns(run: Run) -> Sequence[tuple[str, int]]:
    return [(run.running, run.trial.contacts), (run.stopped, run.trial.beside), *run.manager.all_campaigns]


# -- the beginning -----------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _at_work(site: Site, trial: Trial) -> AsyncIterator[Run]:
    """The switch, and two campaigns that were imported and started."""
    count = trial.contacts + trial.beside
    country = open_country(time.time() * 1000, 2 * count + trial.sizes.numbers)
    numbers = _numbers(country, count)
    scripts = site.folder / "scripts.json"
    switch = Client(0, site.folder)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        desk = Desk(session, site.doors, site.key)
        at_work = manager(desk, country, trial.sizes, 2 * count, trial.seconds, switch.out)
        run = Run(trial, site, switch, desk, country, at_work)
        known = _scripts(numbers, trial) | deed_campaigns.scripts(at_work.customers, trial.words, trial.seed)
        scripts.write_text(json.dumps(known), "utf-8")
        try:
            await switch.begin(
                "tests.faults.cluster.dialled", site.key, "--doors", ",".join(site.doors), "--seed", str(trial.seed),
                "--lanes", ",".join(LANES), "--pace", str(trial.limit), "--scripts", str(scripts),
            )  # fmt: skip
            await run.manager.submit()  # first: some of these must have been called before they are changed
            run.running = await _submitted(run, LANES[0], numbers[: trial.contacts])
            run.stopped = await _submitted(run, LANES[1], numbers[trial.contacts :])
            yield run
        finally:
            await switch.stop()


def _numbers(country: Country, count: int) -> list[list[str]]:
    """One for each contact, some with a second one."""
    return [
        [country.number(at), *([country.number(count + at)] if at % SECOND_NUMBER_EVERY == 0 else [])]
        for at in range(count)
    ]


def _scripts(numbers: Sequence[Sequence[str]], trial: Trial) -> dict[str, list[str]]:
    """A word for each number."""
    return {
        number: [random.Random(f"{trial.seed}:{number}").choice(trial.words)]
        for several in numbers
        for number in several
    }


async def _submitted(run: Run, lane: str, numbers: Sequence[Sequence[str]]) -> str:
    """A campaign of bills to these numbers, imported and started; its id."""
    pacing = {"calls_per_second": run.trial.pace, "calls_at_once": AT_ONCE}
    settings = {
        "name": f"Bills of {lane}", "kind": "billing", "switch": SWITCH, "trunk_group": lane, "zone": run.country.zone,
        "language": "en", "pacing": pacing,
    }  # fmt: skip
    return await submitted(run.desk, settings, [b"".join(bills(numbers))], len(numbers))


# -- the middle --------------------------------------------------------------------------------------------------------


async def _quieted(run: Run) -> tuple[Quieted, Quieted]:
    """One campaign is stopped, then all is frozen for a while. Raises TooLong, Refused."""
    trial, began_s = run.trial, time.monotonic()
    await pause(trial.stop_at * trial.seconds)
    run.left_at_stop = await run.never_called(run.stopped, trial.beside)
    stop = Quieted(run.stopped, await run.desk.stop(run.stopped, QUIET_MAX_S))
    say(f"the stop is acknowledged, with {run.left_at_stop} contacts left")
    await pause(max(0.0, began_s + trial.freeze_at * trial.seconds - time.monotonic()))
    run.left_at_freeze = await run.never_called(run.running, trial.contacts)
    frozen_ms = await run.desk.freeze(QUIET_MAX_S)
    say(f"the freeze is acknowledged, with {run.left_at_freeze} contacts left")
    await pause(FROZEN_FOR_S)
    return stop, Quieted(None, frozen_ms, await run.desk.thaw())


# -- the end -----------------------------------------------------------------------------------------------------------


async def _to_the_end(run: Run) -> int:
    """Until each contact was called and each attempt has an end, as far as that comes about; how many have none."""
    left = 0

    async def over() -> bool:
        nonlocal left
        run.switch.check()
        left = 0
        for campaign, contacts in _campaigns(run):
            attempts = await run.desk.attempts(campaign)
            left += sum(one["decision"] == "dialled" and one.get("disposition") is None for one in attempts)
            if campaign == run.running:
                left += contacts - len({one["contact"] for one in attempts if one.get("disposition")})
        left += await run.manager.undecided()
        left += left_to_tell(read(run.switch.out), run.manager.deeds.revised)
        return left == 0

    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(END_MAX_S):  # then the judge names them
            while not await over():
                await pause(LOOK_S)
    return left


async def _what_is_told(run: Run, campaign: str, contacts: int) -> Told:
    progress = (await run.desk.read(campaign))["progress"]
    notices = await run.desk.pages(f"/v1/notices?campaign={campaign}", "notices")
    return Told(campaign, contacts, progress, await run.desk.attempts(campaign), notices)


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    return campaign_judge.failures(figures) + deed_judge.failures(figures)
