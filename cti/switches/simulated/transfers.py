"""Transfers of a caller: blind, or after a consultation, which is a second call linked to the first.

The first call stays the caller's in both cases (`resultingCall`), with new legs; the consultation ends in the transfer.
"""

from cti.switches.simulated import acd, conversation, people
from cti.switches.simulated.pbx import CALLER_LEG, Agent, Call, Leg, Pbx, Standing

CONSULTATION_RINGS_MS = 8_000  # then the agent takes his caller back
BLIND_PATIENCE_MS = 40_000  # the caller's, while he rings at the second agent's
AFTERWARDS_MS = 5_000  # what a caller who was handed to a machine stays there


def _target(pbx: Pbx, call: Call, serving: Leg) -> Agent | None:
    return pbx.ready_agent(call.queue, serving.device)


def blind(pbx: Pbx, call: Call, at_ms: int) -> None:
    """Transfer without asking the other agent, who may not answer. If no agent is ready, the first one goes on."""
    serving = call.serving()
    target = _target(pbx, call, serving) if serving else None
    if serving is None or target is None:
        conversation.go_on(pbx, call, at_ms)
        return
    hand_to_agent(pbx, call, serving, target, at_ms, reason="transfer")


def hand_to_agent(
    pbx: Pbx, call: Call, serving: Leg, target: Agent, at_ms: int, reason: str, command_id: str = ""
) -> None:
    """The caller now rings at the target's telephone; the first agent is rid of him."""
    leave_serving(pbx, call, serving, at_ms, to=target.device, reason=reason, command_id=command_id)
    acd.bear_ms(pbx, call, at_ms, BLIND_PATIENCE_MS)
    acd.ring(pbx, call, target, at_ms)


def leave_serving(pbx: Pbx, call: Call, serving: Leg, at_ms: int, to: str, reason: str, command_id: str = "") -> None:
    """The first agent is out of the call; the caller stays in it."""
    data = {
        "connection": CALLER_LEG,
        "primaryOldCall": call.id,
        "resultingCall": call.id,
        "connections": {CALLER_LEG: CALLER_LEG},
        "blind": True,
        "reason": reason,
        "to": to,
    }
    pbx.tell(call, "transferred", at_ms, data, command_id)
    del call.legs[serving.connection]
    call.muted = False
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    conversation.release_agent(pbx, call, serving, at_ms)


def attended(pbx: Pbx, call: Call, at_ms: int) -> None:
    """Hold the caller and ring the other agent in a call of its own."""
    serving = call.serving()
    target = _target(pbx, call, serving) if serving else None
    if serving is None or target is None:
        conversation.go_on(pbx, call, at_ms)
        return
    conversation.hold(pbx, call, serving, at_ms)
    call.turn += 1
    consultation = Call(
        f"{call.id}-x{call.step}", call.number, "internal", serving.device, target.device, at_ms, parent=call.id
    )
    asking = Leg(f"x-{serving.agent}", serving.device, Standing.CONNECTED, serving.agent)
    consultation.legs[asking.connection] = asking
    pbx.calls[consultation.id] = consultation
    call.consultation = consultation.id
    opening = {
        "connection": asking.connection,
        "calling": serving.device,
        "called": target.device,
        "direction": "internal",
    }
    pbx.tell(consultation, "originated", at_ms, opening)
    acd.ring(pbx, consultation, target, at_ms)
    pbx.later(at_ms + CONSULTATION_RINGS_MS, "consultation_unanswered", consultation.id)


def unanswered(pbx: Pbx, consultation: Call, at_ms: int) -> None:
    if consultation.ringing() is not None:
        failed(pbx, consultation, at_ms)


def failed(pbx: Pbx, consultation: Call, at_ms: int) -> None:
    """The other agent does not answer: the first one takes the caller back."""
    call = pbx.calls[consultation.parent]
    conversation.end_consultation(pbx, consultation, at_ms)
    call.consultation = ""
    conversation.retrieve_and_go_on(pbx, call, at_ms)


def consult(pbx: Pbx, consultation: Call, at_ms: int) -> None:
    """The two agents speak for a while."""
    length_ms = people.consultation_ms(pbx.seed, consultation.id, pbx.habits)
    pbx.next_for(consultation, at_ms + length_ms, "complete_transfer")


def complete(pbx: Pbx, consultation: Call, at_ms: int) -> None:
    """Caller and second agent are put together in the caller's call; `transferred` goes out under both."""
    call = pbx.calls[consultation.parent]
    serving = call.serving()
    asked = next(leg for leg in consultation.legs.values() if leg.agent and leg.device == consultation.called)
    if serving is None:
        raise AssertionError("a consultation without an agent who asked")
    call.offers += 1
    moved = Leg(f"a{call.offers}-{asked.agent}", asked.device, Standing.CONNECTED, asked.agent)
    data = {
        "connection": CALLER_LEG,
        "primaryOldCall": call.id,
        "secondaryOldCall": consultation.id,
        "resultingCall": call.id,
        "connections": {CALLER_LEG: CALLER_LEG, asked.connection: moved.connection},
        "blind": False,
        "reason": "transfer",
        "to": asked.device,
    }
    pbx.tell(call, "transferred", at_ms, data)
    pbx.tell(consultation, "transferred", at_ms, {**data, "connection": asked.connection})
    del call.legs[serving.connection]
    call.legs[moved.connection] = moved
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    call.consultation = ""
    conversation.close(pbx, consultation, at_ms, "transfer")
    pbx.next_for(call, at_ms, "go_on")


def hand_to_machine(pbx: Pbx, call: Call, serving: Leg, at_ms: int, to: str, reason: str, command_id: str) -> None:
    """Transfer to a survey or another number: the switch only learns when the caller hangs up."""
    leave_serving(pbx, call, serving, at_ms, to=to, reason=reason, command_id=command_id)
    call.turn += 1
    pbx.later(at_ms + AFTERWARDS_MS, "leave", call.id, call.turn)
