"""One history by its seed: some attempts on one lane, and everything that may go wrong meanwhile; then it quietens
down, and every attempt must come to its end.

Which faults may come is drawn for each history, so that some are rare and some are many. At each step the scheduler
draws who is next: a dialling process goes one step on, a gateway looks for orders, the engine takes in what has come,
a person stops something, or the time moves on.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Any, NamedTuple

from campaigns.core import calling_hours
from cti.dial.metrics import DialMetrics
from cti.gateway.dialling import DialLedger
from cti.switches.simulated.misbehaviour import Misbehaviour
from cti.telemetry import Telemetry
from tests.campaigns.shipped import hours
from tests.scheduler import TENANT
from tests.simulation.outbound import book, judge
from tests.simulation.outbound.decisions import asked
from tests.simulation.outbound.driver import Driver
from tests.simulation.outbound.faults import Ports
from tests.simulation.outbound.judge import BROKEN, Seen, Violation
from tests.simulation.outbound.mischief import FAULTS, THEMES
from tests.simulation.outbound.site import Site
from tests.simulation.outbound.streams import Gateway, Stream
from tests.simulation.outbound.supervisor import Supervisor
from tests.simulation.outbound.switch import LoggedSwitch

SECOND_MS, MINUTE_MS, HOUR_MS = 1_000, 60_000, 3_600_000
STEPS = 95  # of the scheduler, before it quietens down
STREAMS_MAX, DRIVERS_MAX = 4, 2
LOOKS_MAX = 80  # when it is quiet; then an attempt without an end has none
WAITS_S = (2, 38, 61, 1_830, 12, 61, 1_830, 12)
"""From one look to the next while nothing changes. An attempt is unknown for half an hour before it is final."""

WORDS = {
    "reached": 3, "noAnswer": 4, "busy": 3, "hangUpEarly": 3, "poweredOff": 1, "machine": 1, "silence": 1,
    "neverSeen": 1, "refused:busy": 1, "refused:error": 0.5, "refused:expired": 0.5, "refused:duplicate": 0.3,
}  # fmt: skip
ONCE = frozenset({"neverSeen", "refused:expired"})  # after these the same attempt is dialled anew
MISCHIEF: Mapping[str, tuple[str, ...]] = {
    "facts_lost": ("lose",), "facts_late": ("late",), "facts_doubled": ("duplicate",), "results_lost": ("result_lose",),
    "results_late": ("result_late",), "results_doubled": ("result_duplicate",),
}  # fmt: skip
CLOSES_H, OPENS_H = (3.5, 12.0), (1.0, 5.0, 7.0)  # after 09:00 in Shanghai, when the weeks of the site begin


class Told(NamedTuple):
    """What came of a history."""

    seed: int
    orders: int
    faults: Counter[str]
    violations: list[Violation]
    trace: str


def theme_of(seed: int) -> str:
    """What the history is about: something is more frequent in it."""
    return ("closing", "held", "owners", "stops", "streams", "memoryless", "mixed")[seed % 7]


class History:
    """Played once. `moves_ms`: how far the time moves in a step; `stopped_when_held`: themes in which somebody is
    stopped while a claim is held.
    """

    moves_ms: Sequence[int] = (30, 100, 300, 700, 1_000, 1_500)
    stopped_when_held = frozenset({"stops"})
    all_faults = FAULTS

    def __init__(self, site: Site, seed: int) -> None:
        self.site, self.seed, self.theme = site, seed, theme_of(seed)
        self.random = Random(f"orders:{seed}")
        self.faults: Counter[str] = Counter()
        self.owners: dict[int, int] = {}
        self.trace: list[tuple[Any, ...]] = []
        self.allowed_at = 0  # the step at which dialling is allowed
        self.drivers: list[Driver] = []
        self.asleep: dict[int, int] = {}  # driver -> until which step the machine has stopped it
        self.gateway_no = self.starts = self.takings = 0
        self.engine_until = 0  # until which step no engine runs
        self.gone_until = 0  # until which step the switch is gone
        self.undeclared_until = 0  # until which step it takes no dial orders, as declared; 0: it takes them
        self.streams: list[Stream] = []
        self._meter = DialMetrics(Telemetry().registry)

    # -- what is drawn -------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        random = self.random
        self.pace = random.choice((1, 2, 3))
        self.start_ms = self._start_ms()
        names = [f"a{n}" for n in range(random.randint(3, 6))]
        zones = ("Asia/Shanghai", "Asia/Shanghai", "Asia/Shanghai,Asia/Urumqi")
        self.attempts = [
            (name, f"+86138{self.seed % 10_000:04d}{n:04d}", random.choice(zones)) for n, name in enumerate(names)
        ]
        words = [random.choices(list(WORDS), list(WORDS.values()))[0] for _ in names]
        scripted = [(one[1], word) for one, word in zip(self.attempts, words, strict=True) if random.random() < 0.7]
        self.scripts = {number: (word, "reached") if word in ONCE else (word,) for number, word in scripted}
        self.memory = self.theme != "memoryless" and random.random() < 0.7
        self.by_stream = self.theme in {"streams", "held", "stops"} or random.random() < 0.5
        self.by_poll = not self.by_stream or random.random() < 0.3
        self.wish = self._misbehaviour()
        self.eager = random.random() < 0.4
        self.enabled = {name for name in FAULTS if random.random() < 0.35} | THEMES[self.theme]

    def _start_ms(self) -> int:
        """After the beginning of the week: in the hours, shortly before they close, or before they open."""
        wish = self.random.random()
        if self.theme == "closing" or wish < 0.15:
            closes_ms = self.random.choice(CLOSES_H) * HOUR_MS
            return round(closes_ms - self.random.randint(40, 75) * SECOND_MS)
        if wish < 0.35:
            opens_ms = self.random.choice(OPENS_H) * HOUR_MS
            return round(opens_ms - self.random.randint(1, 30) * SECOND_MS)
        return round(self.random.uniform(1.0, 3.0) * HOUR_MS)

    def _misbehaviour(self) -> Misbehaviour:
        wish: dict[str, float] = {}
        for fault, names in MISCHIEF.items():
            if self.random.random() < 0.25:
                self.faults[fault] += 1
                wish |= dict.fromkeys(names, self.random.choice((0.1, 0.4)))
        if self.random.random() < 0.2:
            self.faults["facts_shuffled"] += 1
            wish["shuffle_s"] = wish["result_shuffle_s"] = 2.0
        if self.theme == "closing" or self.random.random() < 0.2:
            self.faults["switch_clock_off"] += 1
            wish["clock_s"] = self.random.choice((-1.8, -1.5, -1.0, 0.4))
        return Misbehaviour(**wish)

    # -- it lives ------------------------------------------------------------------------------------------------------

    async def play(self) -> Told:
        """Raises nothing: what breaks is a violation."""
        self._draw()
        await self.site.begin(self.attempts, self.start_ms)
        self.ports = Ports(self.site, self.faults)
        (found,) = await asyncio.gather(self._judged(), return_exceptions=True)
        for stream in self.streams:
            await stream.die()
        self.ports.close()
        if isinstance(found, BaseException):
            found = [Violation(BROKEN, f"{type(found).__name__}: {found}")]
        return Told(self.seed, len(self._orders), self.faults, found, self._hashed())

    async def _judged(self) -> list[Violation]:
        await self._open()
        for self.step in range(STEPS):
            await self._one_step()
        await self._quieten()
        return judge.violations(await self._seen())

    async def _open(self) -> None:
        self._orders: Mapping[str, Any] = {}
        self.step = 0
        self.switch = LoggedSwitch(
            self.site.it, f"s{self.seed}", self.wish, self.scripts, pace=self.pace, memory=self.memory, seed=self.seed
        )
        self.supervisor = Supervisor(self.site, self.switch.name)
        await self.switch.declare()
        self.new_gateway()
        if self.by_stream:
            self.connect()
        await self.switch.run_to(self.site.now_ms)
        await self.site.it.engine.drain()
        if self.random.random() < (0.3 if self.theme == "stops" else 0.05):
            self.faults["not_allowed_yet"] += 1
            self.allowed_at = self.random.randint(20, 60)
            await self.supervisor.forbid()
        await self.start_driver()

    async def start_driver(self) -> None:
        """Another start of the process takes the lane."""
        self.starts += 1
        pace = self.pace * 2 if self.eager else self.pace
        driver = Driver(self.site, self.switch.name, f"d{self.starts}", pace, self.faults)
        self.drivers = [*self.drivers[-DRIVERS_MAX + 1 :], driver]
        await self.take(driver)

    async def take(self, driver: Driver) -> None:
        self.takings += 1
        if await driver.take_lane(self.takings):
            self.owners[self.takings] = self.site.now_ms

    def new_gateway(self) -> None:
        dialled = DialLedger(self.site.dial, self._meter)
        self.gateway = Gateway(self.site, self.switch, self.ports, dialled)

    def connect(self) -> None:
        self.gateway_no += 1
        self.streams.append(self.gateway.connect(f"stream{self.gateway_no}"))

    async def look_at_switch(self) -> None:
        self.switch.gone = self.step < self.gone_until
        if 0 < self.undeclared_until <= self.step:
            await self.declare_again()

    async def declare_again(self) -> None:
        if self.undeclared_until:
            self.undeclared_until = 0
            await self.switch.declare()

    async def _one_step(self) -> None:
        await self.look_at_switch()
        if self.step == self.allowed_at:
            await self.supervisor.allow()
        names = list(ACTIONS)
        weights = [ACTIONS[name][0] for name in names]
        name = self.random.choices(names, weights)[0]
        await ACTIONS[name][1](self)

    async def _move_on(self) -> None:
        goal_ms = self.site.now_ms + self.random.choice(self.moves_ms)
        due_ms = self.switch.next_ms()
        if self.random.random() < 0.3 and due_ms < goal_ms + 2_000:
            goal_ms = max(round(due_ms) + 1, self.site.now_ms)
        await self.switch.run_to(goal_ms)

    async def _drive(self) -> None:
        awake = [one for n, one in enumerate(self.drivers) if self.asleep.get(n, 0) <= self.step]
        if not any(one.lease for one in self.drivers) and self.random.random() < 0.5:
            await self.start_driver()
        elif awake:
            driver = self.random.choice(awake)
            for _ in range(self.random.choice((1, 2, 4, 8))):
                if await driver.step() == "ended":
                    return

    async def _send(self) -> None:
        """A gateway looks for orders."""
        if self.by_poll and (not self.streams or self.random.random() < 0.4):
            await self.switch.fetch()
        elif self.streams:
            stream = self.random.choice(self.streams[-STREAMS_MAX:])
            if stream.is_held:
                if self.random.random() < await self._goes_on():
                    await stream.go_on()
                return
            if "claim_held" in self.enabled and self.random.random() < (
                0.7 if self.theme in {"held", "stops"} else 0.3
            ):
                self.ports.claim_fate = "held"
            await stream.step()
            self.ports.claim_fate = None
            if stream.is_held and self.theme in self.stopped_when_held and self.random.random() < 0.5:
                await self._stop([one[0] for one in self.attempts[:3]])
                if self._is_stop_acknowledged():
                    await self.switch.run_to(self.site.now_ms + 1)
                    await stream.go_on()

    def _is_stop_acknowledged(self) -> bool:
        """Whether what was just stopped is known to be so: then a held claim must not leave any more."""
        return False

    async def _goes_on(self) -> float:
        """The chance of a held claim to come back now."""
        return 0.5 if self.theme == "stops" else 0.25

    async def _take_in(self) -> None:
        if self.engine_until <= self.step:
            await self.site.it.engine.drain()

    async def _supervise(self) -> None:
        wish, stops = self.random.random(), 4.0 if self.theme == "stops" else 1.0
        if self.supervisor.frozen_since_ms is not None:
            if wish < 0.25:
                await self.supervisor.thaw()
        elif wish < 0.06 * stops:
            self.faults["frozen"] += 1
            await self.supervisor.freeze()
        elif wish < 0.12 * stops:
            await self._stop([self.random.choice(self.attempts)[0]])
        await self.supervisor.look()

    async def _stop(self, names: list[str]) -> None:
        self.faults["stopped"] += 1
        await self.supervisor.stop(names)
        await self.supervisor.look()

    async def _spoil(self) -> None:
        names = [name for name in self.all_faults if name in self.enabled]
        if names:
            name = self.random.choice(names)
            if await self.all_faults[name](self):
                self.faults[name] += 1
                self.trace.append((self.site.now_ms, name))

    # -- it quietens down ----------------------------------------------------------------------------------------------

    async def _quieten(self) -> None:
        """No more faults but those of the line: everybody is there again, and looks now and then."""
        self.switch.gone, self.switch.fast_ms = False, min(self.switch.fast_ms, 0)  # a clock a little slow stays so
        self.ports.claim_fate = self.ports.result_fate = self.ports.round_fate = None
        for stream in self.streams:
            await stream.go_on()
            await stream.cut()
        if self.supervisor.frozen_since_ms is not None:
            await self.supervisor.thaw()
        for driver in self.drivers:
            driver.commit_fate = None
            driver.wall.set_to(self.site.now_ms)
            await driver.whole_turn()
        if self.undeclared_until:
            for wait_s in (*WAITS_S, *WAITS_S):
                await self._wait(await self._look(), wait_s)
            assert await self._all_settled(), "an order has no end: its switch dials no more"
            await self.declare_again()
        before: list[Any] = []
        idle = 0
        for _ in range(LOOKS_MAX):
            attempts = await self._look()
            if all(one.state == "final" for one in attempts) and await self._all_settled():
                return
            ends = [(one.state, one.order_id) for one in attempts]
            idle = idle + 1 if ends == before else 0
            before = ends
            await self._wait(attempts, WAITS_S[idle % len(WAITS_S)])

    async def _look(self) -> list[book.Attempt]:
        """Everybody does what can be done now; what there is then."""
        await self.site.it.engine.drain()
        owner = max(self.drivers, key=lambda one: 0 if one.lease is None else one.number)
        if owner.lease is None:
            await self.start_driver()
        await self.drivers[-1].whole_turn() if owner.lease is None else await owner.whole_turn()
        await self.switch.fetch()
        await self.supervisor.look()
        return (await self.site.database.reader.run(book.read))[0]

    async def _all_settled(self) -> bool:
        return not await self.site.dial.read_orders(TENANT, self.switch.name, book.LANE)

    async def _wait(self, attempts: list[book.Attempt], wait_s: float) -> None:
        """Time passes; where all that is left waits for the hours, it passes until then."""
        now_ms = self.site.now_ms
        opens = [opens_ms(one, now_ms) for one in attempts if one.state != "final"]
        if opens and min(opens) > now_ms and not any(one.state == "open" for one in attempts):
            wait_s = max(wait_s, (min(opens) - now_ms) / 1000)
        await self.switch.run_to(now_ms + round(wait_s * 1000))

    # -- what came of it -----------------------------------------------------------------------------------------------

    async def _seen(self) -> Seen:
        ledger = await self.site.database.reader.run(judge.read)
        self._orders = ledger.orders
        self._ended = [(one.name, one.outcome) for one in ledger.attempts]
        switch = self.switch
        calls = [two for driver in self.drivers for two in driver.two_calls]
        return Seen(
            ledger, switch.arrivals, switch.rings, frozenset(switch.expired), self.supervisor.stops, self.owners,
            self.pace, self.ports.older_sent, calls,
        )  # fmt: skip

    def _hashed(self) -> str:
        """What happened, by the history's own time."""
        base_ms = self.site.base_ms
        happened = [(at - base_ms, *what) for at, *what in (*self.trace, *self.switch.trace)]
        orders = [
            (row.id, row.state, row.result, row.answer, row.sent_at_ms and row.sent_at_ms - base_ms)
            for row in self._orders.values()
        ]
        told = repr((happened, orders, getattr(self, "_ended", ()), sorted(self.faults.items())))
        return hashlib.sha256(told.encode()).hexdigest()[:16]


def opens_ms(attempt: book.Attempt, now_ms: int) -> int:
    """When the attempt may be called; now, if it may."""
    answer = calling_hours.judge(hours(), asked(attempt.zones), now_ms)
    if isinstance(answer, calling_hours.Open) or attempt.state != "waiting" or answer.until_ms is None:
        return now_ms
    return answer.until_ms


ACTIONS: Mapping[str, tuple[float, Callable[[History], Awaitable[None]]]] = {
    "time": (28, History._move_on),
    "driver": (30, History._drive),
    "gateway": (18, History._send),
    "engine": (10, History._take_in),
    "supervisor": (6, History._supervise),
    "fault": (7, History._spoil),
}
