"""Who calls: parts are asked about the callers of a committed round, beside the rounds that follow.

* One question at a time, of at most ASKED_AT_ONCE callers; what begins meanwhile is in the next one. So a part that is
  slow costs the engine a list, and no call waits for it.
* A question that fails is asked again a second later, TRIES_MAX times in all; beyond CALLERS_MAX callers nobody is
  asked about.
* The answer makes commands in the round that is being gathered. Their ids derive from the call and from the offer, and
  they are among the call's interventions: asked again, after a restart too, nothing is said twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Final, Protocol

from cti.caller_rows import Asked, Caller, KnownCaller, Words
from cti.core.call_legs import customer_of
from cti.core.call_state import ENDED, PHASE_NULL, Call
from cti.core.commands import STEPS_MAX
from cti.core.identity import command_id
from cti.core.numbers import e164
from cti.core.rules import Intervention
from cti.engine.commands import CommandWriter
from cti.engine.live_calls import Key, Layers, LiveCall
from cti.engine.metrics import CallMetrics
from cti.engine.speaking import is_named, tell_agent, tell_caller
from cti.engine.times import Times

ASKED_AT_ONCE: Final = 500
CALLERS_MAX: Final = 10_000  # that wait to be asked about
TRIES_MAX: Final = 5
AGAIN_MS: Final = 1_000
LOOK_AGAIN_MS: Final = 500.0
BUSY_MS: Final = 100.0  # between two questions while there is more to read
ANNOUNCED_WITHIN_MS: Final = 20_000  # of the call's opening
PROMPTED_WITHIN_MS: Final = 15_000  # of the offer
ONCE: Final = 1  # n of an occurrence
ANNOUNCES: Final = STEPS_MAX + 2  # as the next: steps beyond those of a profile
PROMPTS: Final = STEPS_MAX + 3
BIRTH: Final = "caller"  # the cause of what is said to a caller because of who he is


class AsksParts(Protocol):
    """All parts together (`cti.parts.callers`). Nothing is raised."""

    async def look(self, callers: Sequence[Caller]) -> Sequence[KnownCaller] | None:
        """Whom they know; None: they could not tell."""

    async def left(self, call_ids: Collection[str]) -> None: ...


class KnownCallers:
    """Who calls, as far as parts have said. What is kept by call is no part of a round."""

    __slots__ = ("_commands", "asked", "by_call", "new", "unsaid")

    def __init__(self, commands: CommandWriter) -> None:
        self._commands = commands
        self.asked = False  # whether any part is asked
        self.new: list[Asked] = []  # in this round; nobody is asked about before it is committed
        self.by_call: dict[str, KnownCaller] = {}  # by call id
        self.unsaid: set[str] = set()  # of these, whose switch's clock was not believed

    def follow(self, key: Key, live: LiveCall, was: Call) -> None:
        """Note who calls as soon as it is known, and say what a part wants said; `live` is the caller's own copy."""
        call = live.call
        if call.opening is not was.opening and call.opening.calling != was.opening.calling:
            self.new += asked_about(key, live)
        known = self.by_call.get(live.call_id)
        if known is not None:
            self.greet(key, live, known)

    def greet(self, key: Key, live: LiveCall, known: KnownCaller) -> None:
        """Issue what can be said now: to the caller once, to each agent to whom he is offered. On a clock that is not
        believed nothing is said, and nothing is settled: it is looked at again.
        """
        call, commands = live.call, self._commands
        if call.phase is ENDED:
            return
        if not live.source.clock.trusted(commands.times.partition_ms[live.partition]):
            self.unsaid.add(live.call_id)
            return
        unanswered = call.answered_ms is None and is_named(customer_of(call.legs))
        if known.announcement is not None and unanswered and not _is_done(live, BIRTH, ANNOUNCES):
            due = _due(live, known.announcement, BIRTH, ANNOUNCES, call.opened_at_ms, ANNOUNCED_WITHIN_MS)
            tell_caller(commands, key, live, due, _said(known.announcement))
        if known.prompt is None:
            return
        for offer in call.offers:
            if offer.end_ms is None and offer.agent and not _is_done(live, offer.cause, PROMPTS):
                due = _due(live, known.prompt, offer.cause, PROMPTS, offer.at_ms, PROMPTED_WITHIN_MS)
                tell_agent(commands, key, live, due, offer.agent, _said(known.prompt))


def asked_about(key: Key, live: LiveCall) -> list[Asked]:
    """The caller of a live inbound call with a number; nobody otherwise."""
    call = live.call
    if not call.inbound or call.phase in (ENDED, PHASE_NULL) or not isinstance(key, int):
        return []
    number = e164(call.opening.calling)
    caller = None if number is None else Caller(live.source.tenant, number, live.call_id, call.opened_at_ms)
    return [] if caller is None else [Asked(key, caller)]


def _due(live: LiveCall, words: Words, cause: str, step: int, due_ms: int, useful_ms: int) -> Intervention:
    id_ = command_id(live.source.tenant, f"{live.call_id}:{cause}", words.rule, ONCE, step)
    command = "playMessage" if step == ANNOUNCES else "promptAgent"
    return Intervention(id_, words.rule, 0, ONCE, step, cause, command, due_ms, due_ms + useful_ms, "open")


def _is_done(live: LiveCall, cause: str, step: int) -> bool:
    """Whatever words it had then."""
    return any(done.cause == cause and done.step == step for done in live.done)


def _said(words: Words) -> dict[str, object]:
    return {"message": words.message, "text": dict(words.text)}


class Callers:
    """The questions of one engine."""

    def __init__(
        self, known: KnownCallers, layers: Layers, times: Times, telemetry: CallMetrics, knows: AsksParts | None,
        wake: Callable[[], None],
    ) -> None:  # fmt: skip
        """`knows`: None: nobody is asked."""
        self._known, self._layers, self._times, self._telemetry = known, layers, times, telemetry
        self._knows, self._wake = knows, wake
        self._waiting: deque[Asked] = deque()
        self._keys: dict[str, int] = {}  # of the calls that are known
        self._under_way: asyncio.Task[None] | None = None
        self._answers: list[tuple[Asked, KnownCaller]] = []
        self._ended: set[str] = set()  # known calls that have ended
        self._rests_until_ms = float("-inf")  # after a failure
        self._looked_ms = self._asked_ms = float("-inf")

    def ask(self, callers: Iterable[Asked]) -> None:
        """Ask about callers whose births are committed."""
        if not self._known.asked:
            return
        for asked in callers:
            if len(self._waiting) < CALLERS_MAX:
                self._waiting.append(asked)
            else:
                self._telemetry.caller_unasked()

    def ended(self, keys: Iterable[Key]) -> None:
        """These calls have ended, and that is committed."""
        if not self._keys:
            return
        base = self._layers.base.calls
        for key in keys:
            live = base.get(key)
            if live is not None and self._keys.pop(live.call_id, None) is not None:
                self._known.by_call.pop(live.call_id, None)
                self._ended.add(live.call_id)

    def forget(self) -> None:
        """Partitions were lost: what is no call of ours is the next owner's to ask about."""
        gone = [id_ for id_, key in self._keys.items() if self._layers.by_id(key, id_)[1] is None]
        for call_id in gone:
            del self._keys[call_id]
            self._known.by_call.pop(call_id, None)

    def next_ms(self) -> float:
        """When to ask again, by the log's clock."""
        return self._rests_until_ms if self._waiting and self._under_way is None else float("inf")

    def move(self, by_ms: float) -> None:
        """Shift all times: the log's clock was set."""
        self._rests_until_ms += by_ms
        self._looked_ms += by_ms
        self._asked_ms += by_ms

    @property
    def under_way(self) -> bool:
        return self._under_way is not None or bool(self._answers)

    async def landed(self) -> None:
        """Return when the question under way has been answered."""
        if self._under_way is not None:
            await asyncio.wait({self._under_way})

    def turn(self, *, idle: bool) -> None:
        """Act on the answers, in the round that is being gathered; ask about those who wait. An engine with more to
        read (not `idle`) asks seldom: a question costs as much for one caller as for a hundred.
        """
        answers, self._answers = self._answers, []
        for asked, known in answers:
            key, live = self._layers.by_id(asked.key, known.call_id)
            if live is None or live.ended:
                self._ended.add(known.call_id)
                continue
            self._keys[known.call_id] = asked.key
            self._known.by_call[known.call_id] = known
            self._greet(key, live, known)
        self._look_again()
        now_ms = self._times.now_ms
        if idle or now_ms >= self._asked_ms + BUSY_MS:
            self._asked_ms = now_ms
            self._begin()

    def _greet(self, key: Key, live: LiveCall, known: KnownCaller) -> None:
        mine = live.copy()
        self._known.greet(key, mine, known)
        if mine.done is not live.done:
            self._layers.put(key, mine)

    def _look_again(self) -> None:
        """At those to whom nothing could be said on a clock that was not believed."""
        now_ms, unsaid = self._times.now_ms, self._known.unsaid
        if not unsaid or now_ms < self._looked_ms + LOOK_AGAIN_MS:
            return
        self._looked_ms, self._known.unsaid = now_ms, set()
        for call_id in unsaid & self._keys.keys():
            key, live = self._layers.by_id(self._keys[call_id], call_id)
            if live is not None:
                self._greet(key, live, self._known.by_call[call_id])

    async def stop(self) -> None:
        if self._under_way is not None:
            self._under_way.cancel()
            await asyncio.wait({self._under_way})

    def _begin(self) -> None:
        rests = self._times.now_ms < self._rests_until_ms
        if self._under_way is None and ((self._waiting and not rests) or self._ended):
            self._under_way = asyncio.create_task(self._exchange())
            self._under_way.add_done_callback(self._done)

    async def _exchange(self) -> None:
        assert self._knows is not None, "somebody is asked"
        ended, self._ended = self._ended, set()
        if ended:
            await self._knows.left(ended)
        rests = self._times.now_ms < self._rests_until_ms
        some = [] if rests else [self._waiting.popleft() for _ in range(min(ASKED_AT_ONCE, len(self._waiting)))]
        if some:
            self._take(some, await self._knows.look([asked.caller for asked in some]))

    def _take(self, some: Collection[Asked], found: Iterable[KnownCaller] | None) -> None:
        if found is None:
            self._rests_until_ms = self._times.now_ms + AGAIN_MS
            again = [asked._replace(tries=asked.tries + 1) for asked in some if asked.tries + 1 < TRIES_MAX]
            self._waiting.extendleft(reversed(again))
            for _ in range(len(some) - len(again)):
                self._telemetry.caller_unasked()
            return
        of = {asked.caller.call_id: asked for asked in some}
        self._answers += [(of[known.call_id], known) for known in found if known.call_id in of]

    def _done(self, task: asyncio.Task[None]) -> None:
        self._under_way = None
        if not task.cancelled():
            task.result()  # what the parts raise is caught where they are asked: this is a defect of ours
        self._wake()
