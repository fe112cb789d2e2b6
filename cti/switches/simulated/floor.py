"""Queues, telephones, agents: who waits, whose telephone rings, how an offer ends, what agents do between calls."""

from cti.switches.simulated import people
from cti.switches.simulated.plant import CALLER_LEG, Agent, Call, Doing, Leg, Plant, Standing

HOTLINE = "95598"
TRUNKS = 4
RETURN_QUEUE = "queueHead"
NOT_AGAIN_MS = 10_000  # for so long a call does not ring again where it was not answered, whoever else is busy


def arrive(plant: Plant, at_ms: int) -> None:
    """The next caller stands at the door; the one after him is already on his way."""
    if not plant.taking_calls:
        return
    number = plant.next_caller
    plant.next_caller += 1
    plant.later(at_ms + people.gap_ms(plant.seed, plant.next_caller, plant.callers_per_min), "arrive", "")
    caller = people.caller(plant.seed, number, plant.habits)
    call = Call(f"{plant.run}-c{number}", number, "inbound", caller.calling, HOTLINE, at_ms, queue=caller.queue)
    call.legs[CALLER_LEG] = Leg(CALLER_LEG, caller.calling, Standing.CONNECTED)
    plant.calls[call.id] = call
    opening = {
        "connection": CALLER_LEG,
        "calling": call.calling,
        "called": call.called,
        "direction": call.direction,
        "trunk": f"trunk-{number % TRUNKS + 1}",
        "language": caller.language,
        "vip": caller.vip,
    }
    plant.tell(call, "offered", at_ms, opening)
    plant.next_for(call, at_ms + caller.menu_ms, "join_queue")


def join_queue(plant: Plant, call: Call, at_ms: int) -> None:
    """From the menu into the queue, at its end."""
    caller = people.caller(plant.seed, call.number, plant.habits)
    plant.waiting.append(call.id)
    _tell_queued(plant, call, at_ms)
    bear_ms(plant, call, at_ms, caller.patience_ms)
    distribute(plant, at_ms)


def back_to_head(plant: Plant, call: Call, at_ms: int) -> None:
    """An offer came to nothing: the caller is next again, but not for the device just tried."""
    plant.waiting.insert(0, call.id)
    if not call.in_queue:
        _tell_queued(plant, call, at_ms)
    plant.later(at_ms + NOT_AGAIN_MS, "try_anybody", call.id)
    distribute(plant, at_ms)


def try_anybody(plant: Plant, call: Call, at_ms: int) -> None:
    """Nobody else has become ready: the device that was tried may ring again."""
    if call.id in plant.waiting:
        call.not_to = ""
        distribute(plant, at_ms)


def bear_ms(plant: Plant, call: Call, at_ms: int, patience_ms: int) -> None:
    """The caller will give up then, unless somebody serves him."""
    call.give_up_ms = at_ms + patience_ms
    plant.later(call.give_up_ms, "give_up", call.id)


def _tell_queued(plant: Plant, call: Call, at_ms: int) -> None:
    ahead = [plant.calls[other].queue for other in plant.waiting[: plant.waiting.index(call.id)]].count(call.queue)
    call.in_queue = True
    call.legs[CALLER_LEG].standing = Standing.QUEUED
    plant.tell(call, "queued", at_ms, {"connection": CALLER_LEG, "queue": call.queue, "position": ahead + 1})


def distribute(plant: Plant, at_ms: int) -> None:
    """Bring together, in order, who waits and who has been ready longest."""
    for call_id in list(plant.waiting):
        call = plant.calls[call_id]
        agent = plant.ready_agent(call.queue, call.not_to)
        if agent is not None:
            plant.waiting.remove(call_id)
            ring(plant, call, agent, at_ms, queue=call.queue)


def ring(plant: Plant, call: Call, agent: Agent, at_ms: int, queue: str = "") -> Leg:
    """The agent's telephone rings for the call; what he will do about it is settled here."""
    call.offers += 1
    connection = f"{'b' if call.parent else 'a'}{call.offers}-{agent.id}"
    leg = Leg(connection, agent.device, Standing.ALERTING, agent.id, at_ms)
    call.legs[leg.connection] = leg
    agent.doing = Doing.RINGING
    data: dict[str, object] = {"connection": leg.connection, "device": agent.device, "agent": agent.id}
    if queue:
        data["queue"] = queue
    data["ring_timeout_s"] = plant.ring_timeout_ms / 1000
    plant.tell(call, "delivered", at_ms, data)
    reaction = people.reaction(plant.seed, call.id, call.offers, plant.habits)
    if reaction.kind == "ignore" or reaction.after_ms >= plant.ring_timeout_ms:
        plant.next_for(call, at_ms + plant.ring_timeout_ms, "ring_out")
    else:
        plant.next_for(call, at_ms + reaction.after_ms, reaction.kind)
    return leg


def stop_ringing(plant: Plant, call: Call, leg: Leg, at_ms: int) -> None:
    """The telephone falls silent; the agent is as he was, unless he was to go away."""
    del call.legs[leg.connection]
    call.turn += 1
    call.not_to = leg.device
    agent = plant.agents[leg.agent]
    if agent.away_next:
        go_away(plant, agent, at_ms, agent.away_next, agent.away_for_ms)
    else:
        agent.doing = Doing.READY


def divert(plant: Plant, call: Call, leg: Leg, at_ms: int, cause: str, command: str = "") -> None:
    """Take the call from the telephone and put it back at the head of its queue."""
    data = {
        "connection": leg.connection,
        "agent": leg.agent,
        "device": leg.device,
        "to": RETURN_QUEUE,
        "cause": cause,
    }
    plant.tell(call, "diverted", at_ms, data, command)
    stop_ringing(plant, call, leg, at_ms)
    back_to_head(plant, call, at_ms)


def ring_out(plant: Plant, call: Call, at_ms: int) -> None:
    leg = call.ringing()
    if leg is not None:
        divert(plant, call, leg, at_ms, "callNotAnswered")


def reject(plant: Plant, call: Call, at_ms: int) -> None:
    leg = call.ringing()
    if leg is None:
        return
    data = {"connection": leg.connection, "device": leg.device, "agent": leg.agent, "cause": "callRejected"}
    plant.tell(call, "failed", at_ms, data)
    stop_ringing(plant, call, leg, at_ms)
    if call.parent:
        plant.next_for(call, at_ms, "consultation_failed")
        return
    back_to_head(plant, call, at_ms)


def answer(plant: Plant, call: Call, at_ms: int) -> None:
    """The conversation begins, or goes on with another agent."""
    leg = call.ringing()
    if leg is None:
        return
    leg.standing = Standing.CONNECTED
    call.in_queue, call.not_to, call.give_up_ms = False, "", 0
    if CALLER_LEG in call.legs:
        call.legs[CALLER_LEG].standing = Standing.CONNECTED
    agent = plant.agents[leg.agent]
    agent.doing = Doing.TALKING
    data = {"connection": leg.connection, "device": leg.device, "agent": leg.agent, "answering": leg.device}
    plant.tell(call, "established", at_ms, data)
    plant.emit("agent.agentBusy", agent.id, at_ms, {"device": agent.device, "call": call.id})
    plant.next_for(call, at_ms, "consult" if call.parent else "go_on")


# -- agents between calls ----------------------------------------------------------------------------------------------


def log_on(plant: Plant, agent: Agent, at_ms: int) -> None:
    plant.emit("agent.agentLoggedOn", agent.id, at_ms, {"device": agent.device, "queues": agent.queues})
    get_ready(plant, agent, at_ms)


def log_off(plant: Plant, agent: Agent, at_ms: int) -> None:
    agent.doing = Doing.LOGGED_OFF
    agent.turn += 1
    plant.emit("agent.agentLoggedOff", agent.id, at_ms, {"device": agent.device})


def get_ready(plant: Plant, agent: Agent, at_ms: int) -> None:
    agent.doing, agent.since_ms = Doing.READY, at_ms
    agent.turn += 1
    plant.emit("agent.agentReady", agent.id, at_ms, {"device": agent.device})
    distribute(plant, at_ms)


def go_away(plant: Plant, agent: Agent, at_ms: int, reason: str, for_ms: int, command: str = "") -> None:
    """Not ready for a while; nobody who is in a call or rings is sent away before it is over."""
    agent.doing, agent.since_ms, agent.away_next = Doing.NOT_READY, at_ms, ""
    agent.turn += 1
    data = {"device": agent.device, "reason": reason}
    plant.emit("agent.agentNotReady", agent.id, at_ms, data, command=command)
    plant.later(at_ms + for_ms, "come_back", agent.id, agent.turn)


def work_after_call(plant: Plant, agent: Agent, call: Call, at_ms: int) -> None:
    agent.doing, agent.since_ms = Doing.AFTER_CALL, at_ms
    agent.turn += 1
    plant.emit("agent.agentWorkingAfterCall", agent.id, at_ms, {"device": agent.device, "call": call.id})
    if not agent.away_next:
        agent.away_for_ms = people.break_ms(plant.seed, call.id, agent.id, plant.habits)
        agent.away_next = "break" if agent.away_for_ms else ""
    work_ms = people.after_call_ms(plant.seed, call.id, agent.id, plant.habits)
    plant.later(at_ms + work_ms, "work_done", agent.id, agent.turn)


def work_done(plant: Plant, agent: Agent, at_ms: int) -> None:
    if agent.away_next:
        go_away(plant, agent, at_ms, agent.away_next, agent.away_for_ms)
    else:
        get_ready(plant, agent, at_ms)
