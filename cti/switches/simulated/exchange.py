"""The switch as a state machine: advance it to a time, give it a command, and take the events that follow.

Nothing here waits, sends or reads a clock; the exchange's owner does.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from cti.switches.simulated import acd, commands, conversation, outbound, transfers
from cti.switches.simulated.commands import Command, Verdict
from cti.switches.simulated.pbx import ANY_TURN, CALLER_LEG, Agent, Answer, Call, Doing, Fact, Pbx, Standing, rfc3339
from cti.switches.simulated.people import QUEUES, gap_ms
from cti.switches.simulated.trunks import NO_OUTBOUND, Outbound

LOG_ON_SPREAD_MS = 100  # from one agent to the next, at the start of the shift
FIRST_AGENT = 1001
HURRY_SPREAD_MS = 6_000  # when the day ends early, all calls are over within this
SPECIALIST_EVERY = 4  # each fourth agent serves one queue only

CALL_ACTIONS: dict[str, Callable[[Pbx, Call, int], None]] = {
    "join_queue": acd.join_queue,
    "try_anybody": acd.try_anybody,
    "give_up": conversation.give_up,
    "answer": acd.answer,
    "reject": acd.reject,
    "ring_out": acd.ring_out,
    "go_on": conversation.go_on,
    "retrieve_and_go_on": conversation.retrieve_and_go_on,
    "unmute": conversation.unmute,
    "customer_retrieve": conversation.customer_retrieve,
    "leave": conversation.leave,
    "played": commands.played,
    "transfer_blind": transfers.blind,
    "transfer_attended": transfers.attended,
    "consult": transfers.consult,
    "consultation_unanswered": transfers.unanswered,
    "consultation_failed": transfers.failed,
    "complete_transfer": transfers.complete,
    "outbound_step": outbound.step,
    "stop_ringing": outbound.stop_ringing,
}
ORDER_ACTIONS: dict[str, Callable[[Pbx, str, int], None]] = {
    "place": outbound.place_call,
    "send_message": outbound.send_message,
    "report_message": outbound.report_message,
}
AGENT_ACTIONS: dict[str, Callable[[Pbx, Agent, int], None]] = {
    "log_on": acd.log_on,
    "work_done": acd.work_done,
    "come_back": acd.get_ready,
}


@dataclass(frozen=True, slots=True)
class Site:
    """What is simulated. `pace` names the habits."""

    switch: str = "sim-1"
    agents: int = 40
    callers_per_min: float = 40.0
    seed: int = 1
    pace: str = "realistic"
    ring_timeout_s: float = 20.0
    outbound: Outbound = NO_OUTBOUND


class Exchange:
    """Owns a PBX state. Times are integer ms of the switch's clock and never go back: an earlier one counts as now."""

    def __init__(self, pbx: Pbx) -> None:
        self.pbx = pbx

    @classmethod
    def opened(cls, site: Site, now_ms: int) -> "Exchange":
        """A fresh day: agents log on one after another, then callers come.

        `sequence` starts with the clock's milliseconds, so that it rises across restarts as well.
        """
        moment = datetime.fromtimestamp(now_ms // 1000, tz=UTC)
        run = f"{site.switch}-{site.seed}-{moment:%Y%m%dT%H%M%S}{now_ms % 1000:03d}"
        pbx = Pbx(site.switch, site.seed, run, site.pace, site.callers_per_min, now_ms, sequence=now_ms)
        pbx.ring_timeout_ms, pbx.outbound = int(site.ring_timeout_s * 1000), site.outbound
        for number in range(site.agents):
            agent_id = str(FIRST_AGENT + number)
            own = QUEUES[(number // SPECIALIST_EVERY) % len(QUEUES)]
            queues = [own] if number % SPECIALIST_EVERY == SPECIALIST_EVERY - 1 else list(QUEUES)
            pbx.agents[agent_id] = Agent(agent_id, f"SIP/{agent_id}", queues)
            pbx.later(now_ms + number * LOG_ON_SPREAD_MS, "log_on", agent_id, 0)
        if site.callers_per_min > 0:
            pbx.later(now_ms + gap_ms(site.seed, 1, site.callers_per_min), "arrive", "")
        return cls(pbx)

    @property
    def next_ms(self) -> int | None:
        """When something is due next."""
        return self.pbx.agenda[0].at_ms if self.pbx.agenda else None

    def advance(self, now_ms: int) -> list[Fact]:
        """All events up to and including this time, in order, each with its own time."""
        pbx = self.pbx
        while (due := pbx.take_due(now_ms)) is not None:
            pbx.now_ms = max(pbx.now_ms, due.at_ms)
            self._happen(due.action, due.subject, due.turn, pbx.now_ms)
        pbx.now_ms = max(pbx.now_ms, now_ms)
        return self._handed_out()

    def obey(self, command: Command, now_ms: int, received_ms: int | None = None) -> tuple[Verdict, list[Fact]]:
        """Do what is due, then execute the command; the events are in that order."""
        facts = self.advance(now_ms)
        at_ms = self.pbx.now_ms
        verdict = commands.obey(self.pbx, command, at_ms, at_ms if received_ms is None else received_ms)
        return verdict, facts + self.advance(at_ms)

    def _happen(self, action: str, subject: str, turn: int, at_ms: int) -> None:
        if action == "arrive":
            acd.arrive(self.pbx, at_ms)
        elif action in ORDER_ACTIONS:
            ORDER_ACTIONS[action](self.pbx, subject, at_ms)
        elif action in AGENT_ACTIONS:
            agent = self.pbx.agents[subject]
            if agent.turn == turn:
                AGENT_ACTIONS[action](self.pbx, agent, at_ms)
        else:
            call = self.pbx.calls.get(subject)
            if call is not None and turn in {ANY_TURN, call.turn}:
                CALL_ACTIONS[action](self.pbx, call, at_ms)

    def _handed_out(self) -> list[Fact]:
        facts, self.pbx.out = self.pbx.out, []
        return facts

    def answers(self) -> list[Answer]:
        """Results of orders that were accepted earlier, since the last look."""
        answers, self.pbx.answers = self.pbx.answers, []
        return answers

    # -- reports of the switch about itself ----------------------------------------------------------------------------

    def heartbeat(self, now_ms: int) -> Fact:
        data = {"clock": rfc3339(now_ms), "lastSequence": self.pbx.sequence}
        return self._said("switch.switchHeartbeat", now_ms, data)

    def snapshot(self, now_ms: int) -> Fact:
        """All live calls and all agents who are here, as on connect."""
        calls = [_seen_call(call) for call in self.pbx.calls.values()]
        agents = [_seen_agent(agent) for agent in self.pbx.agents.values() if agent.doing is not Doing.LOGGED_OFF]
        return self._said("switch.switchSnapshot", now_ms, {"calls": calls, "agents": agents})

    def _said(self, kind: str, now_ms: int, data: dict[str, Any]) -> Fact:
        if self.pbx.out:
            raise AssertionError("facts must be handed out before the switch speaks of itself")
        self.pbx.emit(kind, self.pbx.switch, now_ms, data)
        return self._handed_out()[0]

    # -- opening and closing the door ----------------------------------------------------------------------------------

    def take_calls(self, taking: bool, now_ms: int) -> None:
        """Let callers in, or keep them out; those who are in stay."""
        pbx = self.pbx
        if taking and not pbx.taking_calls and pbx.callers_per_min > 0:
            pbx.later(now_ms + gap_ms(pbx.seed, pbx.next_caller, pbx.callers_per_min), "arrive", "")
        pbx.taking_calls = taking

    def hurry(self, now_ms: int) -> None:
        """No more callers; those who are here hang up one after another, soon."""
        self.take_calls(False, now_ms)
        live = [call for call in self.pbx.calls.values() if _can_leave(call)]
        for number, call in enumerate(live):
            self.pbx.later(now_ms + HURRY_SPREAD_MS * (number + 1) // len(live), "leave", call.id)

    def close(self, now_ms: int) -> list[Fact]:
        """The end of the shift: agents who are in no call log off."""
        facts = self.advance(now_ms)
        for agent in self.pbx.agents.values():
            if agent.doing in {Doing.READY, Doing.NOT_READY, Doing.AFTER_CALL}:
                acd.log_off(self.pbx, agent, self.pbx.now_ms)
        return facts + self._handed_out()


def _can_leave(call: Call) -> bool:
    """A called party who has not answered cannot hang up: such a call ends at its ringing limit."""
    leg = call.legs.get(CALLER_LEG)
    return leg is not None and leg.standing not in {Standing.INITIATED, Standing.ALERTING}


def _seen_call(call: Call) -> dict[str, Any]:
    legs = [
        {"connection": leg.connection, "state": leg.standing.value, "device": leg.device}
        | ({"agent": leg.agent} if leg.agent else {})
        for leg in call.legs.values()
    ]
    seen = {
        "call": call.id,
        "openedAt": rfc3339(call.opened_ms),
        "direction": call.direction,
        "calling": call.calling,
        "called": call.called,
        "connections": legs,
    }
    return seen | ({"queue": call.queue} if call.in_queue else {})


def _seen_agent(agent: Agent) -> dict[str, Any]:
    state = Doing.READY if agent.doing is Doing.RINGING else agent.doing
    return {"agent": agent.id, "state": state.value, "device": agent.device, "queues": agent.queues}
