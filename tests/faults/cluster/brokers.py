"""Three brokers of which one goes, then two, then each in turn; what must live has three replicas, two of them in sync.

One away (that which leads most): events go on being taken, after a while in which another one becomes the leader;
records and orders go on. Two away: nothing can be taken, so every door says 503 and when to come again, and nobody
orders anything, for nobody knows what happens. Each in turn (SIGTERM): nobody need notice. Away is kill -9, or stopped:
then it wakes as a leader that is none any more.

Each node is broker and controller in one. Two of the three controllers must be there for a leader to be made, which
comes to the same as the two replicas that an event must have.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from cti.adapters.event_log_kafka.topics import EVENTS, OUTBOX
from cti.web.limits import Limits
from tests.faults.cluster.journal import joined
from tests.faults.cluster.keeping import PREFIX, Copy
from tests.faults.cluster.scenarios import (
    FLOOD_MAX_S,
    Answer,
    Blind,
    back,
    beat,
    flood,
    flooded,
    now_ms,
    ordered_within,
)
from tests.faults.cluster.site import Site, opened
from tests.faults.cluster.trial import WARM_S, Load, ended, figured, loaded, say, unsound
from tests.faults.cluster.waiting import pause, until

NAME = "brokers"
BROKERS = 3
TOPICS = [PREFIX + topic for topic in (*EVENTS, *OUTBOX)]
BEGIN_MAX_S = 60.0
IN_SYNC_MAX_S = 120.0
BEAT_EVERY_S = 0.2
HICCUP_MAX_S = 20.0  # on a machine that has other things to do; a broker that was killed is missed after 3 s
ANSWER_MAX_S = Limits().log_wait_s + 3.0  # on a machine that has other things to do
ONE, TWO, TURNS = "one_away", "two_away", "in_turn"


class Beat(NamedTuple):
    """A heartbeat at a door, which every partition of calls and agents must take; times by this machine's clock."""

    door: int
    sent_ms: int
    told_ms: int
    answer: Answer


@dataclass(slots=True)
class Phase:
    """A part of the trial. `acked`: events of the load that were acknowledged meanwhile."""

    began_ms: int
    ended_ms: int = 0
    acked: int = 0
    figures: dict[str, Any] = field(default_factory=dict)


async def tried(seconds: float, how: str, seed: int, folder: Path, engines: int = 3) -> dict[str, Any]:
    """All of it, each absence for so long, and the judgement. Raises TooLong, ClientFailed."""
    began, chance = time.monotonic(), random.Random(seed)
    phases: dict[str, Phase] = {}
    async with opened(folder, engines, brokers=BROKERS) as site:
        async with loaded(site, seed) as load, _beating(site) as beats:
            await _in_sync(site)
            await until("the load has begun", lambda: _begun(load), BEGIN_MAX_S)
            await pause(WARM_S)
            with _phase(phases, ONE, load) as phase:
                await _one_away(site, seconds, how, phase)
            load.check()
            with _phase(phases, TWO, load) as phase:
                answers, blind = await _two_away(site, seconds, how, chance, phase)
            load.check()
            with _phase(phases, TURNS, load):
                await _in_turn(site)
            await pause(WARM_S)
            load.check()
            diary = joined(await load.finished())
        figures, kept = await figured(site, diary)
    phases[TWO].figures |= {
        **flooded(answers),
        "accepted": accepted(beats, blind),
        "slowest_refusal_s": slowest(beats, blind),
        "orders_while_blind": ordered_within(kept.orders, blind),
        "dues_while_blind": sum(blind.began_ms < one.due_ms < blind.ended_ms for one in kept.orders),
    }
    return {
        **figures,
        **ended(site),
        "restarts": sum(part.starts - 1 for part in site.parts),
        **{name: told(phase, beats, kept.copies) for name, phase in phases.items()},
        "scenario": f"{NAME}, {how} for {seconds:g} s",
        "seed": seed,
        "duration_s": round(time.monotonic() - began, 1),
    }


async def _begun(load: Load) -> bool:
    return load.acked > 0


@contextlib.contextmanager
def _phase(phases: dict[str, Phase], name: str, load: Load) -> Iterator[Phase]:
    phase = phases[name] = Phase(now_ms(), acked=-load.acked)
    say(f"{name}: {load.told()}")
    yield phase
    phase.ended_ms = now_ms()
    phase.acked += load.acked


# -- what happens ------------------------------------------------------------------------------------------------------


async def _one_away(site: Site, seconds: float, how: str, phase: Phase) -> None:
    leaders = Counter(one["leader"] for one in await _partitions(site))
    node, phase.figures["led"] = leaders.most_common(1)[0]
    victim = site.brokers[node - 1]
    await victim.go(how)
    say(f"{victim.name} is {how}, which led {phase.figures['led']} of {leaders.total()} partitions")
    await pause(seconds)
    await victim.come_back()
    phase.figures["in_sync_s"] = await _in_sync(site)


async def _two_away(
    site: Site, seconds: float, how: str, chance: random.Random, phase: Phase
) -> tuple[Sequence[Answer], Blind]:
    """A flood at a door meanwhile."""
    victims = chance.sample(site.brokers, 2)
    await asyncio.gather(*(victim.go(how) for victim in victims))
    began_ms = now_ms()
    say(f"{' and '.join(victim.name for victim in victims)} are {how}")
    answers, _ = await asyncio.gather(flood(site), pause(seconds))
    blind = Blind(began_ms, now_ms())
    returned = time.monotonic()
    await asyncio.gather(*(victim.come_back() for victim in victims))
    phase.figures["started_s"] = round(time.monotonic() - returned, 1)
    back_s, read_s = await back(site)
    phase.figures |= {"back_s": round(back_s, 1), "read_again_s": round(read_s, 1)}
    phase.figures["in_sync_s"] = await _in_sync(site)
    return answers, blind


async def _in_turn(site: Site) -> None:
    for broker in site.brokers:
        await broker.restart()
        say(f"{broker.name} was started again")
        await _in_sync(site)


async def _in_sync(site: Site) -> float:
    """How long it takes until every partition has a leader and all its replicas."""
    began = time.monotonic()

    async def whole() -> bool:
        try:
            found = await _partitions(site)
        except (KafkaError, OSError, TimeoutError):
            return False
        return all(one["leader"] > 0 and len(one["isr"]) == BROKERS for one in found)

    await until("all replicas are in sync", whole, IN_SYNC_MAX_S, 0.25)
    return round(time.monotonic() - began, 1)


async def _partitions(site: Site) -> list[Mapping[str, Any]]:
    """As the cluster describes them."""
    admin = AIOKafkaAdminClient(bootstrap_servers=site.bootstrap)
    try:
        await admin.start()
        return [one for topic in await admin.describe_topics(TOPICS) for one in topic["partitions"]]
    finally:
        await admin.close()


@contextlib.asynccontextmanager
async def _beating(site: Site) -> AsyncIterator[list[Beat]]:
    """A heartbeat at each door some times a second, for as long as the block lasts."""
    beats: list[Beat] = []
    timeout = aiohttp.ClientTimeout(total=FLOOD_MAX_S)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        tasks = [asyncio.create_task(_beat_at(session, site, door, beats)) for door in range(len(site.doors))]
        try:
            yield beats
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _beat_at(session: aiohttp.ClientSession, site: Site, door: int, beats: list[Beat]) -> None:
    while True:
        sent_ms = now_ms()
        answer = await beat(session, site.doors[door], site.key, door)
        beats.append(Beat(door, sent_ms, now_ms(), answer))
        await pause(BEAT_EVERY_S)


# -- the judgement -----------------------------------------------------------------------------------------------------


def told(phase: Phase, beats: Sequence[Beat], copies: Sequence[Copy]) -> dict[str, Any]:
    """What became of events, records and commands in this part."""
    topics = Counter(copy.topic for copy in copies if phase.began_ms <= copy.at_ms <= phase.ended_ms)
    within = [one for one in beats if phase.began_ms <= one.told_ms and one.sent_ms <= phase.ended_ms]
    statuses = Counter(f"{one.answer.status} {one.answer.code}".strip() for one in within)
    return {
        "seconds": round((phase.ended_ms - phase.began_ms) / 1000, 1),
        "acked": phase.acked,
        "records": topics["calls.records"],
        "commands": topics["commands"],
        "hiccup_s": hiccup(within, phase),
        "beats": dict(sorted(statuses.items())),
        "unfit": sum(unfit(one) for one in within),
        **phase.figures,
    }


def hiccup(beats: Sequence[Beat], phase: Phase) -> float:
    """The longest time in which a door took nothing, in s."""
    longest = 0
    for door in {one.door for one in beats}:
        last_ms = phase.began_ms
        for one in beats:
            if one.door == door and one.answer.status == 202:
                longest, last_ms = max(longest, one.told_ms - last_ms), one.told_ms
        longest = max(longest, phase.ended_ms - last_ms)
    return round(longest / 1000, 1)


def unfit(one: Beat) -> bool:
    """Whether the answer is neither yes nor a no that says when to come again, or came late."""
    refused = one.answer.status == 503 and one.answer.retry_after is not None
    return not (one.answer.status == 202 or refused) or one.told_ms - one.sent_ms > ANSWER_MAX_S * 1000


def accepted(beats: Sequence[Beat], blind: Blind) -> int:
    """Those that were asked for and got a yes while two were away; a door may wait until they are back."""
    within = [one for one in beats if blind.began_ms < one.sent_ms and one.told_ms < blind.ended_ms]
    return sum(one.answer.status == 202 for one in within)


def slowest(beats: Sequence[Beat], blind: Blind) -> float:
    """The longest wait for a no, in s."""
    waits = [one.told_ms - one.sent_ms for one in beats if blind.began_ms < one.sent_ms < blind.ended_ms]
    return round(max(waits, default=0) / 1000, 1)


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = unsound(figures) + ["restarts"] * bool(figures["restarts"])
    for name in (ONE, TWO, TURNS):
        phase = figures[name]
        wrong += [
            f"{name}.{one}" for one in ("unfit", "accepted", "orders_while_blind", "flood_unfit") if phase.get(one)
        ]
        wrong += [f"{name}.{one}" for one in ("acked", "records", "commands") if not phase[one]]
    wrong += [f"{name}.hiccup_s" for name in (ONE, TURNS) if figures[name]["hiccup_s"] > HICCUP_MAX_S]
    return wrong
