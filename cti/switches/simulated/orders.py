"""Obeying commands as a good switch must: never twice, never late, never in a state they were not meant for."""

from collections.abc import Callable
from typing import Any, NamedTuple

from cti.switches.simulated import conversation, floor, people, transfers
from cti.switches.simulated.plant import CALLER_LEG, Agent, Call, Doing, Leg, Plant, Standing, read_time_ms

Order = dict[str, Any]

LEADER = "leader"
MESSAGE_MS = 4_000  # how long an announcement is
HERE = {Doing.READY, Doing.RINGING, Doing.TALKING, Doing.AFTER_CALL, Doing.NOT_READY}


class Verdict(NamedTuple):
    """The answer: done, or refused with a reason of the contract's list; to snapshotCall, what is known."""

    state: str
    reason: str | None = None
    answer: str | None = None


class CannotObeyError(Exception):
    """The order is refused; `reason` is one of the contract's list."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def obey(plant: Plant, order: Order, at_ms: int, received_ms: int) -> Verdict:
    """Do what the order says, now, or say why not. `received_ms`: when it came in, by the same clock."""
    if plant.saw(str(order["id"])):
        return Verdict("refused", "duplicate")
    try:
        if _expired(order, at_ms, received_ms):
            raise CannotObeyError("expired")
        handler = HANDLERS.get(str(order.get("command")))
        if handler is None:
            raise CannotObeyError("notSupported")
        return Verdict("done", answer=handler(plant, order, at_ms))
    except CannotObeyError as refusal:
        return Verdict("refused", refusal.reason)


def _expired(order: Order, at_ms: int, received_ms: int) -> bool:
    """Whichever passes first: the time named, or the time it was good for when it was sent."""
    if "expires_at" in order and at_ms > read_time_ms(str(order["expires_at"])):
        return True
    valid_for_ms = order.get("valid_for_ms")
    return isinstance(valid_for_ms, int | float) and at_ms > received_ms + valid_for_ms


# -- what an order speaks of -------------------------------------------------------------------------------------------


def _call(plant: Plant, order: Order) -> Call:
    call = plant.calls.get(str(order.get("subject")))
    if call is None:
        raise CannotObeyError("invalidConnectionState")
    return call


def _leg(call: Call, order: Order) -> Leg:
    """The leg named, in the state the order was meant for. A muted agent holds his caller as well as a hold does."""
    leg = call.legs.get(str(order.get("connection") or CALLER_LEG))
    if leg is None:
        raise CannotObeyError("invalidConnectionState")
    wanted = order.get("if_state")
    standings = {leg.standing, Standing.HOLD} if call.muted else {leg.standing}
    if wanted is not None and wanted not in standings:
        raise CannotObeyError("invalidConnectionState")
    return leg


def _agent(plant: Plant, order: Order) -> Agent:
    agent = plant.agents.get(str(order.get("agent")))
    if agent is None or agent.doing not in HERE:
        raise CannotObeyError("invalidConnectionState")
    return agent


def _require_other(plant: Plant, order: Order, queues: list[str], agent: str) -> None:
    """Nobody is left without anybody: somebody else of one of these queues must be ready."""
    if not order.get("if_other_ready"):
        return
    if all(plant.ready_agent(queue, not_agent=agent) is None for queue in queues):
        raise CannotObeyError("noOtherAgent")


# -- the orders --------------------------------------------------------------------------------------------------------


def _deflect(plant: Plant, order: Order, at_ms: int) -> None:
    call = _call(plant, order)
    leg = _leg(call, order)
    if leg.standing is not Standing.ALERTING:
        raise CannotObeyError("invalidConnectionState")
    if call.parent:
        raise CannotObeyError("notSupported")  # a call between two agents has no queue to go back to
    _require_other(plant, order, [call.queue], leg.agent)
    floor.divert(plant, call, leg, at_ms, "redirected", str(order["id"]))


def _play(plant: Plant, order: Order, at_ms: int) -> None:
    call = _call(plant, order)
    _leg(call, order)
    if call.playing:
        raise CannotObeyError("busy")
    call.playing, call.playing_message = str(order["id"]), str(order.get("message") or "message")
    call.playing_until_ms = at_ms + MESSAGE_MS
    call.interrupt_on = [str(kind) for kind in order.get("interrupt_on") or ()]
    plant.later(call.playing_until_ms, "played", call.id)


def _stop_playing(plant: Plant, order: Order, at_ms: int) -> None:
    call = _call(plant, order)
    _leg(call, order)
    plant.stop_playing(call, at_ms, completed=False)


def played(plant: Plant, call: Call, at_ms: int) -> None:
    """The announcement has come to its end, if nothing broke it off."""
    if call.playing_until_ms == at_ms:
        plant.stop_playing(call, at_ms, completed=True)


def _prompt(plant: Plant, order: Order, _at_ms: int) -> None:
    """Shown at the desk; the shift leader's is always manned."""
    if order.get("agent") != LEADER:
        _agent(plant, order)
    if order.get("if_state") is not None:
        _leg(_call(plant, order), order)


def _set_agent_state(plant: Plant, order: Order, at_ms: int) -> None:
    agent, state = _agent(plant, order), str(order.get("state"))
    if state == Doing.NOT_READY:
        _require_other(plant, order, agent.queues, agent.id)
        _send_away(plant, agent, order, at_ms)
    elif state == Doing.READY:
        if agent.doing in {Doing.NOT_READY, Doing.AFTER_CALL}:
            floor.get_ready(plant, agent, at_ms)
    elif state == Doing.LOGGED_OFF and agent.doing not in {Doing.RINGING, Doing.TALKING}:
        floor.log_off(plant, agent, at_ms)
    else:
        raise CannotObeyError("invalidConnectionState" if state == Doing.LOGGED_OFF else "notSupported")


def _send_away(plant: Plant, agent: Agent, order: Order, at_ms: int) -> None:
    """At once, or as soon as he is free: nobody is torn from a call."""
    reason = str(order.get("reason") or "ordered")
    away_ms = people.away_ms(plant.seed, str(order["id"]), plant.habits)
    if agent.doing in {Doing.RINGING, Doing.TALKING}:
        agent.away_next, agent.away_for_ms = reason, away_ms
    elif agent.doing is not Doing.NOT_READY:
        floor.go_away(plant, agent, at_ms, reason, away_ms, str(order["id"]))


def _clear(plant: Plant, order: Order, at_ms: int) -> None:
    call = _call(plant, order)
    leg = _leg(call, order)
    serving = call.serving()
    device = serving.device if serving else conversation.NETWORK
    reason = str(order.get("reason") or "")
    conversation.clear(plant, call, at_ms, leg.connection, device, reason=reason, command=str(order["id"]))


def _transfer(plant: Plant, order: Order, at_ms: int) -> None:
    call = _call(plant, order)
    _leg(call, order)
    serving = call.serving()
    if serving is None or call.parent or call.consultation:
        raise CannotObeyError("invalidConnectionState")
    to, reason, command = str(order.get("to")), str(order.get("reason") or "transfer"), str(order["id"])
    agent = next((agent for agent in plant.agents.values() if to in {agent.id, agent.device}), None)
    if agent is None:
        transfers.hand_to_machine(plant, call, serving, at_ms, to, reason, command)
    elif agent.doing is Doing.READY:
        transfers.hand_to_agent(plant, call, serving, agent, at_ms, reason, command)
    else:
        raise CannotObeyError("busy")


def _set_ring_timeout(plant: Plant, order: Order, at_ms: int) -> None:
    """From now on the switch itself takes this call away at the limit."""
    call = _call(plant, order)
    leg = _leg(call, order)
    if leg.standing is not Standing.ALERTING:
        raise CannotObeyError("invalidConnectionState")
    limit_ms = leg.since_ms + int(float(order.get("seconds") or 0) * 1000)
    plant.later(max(at_ms, limit_ms), "ring_out", call.id, call.turn)


def _snapshot(plant: Plant, order: Order, _at_ms: int) -> str:
    """What became of a call, or of a command (`about`)."""
    about = order.get("about")
    if about is not None:
        return "ended" if str(about) in plant.seen else "never_seen"
    subject = str(order.get("subject"))
    if subject in plant.calls:
        return "live"
    return "ended" if subject in plant.ended else "never_seen"


HANDLERS: dict[str, Callable[[Plant, Order, int], str | None]] = {
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
