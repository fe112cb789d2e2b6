"""Switch events: heartbeats, declarations, and the snapshot that a switch sends on connect.

* Switch events reach every partition; each owner applies them to the calls of its partition.
* A live call that opened before the snapshot and that it lacks gets the fact `stale`, dated as the snapshot is. What
  that means is decided by the core, because later facts may date from before or after it.
* A call that arrives only after the snapshot that lacks it (spooled events) gets that fact later: when it has been
  quiet for ABSENT_AFTER_MS (`absent_fact`). So each of its events does not make a record of its own. It gets the fact
  at once where its id is used again (`ingest`).
* A call that is new in a snapshot is opened, its legs as the snapshot says they are.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from pydantic_core import to_json

from cti.core.agent import Agent, AgentFact, counted_ms
from cti.core.call_state import PHASE_NULL
from cti.core.facts import GIVEN_UP_KINDS, PRESENT, REINCARNATION_MS, STALE, Fact, fact
from cti.core.identity import hash64, key_of
from cti.engine.gathering import Gathering, hash_of
from cti.engine.ingest import BORN_BITS, absence, apply, born, next_incarnation, set_agent
from cti.engine.live_calls import Key, LiveCall, newborn
from cti.engine.snapshots_kept import Snapshot, lacked_between
from cti.engine.sources import Source
from cti.ports import Entry
from cti.rows import Round
from cti.snapshot_rows import SnapshotRow
from schemas.envelope import Event, Family
from schemas.fields import ms_of, read_time

PartitionOf = Callable[[str, Family], int]
DECLARED: Final = "ringback.switch.switchDeclared.v1"
ABSENT_AFTER_MS: Final = 5_000
_LEG_KINDS: Final = {"queued": "queued", "alerting": "delivered", "connected": "established", "hold": "established"}
_AGENT_KINDS: Final = {
    "loggedOn": "agentLoggedOn",
    "ready": "agentReady",
    "notReady": "agentNotReady",
    "busy": "agentBusy",
    "workingAfterCall": "agentWorkingAfterCall",
}


def ingest_switch(work: Gathering, entry: Entry, event: Event, partition_of: PartitionOf) -> None:
    """One switch event, for the calls of the entry's partition."""
    source = work.sources.get(entry.tenant, event.source)
    if event.type == DECLARED:
        source.declare(event.subject, event.data)
        return
    source.clock.observe(entry.appended_at_ms, event.at_ms, False)
    if event.kind == "switchSnapshot":
        _snapshot(work, entry, event, partition_of)


def _snapshot(work: Gathering, entry: Entry, event: Event, partition_of: PartitionOf) -> None:
    named = {
        call["call"]: call
        for call in event.data["calls"]
        if partition_of(key_of(entry.tenant, event.source, call["call"]), "call") == entry.partition
    }
    source, known = work.sources.get(entry.tenant, event.source), set()
    snapshot = Snapshot(event.id, event.at_ms, frozenset(named))
    _keep(work.round_, entry, source, snapshot)
    for key, live in list(work.layers.calls()):
        if live.source is not source or live.partition != entry.partition:
            continue
        if live.ended or not isinstance(key, int):
            _parts(work, entry, key, live, snapshot)
            continue
        known.add(live.subject)
        if live.subject in named:
            there = live.copy()
            there.in_snapshot, there.heard_ms = True, max(live.heard_ms, entry.appended_at_ms)
            work.layers.put(key, there)
            if not live.in_snapshot:
                apply(work, key, there, snapshot.derived(PRESENT), entry, 1)
        elif live.call.opened_at_ms < event.at_ms:
            apply(work, key, live, snapshot.derived(STALE), entry, 1)
    for index, (subject, call) in enumerate(named.items()):
        if subject not in known:
            _open(work, entry, event, subject, call, entry.position + (index << BORN_BITS))
    for agent in event.data.get("agents") or ():
        if partition_of(key_of(entry.tenant, event.source, agent["agent"]), "agent") == entry.partition:
            _agent(work, entry, event, agent)


def _keep(round_: Round, entry: Entry, source: Source, snapshot: Snapshot) -> None:
    """Keep a snapshot, in the ledger too."""
    is_new, gone = source.took_snapshot(entry.partition, snapshot)
    names = (source.tenant, source.name, entry.partition)
    if is_new:
        calls = to_json(sorted(snapshot.calls)).decode()
        row = SnapshotRow(*names, snapshot.event_id, snapshot.at_ms, entry.appended_at_ms, calls)
        round_.snapshots.append(row)
    round_.snapshots_gone += [(*names, old.event_id) for old in gone]


def _parts(work: Gathering, entry: Entry, key: Key, live: LiveCall, snapshot: Snapshot) -> None:
    """A snapshot that arrives late may show that what seemed to be one call, which has ended, was two."""
    if live.timeline_gone or live.last is None or live.last[0] <= snapshot.at_ms:
        return
    if snapshot.lacks(live.subject, live.call.opened_at_ms) and (absent := absence(live, ())) is not None:
        apply(work, key, live, absent, entry, 1)


def absent_fact(live: LiveCall, now_ms: float) -> Fact | None:
    """The fact that the switch's latest snapshot lacks this call, which arrived after it and has been quiet since.

    The call may have gone on after the snapshot; the core decides what the fact means, as for a later snapshot.
    """
    kept = live.source.snapshots.get(live.partition)
    if kept is None or live.ended or live.last is None or now_ms - live.heard_ms < ABSENT_AFTER_MS:
        return None
    snapshot, call = kept[-1], live.call
    if not snapshot.lacks(live.subject, live.last[0] if call.phase is PHASE_NULL else call.opened_at_ms):
        return None
    fact = snapshot.derived(STALE)
    return fact if live.known_hash(fact.id) is None else None


def _open(work: Gathering, entry: Entry, event: Event, subject: str, call: Mapping[str, Any], born_at: int) -> None:
    """Open a call that was not known, and bring each leg to its state at the time of the snapshot."""
    key = hash_of(entry.tenant, event.source, subject)
    earlier = work.layers.call(key)
    if earlier is not None and not _is_new(work, entry, event, key, earlier, call):
        return
    if earlier is None:
        live = newborn(work.sources.get(entry.tenant, event.source), subject, 0, entry.partition, born_at)
    else:
        live = next_incarnation(work, key, earlier, _opened_ms(event, call), born_at)
    for n, opening in enumerate(_facts(event, subject, call), start=1):
        live = born(work.round_, key, live, opening) if n == 1 else work.layers.call(key) or live
        apply(work, key, live, opening, entry, n)
    opened = work.layers.call(key)
    if opened is not None:
        opened.in_snapshot, opened.heard_ms = True, entry.appended_at_ms  # this round's own: `apply` has put it there


def _is_new(work: Gathering, entry: Entry, event: Event, key: int, earlier: LiveCall, call: Mapping[str, Any]) -> bool:
    """Whether a named call is a new one, and not the call that ended under this id."""
    known = earlier.call
    if known.ended_ms is None:
        return True
    given_up = known.ended_by in GIVEN_UP_KINDS and not earlier.timeline_gone
    absent_ms = known.tentative.absent_ms if given_up else _free_ms(earlier, known.ended_ms, event.at_ms)
    if absent_ms is None:
        return event.at_ms > known.ended_ms + REINCARNATION_MS  # else it ended about when the snapshot was taken
    if event.at_ms <= absent_ms:
        return False
    if call.get("openedAt") is None or _opened_ms(event, call) > absent_ms:
        return True
    if given_up:
        snapshot = Snapshot(event.id, event.at_ms, frozenset())
        apply(work, key, earlier, snapshot.derived(PRESENT), entry, 1)  # it had ended as stale or lost
    return False


def _free_ms(cleared: LiveCall, ended_ms: int, before_ms: int) -> int | None:
    """When, after the call had been cleared, a snapshot lacked it."""
    kept = cleared.source.snapshots.get(cleared.partition, ())
    snapshot = lacked_between(kept, cleared.subject, ended_ms - 1, before_ms)
    return None if snapshot is None else snapshot.at_ms


def _opened_ms(event: Event, call: Mapping[str, Any]) -> int:
    if call.get("openedAt") is None:
        return event.at_ms
    return min(ms_of(read_time(call["openedAt"])), event.at_ms)


def _facts(event: Event, subject: str, call: Mapping[str, Any]) -> Iterator[Fact]:
    name = f"{event.id}:{subject}"
    customer = _customer(call)
    said = {key: call[key] for key in ("direction", "calling", "called", "trunk", "queue") if call.get(key) is not None}
    opened_ms = _opened_ms(event, call)
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
            kind = "originated"  # a caller who is connected; that is no answer
        yield fact(event.at_ms, None, f"{where}:{kind}", kind, hash64(where.encode()), data)
        if leg.get("state") == "hold":
            yield fact(event.at_ms, None, f"{where}:held", "held", hash64(where.encode()), data)
    yield fact(event.at_ms, None, f"{name}:{PRESENT}", PRESENT, 0, {})


def _customer(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The caller's leg: the one with the caller's number, else the queued one, else the first that is no agent's."""
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
