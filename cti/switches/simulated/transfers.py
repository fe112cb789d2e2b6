"""Handing a caller over: blind, or after a consultation, which is a second call linked to the first.

The first call stays the caller's in both cases (`resultingCall`), with new legs; the consultation ends in the transfer.
"""

from cti.switches.simulated import conversation, floor, people
from cti.switches.simulated.plant import CALLER_LEG, Agent, Call, Leg, Plant, Standing

CONSULTATION_RINGS_MS = 8_000  # then the agent takes his caller back
BLIND_PATIENCE_MS = 40_000  # the caller's, while he rings at the second agent's
AFTERWARDS_MS = 5_000  # what a caller who was handed to a machine stays there


def _target(plant: Plant, call: Call, serving: Leg) -> Agent | None:
    return plant.ready_agent(call.queue, serving.device)


def blind(plant: Plant, call: Call, at_ms: int) -> None:
    """Without a word to the other agent; he may not even answer. With nobody ready the agent goes on himself."""
    serving = call.serving()
    target = _target(plant, call, serving) if serving else None
    if serving is None or target is None:
        conversation.go_on(plant, call, at_ms)
        return
    hand_to_agent(plant, call, serving, target, at_ms, reason="transfer")


def hand_to_agent(
    plant: Plant, call: Call, serving: Leg, target: Agent, at_ms: int, reason: str, command: str = ""
) -> None:
    """The caller now rings at the target's telephone; the first agent is rid of him."""
    leave_serving(plant, call, serving, at_ms, to=target.device, reason=reason, command=command)
    floor.bear_ms(plant, call, at_ms, BLIND_PATIENCE_MS)
    floor.ring(plant, call, target, at_ms)


def leave_serving(plant: Plant, call: Call, serving: Leg, at_ms: int, to: str, reason: str, command: str = "") -> None:
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
    plant.tell(call, "transferred", at_ms, data, command)
    del call.legs[serving.connection]
    call.muted = False
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    conversation.release_agent(plant, call, serving, at_ms)


def attended(plant: Plant, call: Call, at_ms: int) -> None:
    """Hold the caller and ring the other agent in a call of its own."""
    serving = call.serving()
    target = _target(plant, call, serving) if serving else None
    if serving is None or target is None:
        conversation.go_on(plant, call, at_ms)
        return
    conversation.hold(plant, call, serving, at_ms)
    call.turn += 1
    consultation = Call(
        f"{call.id}-x{call.step}", call.number, "internal", serving.device, target.device, at_ms, parent=call.id
    )
    asking = Leg(f"x-{serving.agent}", serving.device, Standing.CONNECTED, serving.agent)
    consultation.legs[asking.connection] = asking
    plant.calls[consultation.id] = consultation
    call.consultation = consultation.id
    opening = {
        "connection": asking.connection,
        "calling": serving.device,
        "called": target.device,
        "direction": "internal",
    }
    plant.tell(consultation, "originated", at_ms, opening)
    floor.ring(plant, consultation, target, at_ms)
    plant.later(at_ms + CONSULTATION_RINGS_MS, "consultation_unanswered", consultation.id)


def unanswered(plant: Plant, consultation: Call, at_ms: int) -> None:
    if consultation.ringing() is not None:
        failed(plant, consultation, at_ms)


def failed(plant: Plant, consultation: Call, at_ms: int) -> None:
    """Nobody there: the agent takes his caller back."""
    call = plant.calls[consultation.parent]
    conversation.end_consultation(plant, consultation, at_ms)
    call.consultation = ""
    conversation.retrieve_and_go_on(plant, call, at_ms)


def consult(plant: Plant, consultation: Call, at_ms: int) -> None:
    """The two agents speak for a while."""
    length_ms = people.consultation_ms(plant.seed, consultation.id, plant.habits)
    plant.next_for(consultation, at_ms + length_ms, "complete_transfer")


def complete(plant: Plant, consultation: Call, at_ms: int) -> None:
    """Caller and second agent are put together in the caller's call; `transferred` goes out under both."""
    call = plant.calls[consultation.parent]
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
    plant.tell(call, "transferred", at_ms, data)
    plant.tell(consultation, "transferred", at_ms, {**data, "connection": asked.connection})
    del call.legs[serving.connection]
    call.legs[moved.connection] = moved
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    call.consultation = ""
    conversation.close(plant, consultation, at_ms, "transfer")
    plant.next_for(call, at_ms, "go_on")


def hand_to_machine(plant: Plant, call: Call, serving: Leg, at_ms: int, to: str, reason: str, command: str) -> None:
    """To a survey or another number: the switch hears no more of him than that he hangs up."""
    leave_serving(plant, call, serving, at_ms, to=to, reason=reason, command=command)
    call.turn += 1
    plant.later(at_ms + AFTERWARDS_MS, "leave", call.id, call.turn)
