"""Dial orders at the switch: what it refuses, how a call goes on, what it answers when asked. Pure, as all of the PBX.

`obey` decides about an order at once; what follows is due later (`place`, `step`, `stop_ringing`, `report`) and is in
the PBX's agenda. Results that are not given at once are in `pbx.answers`.
"""

from typing import Any, NamedTuple

from cti.switches.simulated import acd, agent_first, conversation
from cti.switches.simulated.order_memory import Remembered
from cti.switches.simulated.outbound_script import (
    NAMES,
    NO_ANSWER,
    NORMAL,
    REFUSED,
    RING_TIMEOUT_S,
    SMS,
    Step,
    Times,
    plan,
    word_of,
)
from cti.switches.simulated.pbx import CALLER_LEG, Answer, Call, Leg, Pbx, Standing, read_time_ms

Order = dict[str, Any]

DIALS = frozenset({"makeCall", "sendMessage"})
NUMBERS_FROM = 10_000_000  # of calls made, so that none has the habits of a caller
SENT_MS = 500  # a message leaves for the network
QUEUE_WAIT_S = 60.0  # where the order names none


class Taken(NamedTuple):
    """The answer to an order. `state`: accepted, refused; "" where the switch says nothing; lost: it never came."""

    state: str
    reason: str | None = None


def take(pbx: Pbx, order: Order, at_ms: int, *, expired: bool) -> Taken:
    """A makeCall or sendMessage has come in."""
    memory, id_ = pbx.memory, str(order["id"])
    memory.forget_old(at_ms)
    known = memory.orders.get(id_)
    if known is not None and (pbx.outbound.memory or known.state == "waiting"):
        return Taken("refused", "duplicate")
    message = order["command"] == "sendMessage"
    reason = "expired" if expired else _cannot(pbx, order, at_ms)
    if reason is not None:
        return _refused(pbx, order, at_ms, reason)
    to = str(order["to"])
    turn = memory.next_turn("message" if message else "call", to)
    word, times = word_of(pbx.outbound.scripts, to, turn, pbx.seed, message=message)
    if word == "neverSeen":
        return Taken("lost")
    if word.startswith(REFUSED):
        return _refused(pbx, order, at_ms, word.removeprefix(REFUSED))
    group = str(order.get("trunk_group") or "")
    silent = word == "silence"
    known = Remembered(id_, at_ms, "silent" if silent else "waiting", to, "" if message else group, word, order=order)
    known.turn = turn
    memory.keep(known)
    if message:
        pbx.later(at_ms + SENT_MS, "send_message", id_)
        pbx.later(at_ms + max(SENT_MS, times.reports), "report_message", id_)
    elif not silent:
        pbx.later(at_ms + times.placed, "place", id_)
    return Taken("accepted")


def _cannot(pbx: Pbx, order: Order, at_ms: int) -> str | None:
    """Why the order is refused at once."""
    if pbx.memory.full:
        return "busy"
    if order["command"] == "sendMessage":
        return None
    name = str(order.get("trunk_group") or "")
    group = pbx.outbound.trunk_groups.get(name)
    if group is None:
        return "notSupported"
    if _rings_until_ms(order, at_ms) <= at_ms:
        return "expired"
    if agent_first.wants(order) and not pbx.outbound.agent_first:
        return "notSupported"
    return "busy" if pbx.memory.live_in(name) >= group.calls_at_once else None


def _refused(pbx: Pbx, order: Order, at_ms: int, reason: str) -> Taken:
    """The id is used up all the same."""
    id_ = str(order["id"])
    pbx.memory.orders.setdefault(id_, Remembered(id_, at_ms, "ended", cause=reason, ended_ms=at_ms))
    return Taken("refused", reason)


def ask(pbx: Pbx, about: str, at_ms: int) -> Remembered | None:
    """What is known of an order. None: never seen, and from now on refused. Raises LookupError where it cannot say."""
    pbx.memory.forget_old(at_ms)
    known = pbx.memory.orders.get(about)
    if not pbx.outbound.memory and (known is None or known.state not in {"waiting", "live"}):
        raise LookupError(about)  # without a memory nothing can be said of the past
    if known is None:
        pbx.memory.orders[about] = Remembered(about, at_ms, "burnt")
        return None
    return None if known.state == "burnt" else known


# -- a call, step by step ----------------------------------------------------------------------------------------------


def place_call(pbx: Pbx, order_id: str, at_ms: int) -> None:
    """The call begins, unless the order has expired meanwhile."""
    known = pbx.memory.orders.get(order_id)
    if known is None or known.state != "waiting":
        return
    order = known.order
    ring_end_ms = _rings_until_ms(order, at_ms)
    if at_ms > read_time_ms(str(order["expires_at"])) or ring_end_ms <= at_ms:
        pbx.memory.end(known, at_ms, "expired")
        pbx.answers.append(Answer(order_id, "refused", "expired"))
        return
    agent = agent_first.reserve(pbx, order_id, at_ms) if agent_first.wants(order) else None
    if agent is None and agent_first.wants(order):
        return
    known.order = {}
    pbx.memory.placed += 1
    number = pbx.memory.placed
    group = pbx.outbound.trunk_groups[known.group]
    calling = str(order.get("caller_id") or group.caller_id or acd.HOTLINE)
    call = Call(f"{pbx.run}-o{number}", NUMBERS_FROM + number, "outbound", calling, known.to, at_ms, order=order_id)
    call.legs[CALLER_LEG] = Leg(CALLER_LEG, known.to, Standing.INITIATED)
    pbx.calls[call.id] = call
    known.state, known.call = "live", call.id
    opening = {"connection": CALLER_LEG, "calling": calling, "called": known.to, "direction": "outbound"}
    pbx.tell(call, "originated", at_ms, opening | {"trunk": known.group})
    if agent is not None:
        agent_first.join(pbx, call, agent, at_ms)
    pbx.answers.append(Answer(order_id, "done", None))
    pbx.later(ring_end_ms, "stop_ringing", call.id)  # before the plan: at one instant the limit is first
    call.plan = [step._replace(after_ms=at_ms + step.after_ms) for step in plan(known.word, order, _times(pbx, known))]
    _go_on(pbx, call, at_ms)


def _times(pbx: Pbx, known: Remembered) -> Times:
    """The times that were drawn when the order came."""
    return word_of(pbx.outbound.scripts, known.to, known.turn, pbx.seed, message=False)[1]


def _rings_until_ms(order: Order, placed_ms: int) -> int:
    """When ringing ends: after the order's limit, at `ring_until` in any case."""
    limit_ms = placed_ms + round(float(order.get("ring_timeout_s") or RING_TIMEOUT_S) * 1000)
    until = order.get("ring_until")
    return limit_ms if until is None else min(limit_ms, read_time_ms(str(until)))


def _go_on(pbx: Pbx, call: Call, at_ms: int) -> None:
    if call.plan:
        pbx.later(max(at_ms, call.plan[0].after_ms), "outbound_step", call.id)


def step(pbx: Pbx, call: Call, at_ms: int) -> None:
    """The next thing of the plan happens."""
    if not call.plan:
        return
    now, call.plan = call.plan[0], call.plan[1:]
    if now.kind == "fail":
        _fail(pbx, call, at_ms, now.data)
    elif now.kind == "clear":
        by = call.called if now.data["by"] == "customer" else conversation.NETWORK
        conversation.clear(pbx, call, at_ms, CALLER_LEG, by)
    elif now.kind == "cut":
        conversation.clear(pbx, call, at_ms, CALLER_LEG, conversation.NETWORK, cause="networkOutOfOrder", q850=38)
    elif now.kind == "agent_says":
        agent_first.says(pbx, call, at_ms, str(now.data["disposition"]))
    elif now.kind == "queue":
        _to_agent(pbx, call, at_ms, now.data)
    else:
        _tell(pbx, call, at_ms, now)
    if call.id in pbx.calls:
        _go_on(pbx, call, at_ms)


def _tell(pbx: Pbx, call: Call, at_ms: int, now: Step) -> None:
    data = {"connection": CALLER_LEG, **now.data}
    leg = call.legs[CALLER_LEG]
    if now.kind == "delivered":
        leg.standing = Standing.ALERTING
        data["device"] = call.called
    elif now.kind == "established":
        leg.standing = Standing.CONNECTED
        data["answering"] = call.called
    pbx.tell(call, now.kind, at_ms, data)


def _fail(pbx: Pbx, call: Call, at_ms: int, data: dict[str, Any]) -> None:
    """The network's cause first; the clearing that follows says nothing of it, as with real switches."""
    pbx.tell(call, "failed", at_ms, {"connection": CALLER_LEG, **data})
    cleared = {"connection": CALLER_LEG, "releasingDevice": conversation.NETWORK}
    pbx.tell(call, "connectionCleared", at_ms, cleared | {"cause": NAMES[NORMAL], "q850": NORMAL})
    conversation.close(pbx, call, at_ms, str(data["cause"]))


def stop_ringing(pbx: Pbx, call: Call, at_ms: int) -> None:
    """Nobody answered within the limit."""
    if call.legs[CALLER_LEG].standing in {Standing.INITIATED, Standing.ALERTING}:
        _fail(pbx, call, at_ms, {"cause": NAMES[NO_ANSWER], "q850": NO_ANSWER})


def _to_agent(pbx: Pbx, call: Call, at_ms: int, data: dict[str, Any]) -> None:
    """Key 0, or an order whose call goes to an agent: the ordinary queue, for a bounded time."""
    agent = pbx.agents.get(str(data.get("agent")))
    call.queue = str(data.get("queue") or (agent.queues[0] if agent else "service"))
    pbx.waiting.append(call.id)
    acd.tell_queued(pbx, call, at_ms)
    acd.bear_ms(pbx, call, at_ms, round(float(data.get("wait_s") or QUEUE_WAIT_S) * 1000))
    acd.distribute(pbx, at_ms)


# -- messages ----------------------------------------------------------------------------------------------------------


def send_message(pbx: Pbx, order_id: str, at_ms: int) -> None:
    """The network has the message, unless it expired meanwhile."""
    known = pbx.memory.orders.get(order_id)
    if known is None or known.state != "waiting":
        return
    if at_ms > read_time_ms(str(known.order["expires_at"])):
        pbx.memory.end(known, at_ms, "expired")
        pbx.answers.append(Answer(order_id, "refused", "expired"))
        return
    pbx.memory.placed += 1
    known.state, known.call, known.order = "live", f"{pbx.run}-m{pbx.memory.placed}", {}
    pbx.answers.append(Answer(order_id, "done", None))


def report_message(pbx: Pbx, order_id: str, at_ms: int) -> None:
    """What became of it."""
    known = pbx.memory.orders.get(order_id)
    if known is None or known.state != "live" or not known.word.startswith(SMS):
        return
    pbx.memory.end(known, at_ms)
    data = {"state": known.word.removeprefix(SMS), "to": known.to}
    pbx.emit("call.messageReport", known.call, at_ms, data, command_id=order_id)
