"""The simulated switch as a process that is never killed: what it has received is the measure.

    python -m tests.faults.cluster.dialled --doors URL,URL --seed S --lanes A,B --pace N --words W,W --out FILE
    python -m tests.faults.cluster.dialled --doors URL,URL --seed S --lanes A,B --pace N --scripts FILE --out FILE

It is the product's own exchange, outbox and door. With words it has no memory; with scripts (JSON: number -> words) it
remembers orders, as it must where each attempt is to have an end. Its streams are cut and doubled all the time: two or
three are open at once, at either gateway, and it obeys whatever comes on any of them. The first line of standard input
is the key; its end says that nothing is to come any more. The log is written as it happens:

{"entry": "makeCall", "at_ms", "id", "lane", "to", "expires_at_ms", "words"}   as it came in, whatever is answered
{"entry": "expired", "id"}                                       refused for that, at once or when it was to be placed
{"entry": "placed", "id"}                                        the call exists
{"entry": "fact", "id", "kind", "at_ms"}                         what it said of the call
"""

import argparse
import asyncio
import json
import random
import sys
from collections.abc import Collection, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any, TextIO

import aiohttp

from cti.adapters.clock import SystemClock
from cti.switches.simulated.commands import LOST, SILENT, Verdict
from cti.switches.simulated.door import AwayError, Door
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.options import FACTS
from cti.switches.simulated.outbound_script import read_scripts
from cti.switches.simulated.outbox import Outbox, Result, Results, result_body
from cti.switches.simulated.pbx import TYPE_PREFIX, VERSION_SUFFIX, Fact, read_time_ms, rfc3339
from cti.switches.simulated.trunks import CALLS, Outbound, TrunkGroup
from tests.faults.cluster.driver_book import SWITCH, number_of
from tests.faults.cluster.order_judge import Heard, Received
from tests.faults.cluster.waiting import pause, until

ASK_S = 2.0  # a gateway that is stopped is asked no longer
AGAIN_S = 0.2
BEAT_MS = 2_000
TELL_EVERY_S = 1.0
CUT_S = (0.5, 2.5)  # from one cut or doubling to the next
STREAMS_MAX = 3
FLUSH_S = 60.0
CALLS_AT_ONCE = 1_000
NUMBERS = 4_000  # of each lane


class Around(Door):
    """One gateway until it does not answer; then the next."""

    def __init__(self, session: aiohttp.ClientSession, urls: list[str], key: str) -> None:
        super().__init__(session, urls[0], key, SWITCH)
        self._urls = cycle(f"{url}/v1" for url in urls)
        self._url = next(self._urls)
        self._timeout = aiohttp.ClientTimeout(total=ASK_S)

    async def _send(self, *what: Any) -> tuple[int, str | None, dict[str, Any]]:
        asked = self._url
        try:
            return await super()._send(*what)
        except AwayError:
            if self._url == asked:  # of several that failed together one moves on
                self._url = next(self._urls)
            raise


class Streams:
    """The command streams, cut and doubled by seed."""

    def __init__(self, doors: list[Door], seed: str, switch: "Switch") -> None:
        self._doors, self._chance, self._switch = doors, random.Random(seed), switch
        self._open: list[asyncio.Task[None]] = []
        self.cut = self.doubled = self.broken = 0

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                newest_is_there = await self._cut_or_keep()
                if not newest_is_there:  # an older one would wait for as long as a dead one counts as alive
                    door = self._chance.randrange(len(self._doors))
                    self._open.append(asyncio.create_task(self._listen(door)))
                await pause(self._chance.uniform(*CUT_S))
        finally:
            for task in self._open:
                await self._end(task)

    async def _cut_or_keep(self) -> bool:
        """Cut one, or none, so that the next doubles it; whether the newest stays."""
        if not self._open:
            return False
        if len(self._open) < STREAMS_MAX and self._chance.random() < 0.5:
            self.doubled += 1
            return False
        self.cut += 1
        place = self._chance.randrange(len(self._open))
        await self._end(self._open.pop(place))
        return place < len(self._open)

    async def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _listen(self, first: int) -> None:
        """One stream; what breaks is opened again at the next gateway."""
        place = first
        while True:
            try:
                async for command in self._doors[place].commands():
                    if command:
                        self._switch.obey(command)
            except AwayError:
                self.broken += 1
            place = (place + 1) % len(self._doors)
            await pause(AGAIN_S)


class Switch:
    """The exchange, and what goes in and out of it."""

    def __init__(self, door: Door, seed: int, outbound: Outbound, log: TextIO) -> None:
        self.clock = SystemClock()
        self.exchange = Exchange.opened(Site(SWITCH, 0, 0.0, seed, outbound=outbound), self.now_ms)
        self.outbox, self.results = (
            Outbox(door, lambda _body, _item: None),
            Results(door, lambda _result, _status: None),
        )
        self.received = 0
        self._log, self._wake = log, asyncio.Event()

    @property
    def now_ms(self) -> int:
        return int(self.clock.now_ms())

    async def run(self) -> None:
        """Its time, until cancelled."""
        beat_ms = self.now_ms
        while True:
            self._hear(self.exchange.advance(self.now_ms))
            if self.now_ms >= beat_ms:
                beat_ms = self.now_ms + BEAT_MS
                self._hear([self.exchange.heartbeat(self.now_ms)])
            await self.clock.wait(self._wake, min(beat_ms, self.exchange.next_ms or beat_ms))
            self._wake.clear()

    def obey(self, command: dict[str, Any]) -> None:
        now_ms, id_ = self.now_ms, str(command["id"])
        if command["command"] == "makeCall":
            self.received += 1
            expires_at_ms = read_time_ms(str(command["expires_at"]))
            lane, to = command["trunk_group"], command["to"]
            words = str(command.get("on_answer", {}).get("body", ""))
            self._note("makeCall", id_, at_ms=now_ms, lane=lane, to=to, expires_at_ms=expires_at_ms, words=words)
        self._hear(self.exchange.advance(now_ms))
        verdict, facts = self.exchange.obey(command, now_ms)
        assert verdict.state not in (LOST, SILENT), "no script says so"
        self._answer(id_, verdict)
        self._hear(facts)
        self._wake.set()

    def _answer(self, id_: str, verdict: Verdict) -> None:
        if verdict.reason == "expired":
            self._note("expired", id_)
        told = {name: value for name, value in verdict._asdict().items() if name not in {"state", "reason"}}
        self.results.put(Result(id_, result_body(verdict.state, rfc3339(self.now_ms), verdict.reason, **told)))

    def _hear(self, facts: list[Fact]) -> None:
        for fact in facts:
            if fact["type"] == "ringback.call.originated.v1":
                self._note("placed", fact["commandid"])
            if "commandid" in fact:
                kind = str(fact["type"]).removeprefix(TYPE_PREFIX).removesuffix(VERSION_SUFFIX)
                self._note("fact", fact["commandid"], kind=kind, at_ms=read_time_ms(fact["time"]))
        self.outbox.put([json.dumps(fact, ensure_ascii=False).encode() for fact in facts])
        for answer in self.exchange.answers():
            self._answer(answer.command_id, Verdict(answer.state, answer.reason))

    async def all_sent(self) -> bool:
        return not len(self.outbox) and not self.results.left()

    def _note(self, entry: str, id_: str, **more: Any) -> None:
        self._log.write(json.dumps({"entry": entry, "id": id_, **more}) + "\n")
        self._log.flush()


def read(path: Path) -> Heard:
    """The log."""
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    received = [one for one in lines if one["entry"] == "makeCall"]
    return Heard(
        [Received(one["at_ms"], one["id"], one["lane"], one["expires_at_ms"]) for one in received],
        {one["id"] for one in lines if one["entry"] == "expired"},
        [one["id"] for one in lines if one["entry"] == "placed"],
    )


async def dialled(urls: list[str], key: str, seed: int, outbound: Outbound, out: Path) -> None:
    """All of it."""
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        door = Around(session, urls, key)
        with out.open("a", encoding="utf-8") as log:
            switch = Switch(door, seed, outbound, log)
            streams = Streams([Door(session, url, key, SWITCH) for url in urls], f"{seed}:streams", switch)
            await _declared(door, switch)
            async with asyncio.TaskGroup() as group:
                works = (switch.run(), streams.run(), switch.outbox.run(), switch.results.run())
                at_work = [group.create_task(work) for work in works]
                at_work.append(group.create_task(_telling(switch, streams)))
                await asyncio.to_thread(sys.stdin.read)
                await until("all is sent", switch.all_sent, FLUSH_S)
                for task in at_work:
                    task.cancel()


async def _declared(door: Door, switch: Switch) -> None:
    declaration = {"source": switch.exchange.pbx.source, "commands": list(CALLS), "facts": list(FACTS)}
    while True:
        try:
            return await door.declare(declaration | switch.exchange.pbx.outbound.declaration())
        except AwayError:
            await pause(AGAIN_S)


async def _telling(switch: Switch, streams: Streams) -> None:
    while True:
        told = {
            "received": switch.received, "cut": streams.cut, "doubled": streams.doubled, "broken": streams.broken,
            "unsent": len(switch.outbox) + len(switch.results.left()), "live": len(switch.exchange.pbx.calls),
        }  # fmt: skip
        print(json.dumps(told), flush=True)
        await pause(TELL_EVERY_S)


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.faults.cluster.dialled")
    parser.add_argument("--doors", required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--lanes", required=True)
    parser.add_argument("--pace", type=int, required=True, help="calls a second of each lane, as it declares them")
    words = parser.add_mutually_exclusive_group(required=True)
    words.add_argument("--words", help="outcomes of calls; each number has one of them")
    words.add_argument("--scripts", type=Path, help="JSON: number -> outcomes in turn")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    key = sys.stdin.readline().strip()
    groups = {lane: TrunkGroup(args.pace, CALLS_AT_ONCE) for lane in args.lanes.split(",")}
    scripts = read_scripts(json.loads(args.scripts.read_text("utf-8"))) if args.scripts else _drawn(args, groups)
    outbound = Outbound(CALLS, groups, scripts, memory=args.scripts is not None)
    asyncio.run(dialled(args.doors.split(","), key, args.seed, outbound, args.out))


def _drawn(args: argparse.Namespace, lanes: Collection[str]) -> dict[str, Sequence[str]]:
    """A word for each of the drivers' numbers."""
    words = args.words.split(",")
    numbers = [number_of(f"{lane}-{place}") for lane in lanes for place in range(NUMBERS)]
    return {number: (random.Random(f"{args.seed}:{number}").choice(words),) for number in numbers}


if __name__ == "__main__":
    main()
