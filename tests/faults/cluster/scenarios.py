"""One server away for a long while, and nothing else: what the product does meanwhile, and afterwards by itself.

broker-away: each gateway holds no more requests than its bound and refuses the rest with 503 and Retry-After; nobody
orders anything, for nobody knows what has happened meanwhile; afterwards everything goes on without a restart.

ledger-away: the engines wait; nothing comes to the topics for integrators that was not committed.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from cti.core.clocks import END_FRESH_MS
from cti.core.times import rfc3339
from cti.web.limits import Limits
from tests.faults.cluster.journal import joined
from tests.faults.cluster.keeping import Copy, Ordered
from tests.faults.cluster.plan import BROKER, KILLED, LEDGER, STOPPED
from tests.faults.cluster.site import Site, opened
from tests.faults.cluster.trial import WARM_S, ended, figured, loaded, say, unsound
from tests.faults.cluster.waiting import pause, until
from tests.faults.judge import positions_of

AWAY = {"broker-away": BROKER, "ledger-away": LEDGER}
HOWS = (STOPPED, KILLED)
BEYOND = 64  # requests above the bound
FLOOD_MAX_S = 60.0
BACK_MAX_S = 90.0
CLOCKS_MS = 250  # the log's clock is set against the broker's, by an answer that took a while
FULL = "requests wait already"  # says a door whose places are taken; the others waited for their time
FLOOD_SOURCE = "/switches/flood"


class Blind(NamedTuple):
    """When the server was away, in ms by this machine's clock."""

    began_ms: int
    ended_ms: int


class Answer(NamedTuple):
    status: int
    code: str
    detail: str
    retry_after: str | None
    position: str = ""


async def away(name: str, seconds: float, how: str, seed: int, folder: Path, engines: int = 3) -> dict[str, Any]:
    """The scenario, and the judgement. Raises TooLong, ClientFailed."""
    began = time.monotonic()
    async with opened(folder, engines) as site:
        async with loaded(site, seed) as load:
            await pause(WARM_S)
            acked = load.acked
            answers, blind = await _gone(site, AWAY[name], seconds, how)
            meanwhile = load.acked - acked
            back_s, read_s = await back(site)
            await pause(WARM_S)
            load.check()
            diary = joined(await load.finished())
        figures, kept = await figured(site, diary)
    figures |= {
        **ended(site),
        "restarts": sum(part.starts - 1 for part in site.parts),
        "acked_meanwhile": meanwhile,
        "back_s": round(back_s, 1),
        "read_again_s": round(read_s, 1),
        **flooded(answers),
        "dues_while_blind": sum(blind.began_ms < one.due_ms < blind.ended_ms for one in kept.orders),
        "orders_while_blind": ordered_within(kept.orders, blind) if AWAY[name] == BROKER else 0,
        "copies_uncommitted": published_within(kept.copies, blind) if AWAY[name] == LEDGER else 0,
    }
    return figures | {
        "scenario": f"{name}, {how} for {seconds:g} s",
        "seed": seed,
        "duration_s": round(time.monotonic() - began, 1),
    }


async def _gone(site: Site, victim: str, seconds: float, how: str) -> tuple[list[Answer], Blind]:
    """The server away; a flood at a door meanwhile, where it is the broker."""
    server = site.broker if victim == BROKER else site.ledger
    gone = asyncio.ensure_future(server.hold(seconds) if how == STOPPED else server.kill(seconds))
    try:
        async with asyncio.timeout(BACK_MAX_S):
            while server.up.is_set():
                await pause(0.01)
        began = now_ms() if how == STOPPED else now_ms() + 1_000  # killing waits for the end
        say(f"{victim} is {how}, for {seconds:g} s")
        answers = await flood(site) if victim == BROKER else []
        ended_ms = 0
        while not gone.done():
            ended_ms = now_ms()
            await asyncio.wait([gone], timeout=0.05)
        await gone
    finally:
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
    return answers, Blind(began, ended_ms - 100)


def now_ms() -> int:
    return int(time.time() * 1000)


async def flood(site: Site) -> list[Answer]:
    """More requests at once than one door may hold."""
    timeout = aiohttp.ClientTimeout(total=FLOOD_MAX_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        asked = [beat(session, site.doors[0], site.key, number) for number in range(Limits().log_waiting + BEYOND)]
        return await asyncio.gather(*asked)


async def beat(session: aiohttp.ClientSession, door: str, key: str, number: int) -> Answer:
    """One heartbeat of a switch of our own; it is kept in every partition of calls and of agents."""
    event = {
        "specversion": "1.0", "id": f"beat-{now_ms()}-{number}", "source": FLOOD_SOURCE, "subject": "flood",
        "type": "ringback.switch.switchHeartbeat.v1", "time": rfc3339(now_ms()), "data": {},
    }  # fmt: skip
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/cloudevents+json"}
    try:
        async with session.post(f"{door}/v1/events", data=json.dumps(event), headers=headers) as answer:
            told = await answer.json(content_type=None)
            retry_after = answer.headers.get("Retry-After")
            code, detail, position = (told.get(name, "") for name in ("code", "detail", "position"))
            return Answer(answer.status, code, detail, retry_after, position)
    except (aiohttp.ClientError, TimeoutError) as error:
        return Answer(0, type(error).__name__, str(error), None)


async def back(site: Site) -> tuple[float, float]:
    """How long it takes until every door takes events again, and until the ledger has those, with nothing started
    anew.
    """
    began, wanted = time.monotonic(), dict[int, int]()
    timeout = aiohttp.ClientTimeout(total=FLOOD_MAX_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        for door in site.doors:

            async def taken(door: str = door) -> bool:
                answer = await beat(session, door, site.key, 0)
                wanted.update(positions_of(answer.position))
                return answer.status == 202

            await until(f"{door} takes events again", taken, BACK_MAX_S)
    back_s = time.monotonic() - began

    async def read() -> bool:
        now = site.looks.now
        return all(partition in now and now[partition].position >= at for partition, at in wanted.items())

    await until("the ledger has them", read, BACK_MAX_S)
    return back_s, time.monotonic() - began


# -- the judgement -----------------------------------------------------------------------------------------------------


def flooded(answers: Sequence[Answer]) -> dict[str, Any]:
    """What came of more requests than a door may hold: none is left without an answer that says when to come again."""
    told = Counter(f"{one.status} {one.code}".strip() for one in answers)
    return {
        "flood": dict(sorted(told.items())),
        "flood_unfit": sum(one.status != 503 or one.retry_after is None for one in answers),
        "flood_not_held": sum(one.detail.endswith(FULL) for one in answers),
    }


def ordered_within(orders: Sequence[Ordered], blind: Blind) -> int:
    """Commands that were issued while nobody could know what happens. The log's last word counts for a moment."""
    first_ms = blind.began_ms + END_FRESH_MS + CLOCKS_MS
    return sum(first_ms < one.issued_ms < blind.ended_ms and one.state != "overtaken" for one in orders)


def published_within(copies: Sequence[Copy], blind: Blind) -> int:
    """Messages that came to a topic while the ledger was away, of what was decided, or happened, after it had gone."""
    return sum(
        copy.at_ms < blind.ended_ms and ms_of(copy.body[_when(copy)]) > blind.began_ms + CLOCKS_MS for copy in copies
    )


def _when(copy: Copy) -> str:
    return "issued_at" if copy.topic == "commands" else "ended_at"


def ms_of(time_: str) -> int:
    return round(datetime.fromisoformat(time_).timestamp() * 1000)


def failures(name: str, figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = unsound(figures)
    wrong += [one for one in ("restarts", "orders_while_blind", "copies_uncommitted", "flood_unfit") if figures[one]]
    if AWAY[name] == BROKER and figures["flood_not_held"] < BEYOND:
        wrong.append("flood_not_held")
    return wrong
