"""Automatic call distribution: queues, offers to agents, how an offer ends, and agent states between calls."""

from cti.switches.simulated import people
from cti.switches.simulated.pbx import CALLER_LEG, Agent, Call, Doing, Leg, Pbx, Standing

HOTLINE = "95598"
TRUNKS = 4
RETURN_QUEUE = "queueHead"
NOT_AGAIN_MS = 10_000  # for so long a call does not ring again where it was not answered, even if all others are busy


def arrive(pbx: Pbx, at_ms: int) -> None:
    """The next caller arrives; schedule the one after."""
    if not pbx.taking_calls:
        return
    number = pbx.next_caller
    pbx.next_caller += 1
    pbx.later(at_ms + people.gap_ms(pbx.seed, pbx.next_caller, pbx.callers_per_min), "arrive", "")
    caller = people.caller(pbx.seed, number, pbx.habits)
    call = Call(f"{pbx.run}-c{number}", number, "inbound", caller.calling, HOTLINE, at_ms, queue=caller.queue)
    call.legs[CALLER_LEG] = Leg(CALLER_LEG, caller.calling, Standing.CONNECTED)
    pbx.calls[call.id] = call
    opening = {
        "connection": CALLER_LEG,
        "calling": call.calling,
        "called": call.called,
        "direction": call.direction,
        "trunk": f"trunk-{number % TRUNKS + 1}",
        "language": caller.language,
        "vip": caller.vip,
    }
    pbx.tell(call, "offered", at_ms, opening)
    pbx.next_for(call, at_ms + caller.menu_ms, "join_queue")


def join_queue(pbx: Pbx, call: Call, at_ms: int) -> None:
    """From the menu to the end of the queue."""
    caller = people.caller(pbx.seed, call.number, pbx.habits)
    pbx.waiting.append(call.id)
    tell_queued(pbx, call, at_ms)
    bear_ms(pbx, call, at_ms, caller.patience_ms)
    distribute(pbx, at_ms)


def back_to_head(pbx: Pbx, call: Call, at_ms: int) -> None:
    """An offer ended unanswered: the caller goes back to the head, excluding the device just tried."""
    pbx.waiting.insert(0, call.id)
    if not call.in_queue:
        tell_queued(pbx, call, at_ms)
    pbx.later(at_ms + NOT_AGAIN_MS, "try_anybody", call.id)
    distribute(pbx, at_ms)


def try_anybody(pbx: Pbx, call: Call, at_ms: int) -> None:
    """No other agent became ready: the excluded device may ring again."""
    if call.id in pbx.waiting:
        call.not_to = ""
        distribute(pbx, at_ms)


def bear_ms(pbx: Pbx, call: Call, at_ms: int, patience_ms: int) -> None:
    """Schedule the caller's giving up, unless somebody answers first."""
    call.give_up_ms = at_ms + patience_ms
    pbx.later(call.give_up_ms, "give_up", call.id)


def tell_queued(pbx: Pbx, call: Call, at_ms: int) -> None:
    ahead = [pbx.calls[other].queue for other in pbx.waiting[: pbx.waiting.index(call.id)]].count(call.queue)
    call.in_queue = True
    call.legs[CALLER_LEG].standing = Standing.QUEUED
    pbx.tell(call, "queued", at_ms, {"connection": CALLER_LEG, "queue": call.queue, "position": ahead + 1})


def distribute(pbx: Pbx, at_ms: int) -> None:
    """Match waiting callers, in order, with the agents idle longest."""
    for call_id in list(pbx.waiting):
        call = pbx.calls[call_id]
        agent = pbx.ready_agent(call.queue, call.not_to)
        if agent is not None:
            pbx.waiting.remove(call_id)
            ring(pbx, call, agent, at_ms, queue=call.queue)


def ring(pbx: Pbx, call: Call, agent: Agent, at_ms: int, queue: str = "") -> Leg:
    """The agent's device rings; his reaction is drawn here."""
    call.offers += 1
    connection = f"{'b' if call.parent else 'a'}{call.offers}-{agent.id}"
    leg = Leg(connection, agent.device, Standing.ALERTING, agent.id, at_ms)
    call.legs[leg.connection] = leg
    agent.doing = Doing.RINGING
    data: dict[str, object] = {"connection": leg.connection, "device": agent.device, "agent": agent.id}
    if queue:
        data["queue"] = queue
    data["ring_timeout_s"] = pbx.ring_timeout_ms / 1000
    pbx.tell(call, "delivered", at_ms, data)
    reaction = people.reaction(pbx.seed, call.id, call.offers, pbx.habits)
    if reaction.kind == "ignore" or reaction.after_ms >= pbx.ring_timeout_ms:
        pbx.next_for(call, at_ms + pbx.ring_timeout_ms, "ring_out")
    else:
        pbx.next_for(call, at_ms + reaction.after_ms, reaction.kind)
    return leg


def stop_ringing(pbx: Pbx, call: Call, leg: Leg, at_ms: int) -> None:
    """The device stops ringing; the agent returns to his state, unless he is due to go NotReady."""
    del call.legs[leg.connection]
    call.turn += 1
    call.not_to = leg.device
    agent = pbx.agents[leg.agent]
    if agent.away_next:
        go_away(pbx, agent, at_ms, agent.away_next, agent.away_for_ms)
    else:
        agent.doing = Doing.READY


def divert(pbx: Pbx, call: Call, leg: Leg, at_ms: int, cause: str, command_id: str = "") -> None:
    """Divert the call from the device to the head of its queue."""
    data = {
        "connection": leg.connection,
        "agent": leg.agent,
        "device": leg.device,
        "to": RETURN_QUEUE,
        "cause": cause,
    }
    pbx.tell(call, "diverted", at_ms, data, command_id)
    stop_ringing(pbx, call, leg, at_ms)
    back_to_head(pbx, call, at_ms)


def ring_out(pbx: Pbx, call: Call, at_ms: int) -> None:
    leg = call.ringing()
    if leg is not None:
        divert(pbx, call, leg, at_ms, "callNotAnswered")


def reject(pbx: Pbx, call: Call, at_ms: int) -> None:
    leg = call.ringing()
    if leg is None:
        return
    data = {"connection": leg.connection, "device": leg.device, "agent": leg.agent, "cause": "callRejected"}
    pbx.tell(call, "failed", at_ms, data)
    stop_ringing(pbx, call, leg, at_ms)
    if call.parent:
        pbx.next_for(call, at_ms, "consultation_failed")
        return
    back_to_head(pbx, call, at_ms)


def answer(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The conversation begins, or goes on with another agent."""
    leg = call.ringing()
    if leg is None:
        return
    leg.standing = Standing.CONNECTED
    call.in_queue, call.not_to, call.give_up_ms = False, "", 0
    if CALLER_LEG in call.legs:
        call.legs[CALLER_LEG].standing = Standing.CONNECTED
    agent = pbx.agents[leg.agent]
    agent.doing = Doing.TALKING
    data = {"connection": leg.connection, "device": leg.device, "agent": leg.agent, "answering": leg.device}
    pbx.tell(call, "established", at_ms, data)
    pbx.emit("agent.agentBusy", agent.id, at_ms, {"device": agent.device, "call": call.id})
    pbx.next_for(call, at_ms, "consult" if call.parent else "go_on")


# -- agents between calls ----------------------------------------------------------------------------------------------


def log_on(pbx: Pbx, agent: Agent, at_ms: int) -> None:
    pbx.emit("agent.agentLoggedOn", agent.id, at_ms, {"device": agent.device, "queues": agent.queues})
    get_ready(pbx, agent, at_ms)


def log_off(pbx: Pbx, agent: Agent, at_ms: int) -> None:
    agent.doing = Doing.LOGGED_OFF
    agent.turn += 1
    pbx.emit("agent.agentLoggedOff", agent.id, at_ms, {"device": agent.device})


def get_ready(pbx: Pbx, agent: Agent, at_ms: int) -> None:
    agent.doing, agent.since_ms = Doing.READY, at_ms
    agent.turn += 1
    pbx.emit("agent.agentReady", agent.id, at_ms, {"device": agent.device})
    distribute(pbx, at_ms)


def go_away(pbx: Pbx, agent: Agent, at_ms: int, reason: str, for_ms: int, command_id: str = "") -> None:
    """NotReady for a while; an agent who is ringing or in a call goes afterwards."""
    agent.doing, agent.since_ms, agent.away_next = Doing.NOT_READY, at_ms, ""
    agent.turn += 1
    data = {"device": agent.device, "reason": reason}
    pbx.emit("agent.agentNotReady", agent.id, at_ms, data, command_id=command_id)
    pbx.later(at_ms + for_ms, "come_back", agent.id, agent.turn)


def work_after_call(pbx: Pbx, agent: Agent, call: Call, at_ms: int) -> None:
    agent.doing, agent.since_ms = Doing.AFTER_CALL, at_ms
    agent.turn += 1
    pbx.emit("agent.agentWorkingAfterCall", agent.id, at_ms, {"device": agent.device, "call": call.id})
    if not agent.away_next:
        agent.away_for_ms = people.break_ms(pbx.seed, call.id, agent.id, pbx.habits)
        agent.away_next = "break" if agent.away_for_ms else ""
    work_ms = people.after_call_ms(pbx.seed, call.id, agent.id, pbx.habits)
    pbx.later(at_ms + work_ms, "work_done", agent.id, agent.turn)


def work_done(pbx: Pbx, agent: Agent, at_ms: int) -> None:
    if agent.away_next:
        go_away(pbx, agent, at_ms, agent.away_next, agent.away_for_ms)
    else:
        get_ready(pbx, agent, at_ms)
