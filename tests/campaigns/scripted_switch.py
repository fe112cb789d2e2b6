"""The switch of a worked campaign: it answers the n-th makeCall to a number by the n-th word of its script, and keeps a
log of every order that came in.

The words, and how many seconds after the order each shows, are those of docs/vectors.md. The exchange is the simulated
switch's own; what differs stands here: no draw decides anything, and a snapshotCall is answered only where a word says
so.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from cti.switches.simulated.misbehaviour import Misbehaviour
from cti.switches.simulated.options import DECLARED
from cti.switches.simulated.outbound_script import check, is_of_message
from cti.switches.simulated.pbx import Fact
from cti.switches.simulated.trunks import CALLS, MESSAGES
from tests.campaigns.seen import Log, Span
from tests.scheduler import Scene
from tests.simulation.outbound.switch import LoggedSwitch

COMMANDS = tuple(dict.fromkeys((*DECLARED, "setRingTimeout", *CALLS, *MESSAGES)))
CALLS_PER_SECOND = 50.0  # of a trunk group: the campaign's own pace is what bounds a worked campaign
NO_SCRIPT = ("noAnswer", "sms:undeliverable")  # of a number that has no word of a kind
DIALS = ("makeCall", "sendMessage")
PROLONG_MS = 5_000  # an idle poll
POLL_MS = 1_000  # after one that brought orders: a poll takes a second's pace at most
HEARTBEAT = "ringback.switch.switchHeartbeat.v1"


class Words(Mapping[str, Sequence[str]]):
    """The script of each number; any other number is called in vain."""

    def __init__(self, scripts: Mapping[str, Sequence[str]]) -> None:
        """Raises ValueError for a word that means nothing."""
        for words in scripts.values():
            for word in words:
                check(word)
        self._scripts = scripts

    def __getitem__(self, number: str) -> Sequence[str]:
        words = list(self._scripts.get(number, ()))
        return words + [word for word in NO_SCRIPT if not any(_same_kind(word, other) for other in words)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._scripts)

    def __len__(self) -> int:
        return len(self._scripts)


def _same_kind(word: str, other: str) -> bool:
    return is_of_message(word) is is_of_message(other)


class Order(NamedTuple):
    """An order as the switch's log notes it, at the true time."""

    at_ms: int
    id: str
    command: str
    body: Mapping[str, Any]


class ScriptedSwitch(LoggedSwitch):
    """`orders`: all that came in; `said`: all that it reported, heartbeats left out.

    It polls; its poll is the newest subscription, and prolonged as long as it lives.
    """

    def __init__(
        self, it: Scene, name: str, scripts: Mapping[str, Sequence[str]], *, groups: Sequence[str] = ("main",),
        pace: float = CALLS_PER_SECOND, wish: Misbehaviour | None = None, memory: bool = True, seed: int = 1,
        commands: tuple[str, ...] = COMMANDS, agents: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(
            it, name, wish or Misbehaviour(), scripts, pace=pace, memory=memory, seed=seed, commands=commands,
            groups=groups, agents=agents,
        )  # fmt: skip
        self.orders: list[Order] = []
        self.said: list[Fact] = []
        self.vanished: set[str] = set()  # orders that a word let vanish
        self._calls: dict[str, Span] = {}
        self.answers: list[tuple[int, str, str]] = []  # (at, order, number): the called party answered
        self.agents_there: dict[str, int] = {}  # since when an agent is on the line of an order's call

    @classmethod
    async def opened(
        cls, it: Scene, name: str, scripts: Mapping[str, Sequence[str]], *, groups: Sequence[str] = ("main",)
    ) -> "ScriptedSwitch":
        """It has declared itself, said its first heartbeat and polls."""
        switch = cls(it, name, Words(scripts), groups=groups)
        await switch.declare()
        await switch.act()
        await switch.poll()
        return switch

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def is_quiet(self) -> bool:
        """Nothing is under way on it."""
        return self.exchange.next_ms is None and not self.exchange.pbx.calls

    def due_ms(self) -> float:
        """When it does something by itself."""
        return min(self.next_ms(), self._beat_ms, self._poll_ms)

    async def act(self) -> None:
        """What is due now happens; a heartbeat where one is due."""
        self._hear(self.exchange.advance(self.now_ms))
        await self.send()
        await self._beat()

    async def poll_when_due(self, *, ordered: bool) -> bool:
        """Poll if it is time, or if orders were made. Whether any came."""
        return await self.poll() if ordered or self._poll_ms <= self.now_ms else False

    async def poll(self) -> bool:
        before = len(self.orders)
        await self.fetch()
        await self.send()
        came = len(self.orders) > before
        self._poll_ms = self.now_ms + (POLL_MS if came else PROLONG_MS)
        return came

    # -- orders --------------------------------------------------------------------------------------------------------

    def take(self, command: dict[str, Any]) -> None:
        id_, kind = str(command["id"]), str(command["command"])
        self.orders.append(Order(self.true_ms, id_, kind, command))
        if kind == "snapshotCall" and not self.may_tell(str(command.get("about"))):
            return
        super().take(command)
        if kind in DIALS and id_ not in self.exchange.pbx.memory.orders:
            self.vanished.add(id_)

    def may_tell(self, about: str) -> bool:
        """Only of an order that its word let vanish."""
        known = self.exchange.pbx.memory.orders.get(about)
        return known is None or known.state == "burnt"

    # -- its log -------------------------------------------------------------------------------------------------------

    def _hear(self, facts: Sequence[Fact]) -> None:
        for fact in facts:
            if fact["type"] != HEARTBEAT:
                self.said.append(fact)
                self._note_call(fact)
        super()._hear(facts)

    def _note_call(self, fact: Fact) -> None:
        call, kind = str(fact["subject"]), fact["type"].split(".")[2]
        if kind == "originated":
            order = next((one.id for one in self.exchange.pbx.memory.orders.values() if one.call == call), "")
            self._calls[call] = Span(order, str(fact["data"]["called"]), self.true_ms, None)
        elif kind == "established" and call in self._calls:
            span = self._calls[call]
            if fact["data"].get("agent"):
                self.agents_there.setdefault(span.order, self.true_ms)
            elif all(order != span.order for _, order, _ in self.answers):
                self.answers.append((self.true_ms, span.order, span.number))
        elif kind == "callCleared" and call in self._calls:
            self._calls[call] = self._calls[call]._replace(to_ms=self.true_ms)

    def end_calls(self) -> None:
        """All that live are over."""
        for call, span in self._calls.items():
            if span.to_ms is None:
                self._calls[call] = span._replace(to_ms=self.true_ms)

    def log(self) -> Log:
        """What judges ask."""
        came = {kind: [(one.at_ms, one.id, str(one.body["to"])) for one in self.orders_of(kind)] for kind in DIALS}
        unheard = frozenset(self.expired | self.vanished)
        calls = list(self._calls.values())
        there = dict(self.agents_there)
        return Log(came["makeCall"], came["sendMessage"], self.rings, calls, unheard, list(self.answers), there)

    def orders_of(self, *commands: str) -> list[Order]:
        """Those of these commands, in order of arrival."""
        return [order for order in self.orders if order.command in commands]
