"""Executes commands as a correct switch must: never twice, never late, never in another state than `if_state`."""

from collections.abc import Callable
from typing import Any, NamedTuple

from cti.switches.simulated import acd, conversation, outbound, people, transfers
from cti.switches.simulated.pbx import CALLER_LEG, Agent, Call, Doing, Leg, Pbx, Standing, read_time_ms, rfc3339

Command = dict[str, Any]

LEADER = "leader"
MESSAGE_MS = 4_000  # how long an announcement is
HERE = {Doing.READY, Doing.RINGING, Doing.TALKING, Doing.AFTER_CALL, Doing.NOT_READY}


SILENT, LOST = "", "lost"  # states of a verdict to a dial order: nothing is said; it never came


class Verdict(NamedTuple):
    """The answer: done, or refused with a reason of the contract's list; to snapshotCall, what is known.

    To a dial order also accepted, "" (nothing is said) or lost (it never came).
    """

    state: str
    reason: str | None = None
    answer: str | None = None
    cause: str | None = None
    q850: int | None = None
    tone: str | None = None
    ended_at: str | None = None


class CannotObeyError(Exception):
    """The command is refused; `reason` is one of the contract's list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def obey(pbx: Pbx, command: Command, at_ms: int, received_ms: int) -> Verdict:
    """Execute the command now, or refuse it with a reason. `received_ms`: when it arrived, by the same clock."""
    if command.get("command") in outbound.DIALS:
        if command["command"] not in pbx.outbound.commands:
            return Verdict("refused", "notSupported")
        return Verdict(*outbound.take(pbx, command, at_ms, expired=_expired(command, at_ms, received_ms)))
    if pbx.saw(str(command["id"])):
        return Verdict("refused", "duplicate")
    try:
        if _expired(command, at_ms, received_ms):
            raise CannotObeyError("expired")
        handler = HANDLERS.get(str(command.get("command")))
        if handler is None:
            raise CannotObeyError("notSupported")
        if command["command"] == "snapshotCall" and command.get("about") is not None:
            return _outcome(pbx, str(command["about"]), at_ms)
        return Verdict("done", answer=handler(pbx, command, at_ms))
    except CannotObeyError as refusal:
        return Verdict("refused", refusal.reason)


def _expired(command: Command, at_ms: int, received_ms: int) -> bool:
    """Whichever passes first: `expires_at`, or `valid_for_ms` after it arrived."""
    if "expires_at" in command and at_ms > read_time_ms(str(command["expires_at"])):
        return True
    valid_for_ms = command.get("valid_for_ms")
    return isinstance(valid_for_ms, int | float) and at_ms > received_ms + valid_for_ms


# -- what a command names ---------------------------------------------------------------------------------------------


def _call(pbx: Pbx, command: Command) -> Call:
    call = pbx.calls.get(str(command.get("subject")))
    if call is None:
        raise CannotObeyError("invalidConnectionState")
    return call


def _leg(call: Call, command: Command) -> Leg:
    """The leg named, in the command's `if_state`. An agent's mute counts as a hold of the caller."""
    leg = call.legs.get(str(command.get("connection") or CALLER_LEG))
    if leg is None:
        raise CannotObeyError("invalidConnectionState")
    wanted = command.get("if_state")
    standings = {leg.standing, Standing.HOLD} if call.muted else {leg.standing}
    if wanted is not None and wanted not in standings:
        raise CannotObeyError("invalidConnectionState")
    return leg


def _agent(pbx: Pbx, command: Command) -> Agent:
    agent = pbx.agents.get(str(command.get("agent")))
    if agent is None or agent.doing not in HERE:
        raise CannotObeyError("invalidConnectionState")
    return agent


def _require_other(pbx: Pbx, command: Command, queues: list[str], agent: str) -> None:
    """`if_other_ready`: another agent of one of these queues must be ready."""
    if not command.get("if_other_ready"):
        return
    if all(pbx.ready_agent(queue, not_agent=agent) is None for queue in queues):
        raise CannotObeyError("noOtherAgent")


# -- the commands -----------------------------------------------------------------------------------------------------


def _deflect(pbx: Pbx, command: Command, at_ms: int) -> None:
    call = _call(pbx, command)
    leg = _leg(call, command)
    if leg.standing is not Standing.ALERTING or not leg.agent:
        raise CannotObeyError("invalidConnectionState")
    if call.parent:
        raise CannotObeyError("notSupported")  # a call between two agents has no queue to go back to
    _require_other(pbx, command, [call.queue], leg.agent)
    acd.divert(pbx, call, leg, at_ms, "redirected", str(command["id"]))


def _play(pbx: Pbx, command: Command, at_ms: int) -> None:
    call = _call(pbx, command)
    _leg(call, command)
    if call.playing:
        raise CannotObeyError("busy")
    call.playing, call.playing_message = str(command["id"]), str(command.get("message") or "message")
    call.playing_until_ms = at_ms + MESSAGE_MS
    call.interrupt_on = [str(kind) for kind in command.get("interrupt_on") or ()]
    pbx.later(call.playing_until_ms, "played", call.id)


def _stop_playing(pbx: Pbx, command: Command, at_ms: int) -> None:
    call = _call(pbx, command)
    _leg(call, command)
    pbx.stop_playing(call, at_ms, completed=False)


def played(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The announcement ends, unless it was interrupted."""
    if call.playing_until_ms == at_ms:
        pbx.stop_playing(call, at_ms, completed=True)


def _prompt(pbx: Pbx, command: Command, _at_ms: int) -> None:
    """Shown at the desk; the shift leader's is always manned."""
    if command.get("agent") != LEADER:
        _agent(pbx, command)
    if command.get("if_state") is not None:
        _leg(_call(pbx, command), command)


def _set_agent_state(pbx: Pbx, command: Command, at_ms: int) -> None:
    agent, state = _agent(pbx, command), str(command.get("state"))
    if state == Doing.NOT_READY:
        _require_other(pbx, command, agent.queues, agent.id)
        _send_away(pbx, agent, command, at_ms)
    elif state == Doing.READY:
        if agent.doing in {Doing.NOT_READY, Doing.AFTER_CALL}:
            acd.get_ready(pbx, agent, at_ms)
    elif state == Doing.LOGGED_OFF and agent.doing not in {Doing.RINGING, Doing.TALKING}:
        acd.log_off(pbx, agent, at_ms)
    else:
        raise CannotObeyError("invalidConnectionState" if state == Doing.LOGGED_OFF else "notSupported")


def _send_away(pbx: Pbx, agent: Agent, command: Command, at_ms: int) -> None:
    """At once, or when the agent is free: no call is interrupted."""
    reason = str(command.get("reason") or "ordered")
    away_ms = people.away_ms(pbx.seed, str(command["id"]), pbx.habits)
    if agent.doing in {Doing.RINGING, Doing.TALKING}:
        agent.away_next, agent.away_for_ms = reason, away_ms
    elif agent.doing is not Doing.NOT_READY:
        acd.go_away(pbx, agent, at_ms, reason, away_ms, str(command["id"]))


def _clear(pbx: Pbx, command: Command, at_ms: int) -> None:
    call = _call(pbx, command)
    leg = _leg(call, command)
    serving = call.serving()
    device = serving.device if serving else conversation.NETWORK
    reason = str(command.get("reason") or "")
    conversation.clear(pbx, call, at_ms, leg.connection, device, reason=reason, command_id=str(command["id"]))


def _transfer(pbx: Pbx, command: Command, at_ms: int) -> None:
    call = _call(pbx, command)
    _leg(call, command)
    serving = call.serving()
    if serving is None or call.parent or call.consultation:
        raise CannotObeyError("invalidConnectionState")
    to, reason, command_id = str(command.get("to")), str(command.get("reason") or "transfer"), str(command["id"])
    agent = next((agent for agent in pbx.agents.values() if to in {agent.id, agent.device}), None)
    if agent is None:
        transfers.hand_to_machine(pbx, call, serving, at_ms, to, reason, command_id)
    elif agent.doing is Doing.READY:
        transfers.hand_to_agent(pbx, call, serving, agent, at_ms, reason, command_id)
    else:
        raise CannotObeyError("busy")


def _set_ring_timeout(pbx: Pbx, command: Command, at_ms: int) -> None:
    """From now on the switch itself deflects this offer at the limit."""
    call = _call(pbx, command)
    leg = _leg(call, command)
    if leg.standing is not Standing.ALERTING:
        raise CannotObeyError("invalidConnectionState")
    limit_ms = leg.since_ms + int(float(command.get("seconds") or 0) * 1000)
    pbx.later(max(at_ms, limit_ms), "ring_out", call.id, call.turn)


def _snapshot(pbx: Pbx, command: Command, _at_ms: int) -> str:
    """What became of a call."""
    subject = str(command.get("subject"))
    if subject in pbx.calls:
        return "live"
    return "ended" if subject in pbx.ended else "never_seen"


def _outcome(pbx: Pbx, about: str, at_ms: int) -> Verdict:
    """What became of a command: of a dial order all that is remembered."""
    if about in pbx.seen:
        return Verdict("done", answer="ended")
    try:
        order = outbound.ask(pbx, about, at_ms)
    except LookupError:
        return Verdict("refused", "notSupported")
    if order is None:
        return Verdict("done", answer="never_seen")
    if order.state == "silent":
        return Verdict("")
    if order.state != "ended":
        return Verdict("done", answer="live")
    ended_at = None if order.ended_ms is None else rfc3339(order.ended_ms)
    return Verdict("done", None, "ended", order.cause, order.q850, order.tone, ended_at)


HANDLERS: dict[str, Callable[[Pbx, Command, int], str | None]] = {
    "deflectCall": _deflect,
    "playMessage": _play,
    "stopMessage": _stop_playing,
    "promptAgent": _prompt,
    "setAgentState": _set_agent_state,
    "clearConnection": _clear,
    "singleStepTransferCall": _transfer,
    "setRingTimeout": _set_ring_timeout,
    "snapshotCall": _snapshot,
}
