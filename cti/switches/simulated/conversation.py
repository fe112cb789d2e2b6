"""What happens in an answered call, step by step, and how any call ends."""

from cti.switches.simulated import floor, people
from cti.switches.simulated.people import Step
from cti.switches.simulated.plant import CALLER_LEG, Call, Doing, Leg, Plant, Standing

NETWORK = "network"


def go_on(plant: Plant, call: Call, at_ms: int) -> None:
    """The next step of the conversation."""
    serving = call.serving()
    if serving is None:
        return
    steps = people.caller(plant.seed, call.number, plant.habits).steps
    step = steps[min(call.step, len(steps) - 1)]
    call.step += 1
    if step.kind in {"customerLeaves", "agentLeaves", "drop"}:
        _end_as_planned(plant, call, serving, step, at_ms)
    elif step.kind in {"blind", "attended"}:
        plant.next_for(call, at_ms, f"transfer_{step.kind}")
    else:
        _begin(plant, call, serving, step, at_ms)


def _begin(plant: Plant, call: Call, serving: Leg, step: Step, at_ms: int) -> None:
    following = {"talk": "go_on", "mute": "unmute", "customerHold": "customer_retrieve", "heldUntilGone": "leave"}
    if step.kind in {"hold", "heldUntilGone"}:
        hold(plant, call, serving, at_ms)
    elif step.kind == "mute":
        call.muted = True
        plant.tell(call, "muted", at_ms, {"connection": serving.connection, "device": serving.device})
    elif step.kind == "customerHold":
        plant.tell(call, "held", at_ms, _hold_data(call.calling, serving.connection))
    plant.next_for(call, at_ms + step.ms, following.get(step.kind, "retrieve_and_go_on"))


def hold(plant: Plant, call: Call, serving: Leg, at_ms: int) -> None:
    """The agent puts the caller on hold."""
    call.legs[CALLER_LEG].standing = Standing.HOLD
    plant.tell(call, "held", at_ms, _hold_data(serving.device, CALLER_LEG))


def retrieve(plant: Plant, call: Call, serving: Leg, at_ms: int) -> None:
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    plant.tell(call, "retrieved", at_ms, _hold_data(serving.device, CALLER_LEG))


def retrieve_and_go_on(plant: Plant, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        retrieve(plant, call, serving, at_ms)
        go_on(plant, call, at_ms)


def unmute(plant: Plant, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        call.muted = False
        plant.tell(call, "unmuted", at_ms, {"connection": serving.connection, "device": serving.device})
        go_on(plant, call, at_ms)


def customer_retrieve(plant: Plant, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        plant.tell(call, "retrieved", at_ms, _hold_data(call.calling, serving.connection))
        go_on(plant, call, at_ms)


def _hold_data(holding_device: str, held: str) -> dict[str, str]:
    return {"holdingDevice": holding_device, "heldConnection": held, "connection": held}


# -- the end -----------------------------------------------------------------------------------------------------------


def _end_as_planned(plant: Plant, call: Call, serving: Leg, step: Step, at_ms: int) -> None:
    if step.kind == "agentLeaves":
        clear(plant, call, at_ms, serving.connection, serving.device, reason=step.reason)
    elif step.kind == "drop":
        clear(plant, call, at_ms, CALLER_LEG, NETWORK, cause="networkOutOfOrder", q850=38)
    else:
        leave(plant, call, at_ms)


def leave(plant: Plant, call: Call, at_ms: int) -> None:
    """The caller hangs up, whatever the call is about."""
    clear(plant, call, at_ms, CALLER_LEG, call.calling)


def give_up(plant: Plant, call: Call, at_ms: int) -> None:
    """His patience is over, if he still waits with the patience that was meant."""
    if call.give_up_ms == at_ms and call.serving() is None:
        leave(plant, call, at_ms)


def clear(
    plant: Plant,
    call: Call,
    at_ms: int,
    connection: str,
    releasing_device: str,
    *,
    reason: str = "",
    cause: str = "normalClearing",
    q850: int = 16,
    command: str = "",
) -> None:
    """One hangs up and the call is over; a consultation about it ends with it."""
    consultation = plant.calls.get(call.consultation)
    if consultation is not None:
        end_consultation(plant, consultation, at_ms)
    data: dict[str, object] = {
        "connection": connection,
        "releasingDevice": releasing_device,
        "cause": cause,
        "q850": q850,
    }
    if reason:
        data["releaseReason"] = reason
    plant.tell(call, "connectionCleared", at_ms, data, command)
    close(plant, call, at_ms, cause)


def end_consultation(plant: Plant, consultation: Call, at_ms: int) -> None:
    """The agent who asked hangs up there; in the call itself nothing is said of it."""
    asking = next(iter(consultation.legs.values()))
    data = {"connection": asking.connection, "releasingDevice": asking.device, "cause": "normalClearing", "q850": 16}
    plant.tell(consultation, "connectionCleared", at_ms, data)
    close(plant, consultation, at_ms, "normalClearing")


def close(plant: Plant, call: Call, at_ms: int, cause: str) -> None:
    """The call is gone: its agents write it up, its ringing telephone falls silent."""
    plant.tell(call, "callCleared", at_ms, {"cause": cause})
    plant.forget(call)
    ringing = call.ringing()
    if ringing is not None:
        floor.stop_ringing(plant, call, ringing, at_ms)
    for leg in call.legs.values():
        release_agent(plant, call, leg, at_ms)
    floor.distribute(plant, at_ms)


def release_agent(plant: Plant, call: Call, leg: Leg, at_ms: int) -> None:
    """He writes the call up, unless he is in another one as well (the call that his consultation was about)."""
    agent = plant.agents.get(leg.agent)
    if agent is None or agent.doing is not Doing.TALKING:
        return
    elsewhere = plant.calls.get(call.parent) or plant.calls.get(call.consultation)
    if elsewhere is None or all(other.agent != agent.id for other in elsewhere.legs.values()):
        floor.work_after_call(plant, agent, call, at_ms)
