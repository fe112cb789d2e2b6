"""The simulated switch at work: the exchange on a clock, its connection to the product, its log.

The clock, a command or a new connection each cause a step. A step does not wait in between, so log entries and bodies
are in the order of events.
"""

import asyncio
import json
from typing import Any

import aiohttp

from cti.ports import Clock
from cti.switches.simulated import saved_state
from cti.switches.simulated.commands import LOST, SILENT, Command, Verdict
from cti.switches.simulated.door import AwayError, Door, NotAllowedError, RefusedItem
from cti.switches.simulated.exchange import Exchange
from cti.switches.simulated.misbehaviour import AWAY_MS, HeldBack, Spoiler, WrongClock
from cti.switches.simulated.options import FACTS, Options
from cti.switches.simulated.outbox import Backoff, Outbox, Result, Results, result_body
from cti.switches.simulated.pbx import Fact, rfc3339
from cti.switches.simulated.switch_log import SwitchLog

HEARTBEAT_MS = 5_000
OUTBOX_MAX = 20_000  # events that could not be sent; beyond that no caller comes in, no heartbeat, no snapshot goes out
DISCONNECTED_S = 3.0
FLUSH_S = 2.0  # at the stop, for what is still to be sent
STOP_S = 3.5  # at the stop, for everything
IDLE_CHECK_MS = 250
CONNECTIONS_MAX = 16


async def simulate(options: Options, clock: Clock, stop: asyncio.Event) -> dict[str, Any]:
    """Be a switch until `stop`, the time is over, or (after closing) the last call has ended; the judge's figures.

    Raises `door.NotAllowedError` when the key is refused, ValueError for a damaged state file, OSError when log or
    state cannot be read or written.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONNECTIONS_MAX)) as session:
        simulation = Simulation(options, clock, stop, session)
        try:
            return await simulation.run()
        finally:
            simulation.switch_log.close()


class Simulation:
    """One run."""

    def __init__(self, options: Options, clock: Clock, stop: asyncio.Event, session: aiohttp.ClientSession) -> None:
        self._options = options
        fast_ms = options.misbehave.clock_s * 1000
        self._clock: Clock = WrongClock(clock, fast_ms) if fast_ms else clock
        self._stop = stop
        self._wake = asyncio.Event()
        self.switch_log = SwitchLog(options.log)
        self._door = Door(session, options.url, options.key, options.site.switch)
        self._outbox = Outbox(self._door, self._on_refused)
        self._results = Results(self._door, self._on_result)
        self._spoiler = Spoiler(options.misbehave, options.site.seed)
        self._held_back: HeldBack[bytes] = HeldBack()
        self._held_results: HeldBack[Result] = HeldBack()
        self._known = False  # to the product: before that there is nothing to finish
        self._exchange = self._open()
        self._started_ms = self._now_ms()

    def _now_ms(self) -> int:
        return int(self._clock.now_ms())

    def _open(self) -> Exchange:
        now_ms, path = self._now_ms(), self._options.state
        kept = saved_state.take(path, self._options.site, now_ms) if path else None
        if kept is None:
            return Exchange.opened(self._options.site, now_ms)
        self._outbox.put(kept.events)
        for command_id, body in kept.results:
            self._results.put(Result(command_id, body))
        return kept.exchange

    # -- the run -------------------------------------------------------------------------------------------------------

    async def run(self) -> dict[str, Any]:
        stopped = asyncio.create_task(self._stop.wait())
        work = asyncio.create_task(self._work())
        try:
            await asyncio.wait({stopped, work}, return_when=asyncio.FIRST_COMPLETED)
            self._wake.set()
            await asyncio.wait({work}, timeout=STOP_S if self._known else 0)
            if work.done():
                await work
        finally:
            stopped.cancel()
            work.cancel()
            await asyncio.gather(stopped, work, return_exceptions=True)
        return self.switch_log.summary()

    async def _work(self) -> None:
        await self._declare()
        self._known = True
        try:
            async with asyncio.TaskGroup() as tasks:
                listening = tasks.create_task(self._keep_going_away())
                lines = [tasks.create_task(line.run()) for line in (self._outbox, self._results)]
                await self._live()
                listening.cancel()  # what an order brings about now would be logged, but no longer sent
                await self._say_goodbye()
                for line in lines:
                    line.cancel()
        except ExceptionGroup as group:
            raise _innermost(group) from group

    async def _declare(self) -> None:
        declaration = {
            "source": self._exchange.pbx.source,
            "commands": sorted({*self._options.commands, *self._options.site.outbound.commands}),
            "facts": list(FACTS),
            "if_other_ready": True,
            **self._options.site.outbound.declaration(),
        }
        backoff = Backoff()
        while True:
            try:
                return await self._door.declare(declaration)
            except AwayError as away:
                await backoff.wait(away)

    async def _live(self) -> None:
        """Step by step, each when it is due."""
        beat_ms = self._now_ms()
        hurried = False
        while not self._stop.is_set() and not self._is_over():
            now_ms = self._now_ms()
            self._send(self._exchange.advance(now_ms))
            if self._closed(now_ms) and not hurried:
                self._exchange.hurry(now_ms)
                hurried = True
            if now_ms >= beat_ms:
                if self._has_room():
                    self._send([self._exchange.heartbeat(now_ms)])
                beat_ms += HEARTBEAT_MS * ((now_ms - beat_ms) // HEARTBEAT_MS + 1)
            self._let_go(now_ms)
            self._exchange.take_calls(self._may_take_calls(now_ms), now_ms)
            self.switch_log.flush()
            await self._clock.wait(self._wake, self._next_ms(beat_ms, now_ms))
            self._wake.clear()

    def _at(self, after_s: float | None) -> int | None:
        return None if after_s is None else self._started_ms + int(after_s * 1000)

    def _closed(self, now_ms: int) -> bool:
        closing_ms = self._at(self._options.close_at_s)
        return closing_ms is not None and now_ms >= closing_ms

    def _next_ms(self, beat_ms: int, now_ms: int) -> float:
        closing_ms = self._at(self._options.close_at_s)
        if self._closed(now_ms):
            closing_ms = now_ms + IDLE_CHECK_MS
        held = (self._held_back.next_ms, self._held_results.next_ms)
        due = (beat_ms, self._exchange.next_ms, *held, self._at(self._options.for_s), closing_ms)
        return min(moment for moment in due if moment is not None)

    def _let_go(self, now_ms: float) -> None:
        """What was held back until now leaves."""
        self._outbox.put(self._held_back.take(now_ms))
        for result in self._held_results.take(now_ms):
            self._results.put(result)

    def _has_room(self) -> bool:
        return len(self._outbox) < OUTBOX_MAX

    def _may_take_calls(self, now_ms: int) -> bool:
        """Hysteresis: after the outbox was full, callers come in again only once half of it is sent."""
        limit = OUTBOX_MAX if self._exchange.pbx.taking_calls else OUTBOX_MAX // 2
        return not self._closed(now_ms) and len(self._outbox) < limit

    def _is_over(self) -> bool:
        now_ms = self._now_ms()
        end_ms = self._at(self._options.for_s)
        if end_ms is not None and now_ms >= end_ms:
            return True
        return self._closed(now_ms) and not self._exchange.pbx.taking_calls and not self._exchange.pbx.calls

    async def _say_goodbye(self) -> None:
        """A kept switch only falls silent, another closes its shift. What is unsent is sent, as far as time allows."""
        now_ms = self._now_ms()
        kept = self._options.state
        self._send(self._exchange.advance(now_ms) if kept else self._exchange.close(now_ms))
        self._let_go(float("inf"))
        self._line(up=True)
        flushing = asyncio.gather(self._results.emptied(), self._outbox.emptied())
        await asyncio.wait({flushing}, timeout=FLUSH_S)
        flushing.cancel()
        if kept:
            saved_state.write(kept, self._exchange, self._outbox.left(), self._results.left())
        self.switch_log.flush()

    # -- facts out -----------------------------------------------------------------------------------------------------

    def _send(self, facts: list[Fact]) -> None:
        now_ms = self._clock.now_ms()
        for fact in facts:
            self.switch_log.event(fact)
            body = json.dumps(fact, ensure_ascii=False, separators=(",", ":")).encode()
            passings = self._spoiler.passings(fact["type"], now_ms)
            if not passings:
                self.switch_log.left(fact["id"], "lost")
            for passing in passings:
                if passing.how:
                    self.switch_log.left(fact["id"], passing.how)
                    self._held_back.put(passing.leaves_ms, body)
                else:
                    self._outbox.put([body])
        for answer in self._exchange.answers():
            self._answer(answer.command_id, Verdict(answer.state, answer.reason), now_ms)

    def _answer(self, command_id: str, verdict: Verdict, now_ms: float) -> None:
        """A result leaves, unless it is spoiled."""
        state = verdict.state
        body = result_body(state, rfc3339(now_ms), verdict.reason, **_details(verdict))
        passings = self._spoiler.result_passings(now_ms)
        if not passings:
            self.switch_log.result_left(command_id, state, "lost")
        for passing in passings:
            if passing.how:
                self.switch_log.result_left(command_id, state, passing.how)
                self._held_results.put(passing.leaves_ms, Result(command_id, body))
            else:
                self._results.put(Result(command_id, body))

    def _on_result(self, result: Result, status: int) -> None:
        self.switch_log.result_status(result.command_id, status)

    def _on_refused(self, body: bytes, item: RefusedItem) -> None:
        self.switch_log.not_taken(json.loads(body)["id"], item.code, item.detail)

    # -- orders in -----------------------------------------------------------------------------------------------------

    async def _keep_listening(self) -> None:
        """Listen for ever; on request the whole line is lost now and then."""
        every_s = self._options.misbehave.disconnect_every_s or None
        while True:
            try:
                async with asyncio.timeout(every_s):
                    await self._listen()
            except TimeoutError:
                self._line(up=False)
                await asyncio.sleep(DISCONNECTED_S)
                self._line(up=True)

    async def _keep_going_away(self) -> None:
        """On request it is gone for a minute now and then: calls go on, nothing leaves, nothing is read."""
        every_ms, never = self._options.misbehave.away_every_s * 1000, asyncio.Event()
        if not every_ms:
            await self._keep_listening()
        while True:
            listening = asyncio.create_task(self._keep_listening())
            leaving = asyncio.create_task(self._clock.wait(never, self._clock.now_ms() + every_ms))
            try:
                await asyncio.wait({listening, leaving}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                leaving.cancel()
                if not listening.done():
                    listening.cancel()
                    await asyncio.wait({listening})
            if not listening.cancelled():
                listening.result()  # the key was refused
            self._line(up=False)
            self.switch_log.line(False, self._clock.now_ms())
            await self._clock.wait(never, self._clock.now_ms() + AWAY_MS)
            self.switch_log.line(True, self._clock.now_ms())
            self._line(up=True)

    def _line(self, *, up: bool) -> None:
        self._outbox.line(up)
        self._results.line(up)

    async def _listen(self) -> None:
        backoff = Backoff()
        while True:
            try:
                async for command in self._door.commands():
                    backoff.reset()
                    if command:
                        await self._results.room()
                        self._obey(command)
                    else:
                        self._on_connect()
            except AwayError as away:
                await backoff.wait(away)

    def _on_connect(self) -> None:
        """The stream is open: send a snapshot, after the events still unsent, if there is room."""
        now_ms = self._now_ms()
        self._send(self._exchange.advance(now_ms))
        if self._has_room():
            self._send([self._exchange.snapshot(now_ms)])
        self._wake.set()

    def _obey(self, command: Command) -> None:
        now_ms = self._now_ms()
        self._send(self._exchange.advance(now_ms))  # what was due before the order is noted before it
        verdict, facts = self._exchange.obey(command, now_ms)
        if verdict.state == LOST:
            return
        self.switch_log.received(command, now_ms)
        self.switch_log.verdict(command, verdict, now_ms)
        command_id = str(command["id"])
        if verdict.state == "done":
            self._answer(command_id, Verdict("accepted"), now_ms)
        if verdict.state != SILENT:
            self._answer(command_id, verdict, now_ms)
        self._send(facts)
        self._wake.set()


def _details(verdict: Verdict) -> dict[str, object]:
    return {name: value for name, value in verdict._asdict().items() if name not in {"state", "reason"}}


def _innermost(group: BaseException) -> BaseException:
    """The first error of a group; a refused key before anything else."""
    while isinstance(group, BaseExceptionGroup):
        keys, rest = group.split(NotAllowedError)
        group = (keys or rest or group).exceptions[0]
    return group
