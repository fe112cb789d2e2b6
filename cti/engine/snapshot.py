"""Switch events: heartbeats, declarations, and the snapshot that a switch sends on connect.

Switch events reach every partition; each owner applies them to the calls of its partition. A live call that a
snapshot lacks, and whose last event is older than the snapshot, is closed as `stale`; one that is new is opened, its
legs as the snapshot says they are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cti.core.agent import Agent, AgentFact, counted_ms
from cti.core.facts import PRESENT, REINCARNATION_MS, STALE, Fact, fact, rank_of
from cti.core.identity import hash64, key_of
from cti.engine.gathering import Gathering, hash_of
from cti.engine.ingest import apply, born, set_agent
from cti.engine.live_calls import LiveCall, newborn
from cti.ports import Entry
from schemas.envelope import Event, Family
from schemas.fields import ms_of, read_time

PartitionOf = Callable[[str, Family], int]
DECLARED = "ringback.switch.switchDeclared.v1"
# One entry opens many calls: each is born at the entry's position, with its place in the snapshot above these bits.
BORN_BITS = 40
_LEG_KINDS = {"queued": "queued", "alerting": "delivered", "connected": "established", "hold": "established"}
_AGENT_KINDS = {
    "loggedOn": "agentLoggedOn",
    "ready": "agentReady",
    "notReady": "agentNotReady",
    "busy": "agentBusy",
    "workingAfterCall": "agentWorkingAfterCall",
}


def ingest_switch(work: Gathering, entry: Entry, event: Event, partition_of: PartitionOf) -> None:
    """One switch event, for the calls of the entry's partition."""
    source = work.source(entry.tenant, event.source)
    if event.type == DECLARED:
        source.declare(event.subject, event.data)
        return
    source.clock.observe(entry.appended_at_ms, event.at_ms, False)
    if event.kind == "switchSnapshot":
        _snapshot(work, entry, event, partition_of)


def _snapshot(work: Gathering, entry: Entry, event: Event, partition_of: PartitionOf) -> None:
    named = {call["call"]: call for call in event.data["calls"]}
    source, known = work.source(entry.tenant, event.source), set()
    for key, live in list(work.layers.calls()):
        if live.source is not source or live.partition != entry.partition or live.ended or not isinstance(key, int):
            continue
        known.add(live.subject)
        if live.subject in named:
            there = live.copy()
            there.in_snapshot, there.heard_ms = True, max(live.heard_ms, entry.appended_at_ms)
            work.put(key, there)
            if not live.in_snapshot:
                apply(work, key, there, _derived(live, event, PRESENT), entry, 1)
        elif live.last is None or live.last[0] < event.at_ms:
            apply(work, key, live, _derived(live, event, STALE), entry, 1)
    for index, (subject, call) in enumerate(named.items()):
        here = partition_of(key_of(entry.tenant, event.source, subject), "call") == entry.partition
        if here and subject not in known:
            _open(work, entry, event, subject, call, entry.position + (index << BORN_BITS))
    for agent in event.data.get("agents") or ():
        if partition_of(key_of(entry.tenant, event.source, agent["agent"]), "agent") == entry.partition:
            _agent(work, entry, event, agent)


def _derived(live: LiveCall, event: Event, kind: str) -> Fact:
    """What a snapshot says of a known call, dated behind the last thing heard of it."""
    at_ms, sequence = live.last[:2] if live.last else (event.at_ms, -1)
    return Fact(at_ms, sequence, rank_of(kind), f"{event.id}:{kind}", kind, 0, {})


def _open(work: Gathering, entry: Entry, event: Event, subject: str, call: Mapping[str, Any], born_at: int) -> None:
    """A call that was not known: it opens, and each leg gets to its state at the time of the snapshot."""
    key = hash_of(entry.tenant, event.source, subject)
    earlier = work.layers.call(key)
    ended_ms = None if earlier is None else earlier.call.ended_ms
    if ended_ms is not None and event.at_ms <= ended_ms + REINCARNATION_MS:
        return  # it ended about when the snapshot was taken
    source = work.source(entry.tenant, event.source)
    live = newborn(source, subject, 0 if earlier is None else earlier.incarnation + 1, entry.partition, born_at)
    if earlier is not None:
        live.previous_ended_ms = earlier.call.ended_ms
    for n, one in enumerate(_facts(event, subject, call), start=1):
        live = born(work, key, live, one) if n == 1 else work.layers.call(key) or live
        apply(work, key, live, one, entry, n)
    opened = work.layers.call(key)
    if opened is not None:
        opened.in_snapshot, opened.heard_ms = True, entry.appended_at_ms  # this round's own: `apply` has put it there


def _facts(event: Event, subject: str, call: Mapping[str, Any]) -> Iterator[Fact]:
    name = f"{event.id}:{subject}"
    customer = _customer(call)
    said = {key: call[key] for key in ("direction", "calling", "called", "trunk") if call.get(key) is not None}
    opened_ms = event.at_ms
    if call.get("openedAt") is not None:
        opened_ms = min(ms_of(read_time(call["openedAt"])), event.at_ms)
    if customer is not None:
        said["connection"] = customer["connection"]
    yield fact(opened_ms, None, f"{name}:offered", "offered", hash64(name.encode()), said)
    for leg in call.get("connections") or ():
        kind = _LEG_KINDS.get(leg.get("state") or "")
        if kind is None:
            continue
        data = {key: leg[key] for key in ("connection", "device", "agent") if leg.get(key) is not None}
        if kind == "queued" and call.get("queue") is not None:
            data["queue"] = call["queue"]
        where = f"{name}:{leg['connection']}"
        if leg is customer and kind == "established":
            kind = "originated"  # he is there and speaks; that is no answer
        yield fact(event.at_ms, None, f"{where}:{kind}", kind, hash64(where.encode()), data)
        if leg.get("state") == "hold":
            yield fact(event.at_ms, None, f"{where}:held", "held", hash64(where.encode()), data)
    yield fact(event.at_ms, None, f"{name}:{PRESENT}", PRESENT, 0, {})


def _customer(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The caller's leg: his number's, else the one that waits, else the first that is no agent's."""
    if call.get("direction") not in (None, "inbound"):
        return None
    legs = [leg for leg in call.get("connections") or () if leg.get("agent") is None]
    his = (leg for leg in legs if leg.get("device") is not None and leg.get("device") == call.get("calling"))
    waits = (leg for leg in legs if leg.get("state") == "queued")
    unnamed = (leg for leg in legs if leg.get("device") is None)
    return next(his, None) or next(waits, None) or next(unnamed, None)


def _agent(work: Gathering, entry: Entry, event: Event, agent: Mapping[str, Any]) -> None:
    kind = _AGENT_KINDS.get(agent.get("state") or "loggedOn", "agentLoggedOn")
    key = (entry.tenant, event.source, agent["agent"])
    known = work.layers.agent(key) or Agent()
    data = {"device": agent["device"]} if agent.get("device") is not None else {}
    name = f"{event.id}:{agent['agent']}"
    at_ms = counted_ms(event.at_ms, entry.appended_at_ms)
    set_agent(work, key, known, AgentFact(at_ms, -1, 0, name, kind, hash64(name.encode()), data), entry.partition)
