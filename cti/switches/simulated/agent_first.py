"""Orders that have an agent first: one is reserved, then the called party is dialled. Pure, as all of the PBX.

The agent is on the line from then on, so that nobody who answers hears nothing. Where no agent is ready in time nobody
is dialled, and the order is refused.
"""

from typing import Any

from cti.switches.simulated.pbx import Agent, Answer, Call, Doing, Leg, Pbx, Standing, read_time_ms

AGAIN_MS = 250  # a busy queue is looked at again
NO_AGENT = "noOtherAgent"


def wants(order: dict[str, Any]) -> bool:
    """Whether an agent is to be there first."""
    return bool(order.get("agent_first"))


def reserve(pbx: Pbx, order_id: str, at_ms: int) -> Agent | None:
    """An agent for an order that waits; None: it is looked again, or the order is over."""
    known = pbx.memory.orders[order_id]
    wanted: dict[str, Any] = known.order["agent_first"]
    agent = _ready(pbx, wanted)
    if agent is not None:
        agent.doing, agent.since_ms = Doing.TALKING, at_ms
        agent.turn += 1
        return agent
    until_ms = min(known.at_ms + round(float(wanted["wait_s"]) * 1000), read_time_ms(str(known.order["expires_at"])))
    if at_ms >= until_ms:
        pbx.memory.end(known, at_ms, NO_AGENT)
        pbx.answers.append(Answer(order_id, "refused", NO_AGENT))
    else:
        pbx.later(min(at_ms + AGAIN_MS, until_ms), "place", order_id)
    return None


def _ready(pbx: Pbx, wanted: dict[str, Any]) -> Agent | None:
    if wanted.get("agent"):
        agent = pbx.agents.get(str(wanted["agent"]))
        return agent if agent is not None and agent.doing is Doing.READY else None
    return pbx.ready_agent(str(wanted["queue"]))


def join(pbx: Pbx, call: Call, agent: Agent, at_ms: int) -> None:
    """The agent is on the line, before the called party is reached."""
    leg = Leg(f"a1-{agent.id}", agent.device, Standing.CONNECTED, agent.id, at_ms)
    call.legs[leg.connection] = leg
    call.offers = 1
    data = {"connection": leg.connection, "device": agent.device, "agent": agent.id, "answering": agent.device}
    pbx.tell(call, "established", at_ms, data)
    pbx.emit("agent.agentBusy", agent.id, at_ms, {"device": agent.device, "call": call.id})


def says(pbx: Pbx, call: Call, at_ms: int, disposition: str) -> None:
    """The agent presses the button of what came of it."""
    leg = call.serving()
    if leg is not None:
        data = {"connection": leg.connection, "action": "disposition", "agent": leg.agent, "disposition": disposition}
        pbx.tell(call, "agentAction", at_ms, data)
