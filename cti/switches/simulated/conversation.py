"""The steps of an answered call, and how every call ends."""

from cti.switches.simulated import acd, people
from cti.switches.simulated.pbx import CALLER_LEG, Call, Doing, Leg, Pbx, Standing
from cti.switches.simulated.people import Step

NETWORK = "network"


def go_on(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The next step of the conversation."""
    serving = call.serving()
    if serving is None:
        return
    steps = people.caller(pbx.seed, call.number, pbx.habits).steps
    step = steps[min(call.step, len(steps) - 1)]
    call.step += 1
    if step.kind in {"customerLeaves", "agentLeaves", "drop"}:
        _end_as_planned(pbx, call, serving, step, at_ms)
    elif step.kind in {"blind", "attended"}:
        pbx.next_for(call, at_ms, f"transfer_{step.kind}")
    else:
        _begin(pbx, call, serving, step, at_ms)


def _begin(pbx: Pbx, call: Call, serving: Leg, step: Step, at_ms: int) -> None:
    following = {"talk": "go_on", "mute": "unmute", "customerHold": "customer_retrieve", "heldUntilGone": "leave"}
    if step.kind in {"hold", "heldUntilGone"}:
        hold(pbx, call, serving, at_ms)
    elif step.kind == "mute":
        call.muted = True
        pbx.tell(call, "muted", at_ms, {"connection": serving.connection, "device": serving.device})
    elif step.kind == "customerHold":
        pbx.tell(call, "held", at_ms, _hold_data(call.customer, serving.connection))
    pbx.next_for(call, at_ms + step.ms, following.get(step.kind, "retrieve_and_go_on"))


def hold(pbx: Pbx, call: Call, serving: Leg, at_ms: int) -> None:
    """The agent puts the caller on hold."""
    call.legs[CALLER_LEG].standing = Standing.HOLD
    pbx.tell(call, "held", at_ms, _hold_data(serving.device, CALLER_LEG))


def retrieve(pbx: Pbx, call: Call, serving: Leg, at_ms: int) -> None:
    call.legs[CALLER_LEG].standing = Standing.CONNECTED
    pbx.tell(call, "retrieved", at_ms, _hold_data(serving.device, CALLER_LEG))


def retrieve_and_go_on(pbx: Pbx, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        retrieve(pbx, call, serving, at_ms)
        go_on(pbx, call, at_ms)


def unmute(pbx: Pbx, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        call.muted = False
        pbx.tell(call, "unmuted", at_ms, {"connection": serving.connection, "device": serving.device})
        go_on(pbx, call, at_ms)


def customer_retrieve(pbx: Pbx, call: Call, at_ms: int) -> None:
    serving = call.serving()
    if serving is not None:
        pbx.tell(call, "retrieved", at_ms, _hold_data(call.customer, serving.connection))
        go_on(pbx, call, at_ms)


def _hold_data(holding_device: str, held: str) -> dict[str, str]:
    return {"holdingDevice": holding_device, "heldConnection": held, "connection": held}


# -- the end -----------------------------------------------------------------------------------------------------------


def _end_as_planned(pbx: Pbx, call: Call, serving: Leg, step: Step, at_ms: int) -> None:
    if step.kind == "agentLeaves":
        clear(pbx, call, at_ms, serving.connection, serving.device, reason=step.reason)
    elif step.kind == "drop":
        clear(pbx, call, at_ms, CALLER_LEG, NETWORK, cause="networkOutOfOrder", q850=38)
    else:
        leave(pbx, call, at_ms)


def leave(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The caller hangs up, whatever the call is about."""
    clear(pbx, call, at_ms, CALLER_LEG, call.customer)


def give_up(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The caller abandons, if he still waits."""
    if call.give_up_ms != at_ms or call.serving() is not None:
        return
    if call.order:
        clear(pbx, call, at_ms, CALLER_LEG, NETWORK)  # the switch ends the wait for an agent
    else:
        leave(pbx, call, at_ms)


def clear(
    pbx: Pbx,
    call: Call,
    at_ms: int,
    connection: str,
    releasing_device: str,
    *,
    reason: str = "",
    cause: str = "normalClearing",
    q850: int = 16,
    command_id: str = "",
) -> None:
    """One party hangs up and the call ends; its consultation ends too."""
    consultation = pbx.calls.get(call.consultation)
    if consultation is not None:
        end_consultation(pbx, consultation, at_ms)
    data: dict[str, object] = {
        "connection": connection,
        "releasingDevice": releasing_device,
        "cause": cause,
        "q850": q850,
    }
    if reason:
        data["releaseReason"] = reason
    pbx.tell(call, "connectionCleared", at_ms, data, command_id)
    close(pbx, call, at_ms, cause)


def end_consultation(pbx: Pbx, consultation: Call, at_ms: int) -> None:
    """The consulting agent hangs up the consultation call; the original call gets no event."""
    asking = next(iter(consultation.legs.values()))
    data = {"connection": asking.connection, "releasingDevice": asking.device, "cause": "normalClearing", "q850": 16}
    pbx.tell(consultation, "connectionCleared", at_ms, data)
    close(pbx, consultation, at_ms, "normalClearing")


def close(pbx: Pbx, call: Call, at_ms: int, cause: str) -> None:
    """The call ends: its agents start after-call work, its ringing device stops."""
    pbx.tell(call, "callCleared", at_ms, {"cause": cause})
    pbx.forget(call)
    ringing = call.ringing()
    if ringing is not None:
        acd.stop_ringing(pbx, call, ringing, at_ms)
    for leg in call.legs.values():
        release_agent(pbx, call, leg, at_ms)
    acd.distribute(pbx, at_ms)


def release_agent(pbx: Pbx, call: Call, leg: Leg, at_ms: int) -> None:
    """After-call work, unless the agent is still in the call he consulted about."""
    agent = pbx.agents.get(leg.agent)
    if agent is None or agent.doing is not Doing.TALKING:
        return
    elsewhere = pbx.calls.get(call.parent) or pbx.calls.get(call.consultation)
    if elsewhere is None or all(other.agent != agent.id for other in elsewhere.legs.values()):
        acd.work_after_call(pbx, agent, call, at_ms)
