"""One history by its seed: a manager's campaigns on one trunk group, and everything that may go wrong meanwhile; then
it quietens down, and every contact must come to its end by its last deadline.

The scheduler, gateways, streams and switch are those of the order simulation; where that has drivers, here are the
product's own diallers. After every step that may have changed something the judge looks.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from random import Random
from typing import Any
from unittest.mock import patch
from uuid import UUID

from campaigns.api import campaigns as api_campaigns
from campaigns.api import rerun, test_call
from campaigns.callbacks import putting
from cti.gateway.dialling import DialLedger
from cti.leases import alone
from tests.campaigns import never
from tests.campaigns.never import BROKEN
from tests.campaigns.scripted_switch import COMMANDS
from tests.campaigns.seen import Seen, Violation, read
from tests.simulation.campaigns import callers, calm, jobs, plans_kept
from tests.simulation.campaigns.explained import Explained
from tests.simulation.campaigns.gateway import HistoryGateway
from tests.simulation.campaigns.mischief import FAULTS, THEMES
from tests.simulation.campaigns.orders_given import Manager
from tests.simulation.campaigns.outages_changed import Outages, not_told_again, old_words
from tests.simulation.campaigns.planner import Planner
from tests.simulation.campaigns.plans_kept import Plans
from tests.simulation.campaigns.process import Process
from tests.simulation.campaigns.site import CampaignSite
from tests.simulation.campaigns.switch import CandidSwitch
from tests.simulation.outbound.faults import Ports
from tests.simulation.outbound.history import History, Told, theme_of
from tests.simulation.outbound.streams import Gateway

SECOND_MS, HOUR_MS = 1_000, 3_600_000
STEPS, STEPS_STOPPED = 36, 60  # of the scheduler, before it quietens down; where somebody is to be stopped meanwhile
STOPPED = frozenset({"stops", "held"})  # themes
LONG_MOVES_MS = (100, 700, 1_500, 3_000, 6_000)  # there: a stop is acknowledged some seconds after it was asked for
STOPPED_AT_ONCE = 0.25  # there, of the turns that made something
PROCESSES_MAX = 3
SETTLES_MAX = 20  # steps until all rows are imported


class SeededNames:
    """In the place of `secrets` and `uuid4`."""

    def __init__(self, seed: int, whose: str = "names") -> None:
        self._random = Random(f"{whose}:{seed}")

    def token_hex(self, count: int) -> str:
        return self._random.randbytes(count).hex()

    def uuid4(self) -> UUID:
        return UUID(bytes=self._random.randbytes(16), version=4)


class CampaignHistory(History):
    """Played once. `outcomes`: of contacts, by state; `dials`: makeCalls that the switch received."""

    stopped_when_held = STOPPED
    all_faults = FAULTS

    def __init__(self, site: CampaignSite, seed: int, looked_for: str | None = None) -> None:
        """`looked_for`: a kind of violation; once it shows, the history ends."""
        super().__init__(site, seed)
        self._looked_for = looked_for
        if self.theme in STOPPED:
            self.moves_ms = LONG_MOVES_MS
        self._judged_last: Seen | None = None
        self.place = site
        self.processes: list[Process] = []
        self.processes_max = PROCESSES_MAX
        self.asleep_until: dict[int, int] = {}
        self.found: dict[Violation, None] = {}
        self.outcomes: Counter[str] = Counter()
        self.dials = 0
        self.calm_ms = self.polled_ms = self.changes_seen = 0
        self._contacts_ended: list[tuple[Any, ...]] = []

    def _draw(self) -> None:
        random = self.random
        self.pace = random.choice((1, 2, 3, 3))
        self.start_ms = self._start_ms()
        self.memory = self.theme != "memoryless" and random.random() < 0.7
        self.by_stream = self.theme in {"streams", "held", "stops"} or random.random() < 0.5
        self.by_poll = not self.by_stream or random.random() < 0.3
        self.wish = self._misbehaviour()
        self.attempts = []  # of the order simulation
        self.enabled = {name for name in FAULTS if random.random() < 0.3} | THEMES[self.theme]

    # -- it lives ------------------------------------------------------------------------------------------------------

    async def play(self) -> Told:
        """Names that the product draws anew each time are the seed's here: rows are read in their order."""
        with (
            patch.object(api_campaigns, "secrets", SeededNames(self.seed)),
            patch.object(putting, "secrets", SeededNames(-self.seed)),
            patch.object(test_call, "secrets", SeededNames(self.seed, "tests")),
            patch.object(rerun, "secrets", SeededNames(self.seed, "reruns")),
            patch.object(alone, "uuid4", SeededNames(self.seed).uuid4),
        ):
            return await self._play()

    async def _play(self) -> Told:
        self._draw()
        await self.place.begin_at(self.start_ms)
        self.ports = Ports(self.site, self.faults)
        (broken,) = await asyncio.gather(self._lived(), return_exceptions=True)
        for process in self.processes:
            await process.kill()
        for stream in self.streams:
            await stream.die()
        self.ports.close()
        found = list(self.found)
        if isinstance(broken, BaseException):
            found.append(Violation(BROKEN, f"{type(broken).__name__}: {broken}"))
        return Told(self.seed, self.dials, self.faults, found, self._hashed())

    async def _lived(self) -> None:
        await self._open()
        steps = STEPS_STOPPED if self.theme in STOPPED else STEPS
        for self.step in range(steps):
            await self._one_step()
            await self.judge()
            if self.is_decided:
                return
        await calm.quieten(self)
        await self._finish()

    async def _open(self) -> None:
        self.step = 0
        name = f"s{self.seed}"
        self.jobs = jobs.drawn(self.random, name, self.site.now_ms, self.pace)
        agents, by_gateway = jobs.ways_of(self.seed)
        self.ways = Random(f"ways:{self.seed}")
        self.sms = HistoryGateway(self.place, self.seed) if by_gateway else None
        self.place.gateway = self.sms
        self.jobs = jobs.by_agents(self.jobs, self.seed) if agents else self.jobs
        self.jobs = self.jobs if self.sms is None else jobs.by_gateway(self.jobs, self.seed)
        commands = COMMANDS if self.sms is None else tuple(one for one in COMMANDS if one != "sendMessage")
        self.switch: CandidSwitch = CandidSwitch(
            self.site.it, name, self.jobs.scripts, pace=self.pace, wish=self.wish, memory=self.memory, seed=self.seed,
            commands=commands, agents=agents,
        )  # fmt: skip
        self.manager = Manager(self.place, self.random, self.seed)
        self.planner = Planner(self.place, self.manager, list(self.jobs.scripts), self.seed)
        self.explained = Explained(self.place, self.manager)
        self.outages = Outages(self.place, self.seed)
        self.callers = callers.Callers(self.place, name, list(self.jobs.scripts), self.seed)
        await self.switch.declare()
        self.new_gateway()
        if self.by_stream:
            self.connect()
        await self.switch.run_to(self.site.now_ms)
        await self._submit()

    async def _submit(self) -> None:
        """The campaigns are created, imported and started; then trouble may begin."""
        self.add_process()
        made = [await self.manager.create(job) for job in self.jobs.all]
        for _ in range(SETTLES_MAX):
            if not await self.processes[0].step():
                break
        for campaign in made:
            await self.planner.begin(campaign)
        await self.site.it.engine.drain()

    def add_process(self) -> None:
        self.starts += 1
        self.processes.append(Process(self.place, self.starts, self.faults))

    def new_gateway(self) -> None:
        self.gateway = Gateway(self.site, self.switch, self.ports, DialLedger(self.site.dial, self._meter))

    async def _one_step(self) -> None:
        await self.look_at_switch()
        weights = {name: weight for name, (weight, _) in ACTIONS.items()}
        weights["manager"] *= 3 if self.theme in STOPPED else 1
        name = self.random.choices(list(weights), list(weights.values()))[0]
        await ACTIONS[name][1](self)
        if await self.outages.may_change(self.manager.jobs):
            self.faults["manager_revision"] += 1
        did = await self.callers.move()
        if did is not None:
            self.faults[did] += 1
        await self._write(await self.plan())

    async def change_what_was_told(self) -> bool:
        """The manager may change an outage of which somebody was told; whether he did."""
        seen = self._judged_last
        if seen is None or not await self.outages.may_change_what_was_told(self.manager.jobs, seen):
            return False
        self.faults["manager_revision"] += 1
        return True

    async def plan(self) -> str | None:
        """The manager may do something that he has planned; what he did. Whatever leaves then leaves a moment later."""
        planned = await self.planner.move(self._to_the_edge)
        if planned is not None:
            await self.switch.run_to(self.site.now_ms + 1)
            self.faults[f"planned_{planned}"] += 1
        return planned

    async def _to_the_edge(self, off_ms: int, within_ms: int) -> None:
        due_ms = self.switch.next_ms()
        if due_ms <= self.site.now_ms + within_ms:
            await self.switch.run_to(max(round(due_ms) + off_ms, self.site.now_ms))

    async def _write(self, planned: str | None) -> None:
        """The message gateway goes and comes, and says what became of messages."""
        if self.sms is None:
            return
        if self.ways.random() < 0.05:
            self.sms.is_away = not self.sms.is_away
            self.faults["gateway_gone_or_back"] += 1
        if planned is not None or self.ways.random() < 0.6:
            await self.sms.report()

    def next_ms(self) -> float:
        """When the switch or the message gateway has something to say."""
        return min(self.switch.next_ms(), float("inf") if self.sms is None else self.sms.next_ms())

    @property
    def is_quiet(self) -> bool:
        """Neither has."""
        return self.switch.is_quiet and (self.sms is None or self.sms.next_ms() == float("inf"))

    async def _drive(self) -> None:
        if not self.processes and self.random.random() < 0.5:
            self.add_process()
        awake = [one for one in self.processes if self.asleep_until.get(one.number, 0) <= self.step]
        if not awake:
            return
        process = self.random.choice(awake)
        if process.is_held:
            if self.random.random() < 0.4:
                await process.go_on()
            return
        if "commit_held" in self.enabled and self.random.random() < 0.08:
            process.writer.fate = "held"
        await self.explained.before(process)
        moved = False
        for _ in range(self.random.choice((1, 1, 2))):
            moved = await process.step() or moved
        self.keep(await self.explained.after(process))
        if self.theme == "stops" and moved and self.random.random() < STOPPED_AT_ONCE:
            await self._stop([])

    async def _goes_on(self) -> float:
        """What is held comes back most often once a stop is acknowledged."""
        await self.manager.look()
        return 0.05 if self.manager.waits else 0.4

    async def _stop(self, names: list[str]) -> None:
        """While a claim is held, or orders were just made: a freeze, or a stop of one campaign."""
        del names
        self.faults["stopped"] += 1
        if self.random.random() < 0.5:
            await self.manager.freeze()
        else:
            await self.manager.stop(self.random.choice(list(self.manager.jobs)), "finish")
        await self.manager.look()

    def _is_stop_acknowledged(self) -> bool:
        return not self.manager.waits

    async def _supervise(self) -> None:
        did = await self.manager.do(self.random.random(), 2.0 if self.theme == "stops" else 0.5)
        if did is not None:
            self.faults[f"manager_{did}"] += 1
        await self.manager.look()

    # -- what came of it -----------------------------------------------------------------------------------------------

    async def judge(self) -> Seen:
        """Where nothing has changed since it was judged last, it is what it was."""
        ledger, log = await self.site.database.reader.run(read), self.switch.log()
        if self.sms is not None:
            log = log._replace(messages=[*log.messages, *self.sms.messages])
        told = (self.manager.standing(), list(self.manager.payments), list(self.manager.entries))
        zones = {**self.jobs.zones, **self.callers.zones}
        seen = Seen(log, ledger, zones, self.planner.windows, self.pace, *told, self.wish.lose > 0,
                    {campaign: tuple(each) for campaign, each in self.manager.emergencies.items()},
                    {campaign: tuple(each) for campaign, each in self.planner.changed.items()})  # fmt: skip
        if seen != self._judged_last:
            self._judged_last = seen._replace(log=log._replace(rings=list(log.rings)))
            self.keep([*never.violations(seen), *old_words(seen, self.outages.revised)])
            self.keep(list(callers.violations(seen, self.callers.promised)))
            receipts = () if self.sms is None else tuple(self.sms.receipts)
            plans = Plans(self.planner.acted, list(self.manager.jobs), receipts)
            self.keep([*self.planner.found, *plans_kept.violations(seen, plans)])
        return seen

    def keep(self, found: list[Violation]) -> None:
        self.found |= dict.fromkeys(found)

    @property
    def is_decided(self) -> bool:
        """What it was played for has shown."""
        return self._looked_for is not None and any(one.kind == self._looked_for for one in self.found)

    async def _finish(self) -> None:
        seen = await self.judge()
        self.keep([*never.unended(seen), *not_told_again(seen, self.outages.revised)])
        self.dials = len(seen.log.arrivals)
        self.outcomes.update(row.state for row in seen.ledger.contacts.values())
        numbers = {row.id: row.no for row in seen.ledger.contacts.values()}
        self._contacts_ended = sorted(
            (seen.ledger.campaigns[row.campaign].name, row.no, row.state) for row in seen.ledger.contacts.values()
        )
        self._contacts_ended += [
            (numbers[one.contact], one.n, one.decided_at_ms - self.site.base_ms, one.disposition or one.decision)
            for one in seen.ledger.attempts
        ]

    def _hashed(self) -> str:
        """What happened, by the history's own time; the names of campaigns are drawn anew each time."""
        base_ms = self.site.base_ms
        names = {campaign: f"c{n}" for n, campaign in enumerate(self.manager.jobs)} if self.found is not None else {}
        happened = [(at - base_ms, *(_plain(word, names) for word in what)) for at, *what in
                    (*self.trace, *self.switch.trace)]  # fmt: skip
        told = repr((happened, sorted(self._contacts_ended, key=repr), sorted(self.faults.items())))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def _plain(word: Any, names: Mapping[str, str]) -> Any:
    if isinstance(word, str):
        for campaign, plain in names.items():
            word = word.replace(campaign, plain)
    return word


ACTIONS: Mapping[str, tuple[float, Callable[[CampaignHistory], Awaitable[None]]]] = {
    "time": (30, CampaignHistory._move_on),
    "process": (30, CampaignHistory._drive),
    "gateway": (18, CampaignHistory._send),
    "engine": (12, CampaignHistory._take_in),
    "manager": (4, CampaignHistory._supervise),
    "fault": (6, CampaignHistory._spoil),
}

__all__ = ("CampaignHistory", "theme_of")
