"""Entries of the log become facts of calls and agents: identity, duplicates, incarnations, late facts.

* A repeated event id with the same bytes is a `duplicate`; with other bytes it is dead-lettered as `id_conflict`. Ids
  are judged
  within their subject, which is as far as one partition sees. Of a result the data count: its time is the gateway's.
* An event that is not in order is put where it belongs and the call is folded again.
* An event for a call that has ended belongs to it up to its clearing; what comes later is ignored, or more than 300 s
  later
  opens the next incarnation (contract, Identity).
"""

from collections.abc import Sequence
from sys import intern

from pydantic_core import to_json

from cti.core import agent as agents
from cti.core.call import advance, begins_again, fold, is_beyond
from cti.core.call_state import ENDED, Call
from cti.core.dues import ALL, ANSWER, HOLDS, OFFERS, WAITS
from cti.core.facts import REINCARNATION_MS, Fact, fact, find, join, pack, unpack
from cti.core.identity import hash64
from cti.engine.fire_rules import answered, fire_rules
from cti.engine.gathering import Gathering, hash_of
from cti.engine.live_calls import Key, LiveCall, newborn
from cti.engine.settle_results import settle, settle_by_id, settles_alone
from cti.ports import Entry
from cti.rows import AgentRow, CallRow, TimelineRow
from schemas.envelope import Event
from schemas.reasons import DeadLetter, Ignored

FACTS_MAX = 10_000  # of one call; beyond it the call is dead-lettered rather than growing for ever


def ingest_call(work: Gathering, entry: Entry, event: Event) -> None:
    """One call event: into the incarnation of the call that it belongs to."""
    source = work.source(entry.tenant, event.source)
    if event.known and source.saw(event.kind):
        work.round_.sources.append(source.row(entry.partition))
    one = _fact_of(event, entry.body)
    name = hash_of(entry.tenant, event.source, event.subject)
    key: Key = name
    live = work.layers.call(key)
    while live is not None and _belongs_earlier(live, one):
        key = (name, live.incarnation - 1)
        live = work.layers.call(key)
        if live is None:
            work.telemetry.ignored(Ignored.TIMELINE_EXPIRED)
            return
    if settles_alone(event, live):
        settle(work, entry, event)
        return
    if live is None:
        if not event.known:
            work.telemetry.ignored(Ignored.UNKNOWN_TYPE if event.version < 2 else Ignored.NEWER_VERSION)
            return
        live = born(work, key, newborn(source, event.subject, 0, entry.partition, entry.position), one)
    elif isinstance(key, int) and begins_again(live.call, one):
        _begin_with(work, key, live, [one, *_waiting(live)], entry, 0)
        return
    elif live.timeline_gone:
        work.telemetry.ignored(Ignored.TIMELINE_EXPIRED)
        return
    apply(work, key, live, one, entry)


def _waiting(live: LiveCall) -> list[Fact]:
    """Words of the next incarnation that came before its opening; until then the call that ended kept them."""
    return [one for one in unpack(live.history) if is_beyond(live.call, one)] if live.history else []


def _after(work: Gathering, key: int, live: LiveCall, entry: Entry) -> LiveCall:
    """The next incarnation; the one before it stays at hand, under a key of its own, for what comes late."""
    if not live.timeline_gone:
        work.put((key, live.incarnation), live)
        work.ended.append((key, live.incarnation))
    after = newborn(live.source, live.subject, live.incarnation + 1, entry.partition, entry.position)
    after.previous_ended_ms = live.call.ended_ms
    return after


def _belongs_earlier(live: LiveCall, one: Fact) -> bool:
    """Whether the fact is of the time of the incarnation before: up to 300 s after its end nothing else began."""
    return live.previous_ended_ms is not None and one.at_ms <= live.previous_ended_ms + REINCARNATION_MS


def born(work: Gathering, key: Key, live: LiveCall, one: Fact) -> LiveCall:
    """A call's row. Its direction may still be unknown: what arrives first is not always what happened first."""
    source = live.source
    assert isinstance(key, int), "only the latest incarnation is born"
    work.round_.births.append(
        CallRow(
            live.call_id,
            key,
            source.tenant,
            source.name,
            live.subject,
            live.incarnation,
            live.partition,
            live.born,
            one.at_ms,
            one.data.get("direction"),
        )
    )
    return live


def _fact_of(event: Event, body: bytes) -> Fact:
    data = event.data
    # Hundreds of calls name the same agents, devices and queues: they hold one copy.
    if (word := data.get("agent")) is not None:
        data["agent"] = intern(word)
    if (word := data.get("device")) is not None:
        data["device"] = intern(word)
    if (word := data.get("queue")) is not None:
        data["queue"] = intern(word)
    if event.correlation is not None or event.commandid is not None:
        extra = {"$correlation": event.correlation, "$commandid": event.commandid}
        data = {**data, **{name: value for name, value in extra.items() if value is not None}}
    kind = event.kind if event.known else f"?{event.type}"  # never one of ours, whatever the switch calls it
    # Whichever gateway took a result has dated it: the same one through another gateway is still the same.
    told = to_json(data) if kind == "commandResult" else body
    return fact(event.at_ms, event.sequence, event.id, kind, hash64(told), data)


def apply(work: Gathering, key: Key, live: LiveCall, one: Fact, entry: Entry, n: int = 0) -> None:
    """Put the fact into the call. `n` > 0: derived from the entry, not the entry itself."""
    known = find(live.history, one.id)
    if known is not None:
        _repeated(work, entry, known == one.body_hash)
        return
    kind = one.kind
    if live.facts >= FACTS_MAX and n == 0 and kind != "callCleared":
        work.telemetry.ignored(Ignored.TOO_MANY_EVENTS)
        work.dead_letter(entry, DeadLetter.TOO_LARGE, f"call {live.call_id} has {FACTS_MAX} events already")
        return
    before, live = live, live.copy()
    was = live.call
    data = to_json(one.data)
    live.history = join(live.history, pack(one, data))
    live.facts += 1
    if n == 0:
        if kind != "commandResult":  # a result is dated by the gateway unless the switch gave a time
            live.source.clock.observe(entry.appended_at_ms, one.at_ms, True)
        live.heard_ms = max(live.heard_ms, entry.appended_at_ms)
    ignored, beyond = _fold_in(live, one)
    call = live.call
    _write(work, live, one, entry, n, data)
    if ignored is not None:
        work.telemetry.ignored(ignored)
    if kind == "commandResult" and not answered(work, key, live, one):
        work.telemetry.ignored(Ignored.NO_SUCH_COMMAND)  # none of the call's own; it may be another one of the switch
        settle_by_id(work, live.source.tenant, live.source.name, dict(one.data), one.at_ms)
    if moved := _moved(was, call):
        fire_rules(work, key, live, moved)
    if moved or was.phase is not call.phase:
        work.telemetry.call_moved(was, call)
    if call.phase is ENDED:
        work.publish(live, before)
        work.ended.append(key)
    work.put(key, live)
    if beyond:
        _begin_with(work, key, live, beyond, entry, 1)


def _begin_with(work: Gathering, key: Key, live: LiveCall, facts: Sequence[Fact], entry: Entry, first_n: int) -> None:
    """The next incarnation, with the facts that are its own; with `first_n` 0 the first of them is the entry itself."""
    name = key if isinstance(key, int) else key[0]
    target: Key = name
    if isinstance(key, int):
        work.put(name, born(work, name, _after(work, name, live, entry), facts[0]))
    else:
        newest = work.layers.call(name)
        is_next = newest is not None and newest.incarnation == live.incarnation + 1
        target = name if is_next else (name, live.incarnation + 1)
    for n, one in enumerate(facts, start=first_n):
        after = work.layers.call(target)
        if after is not None:
            apply(work, target, after, one, entry, n)


def _moved(before: Call, after: Call) -> int:
    """What a rule looks at and has changed, as bits of `core.dues`."""
    if before.queue != after.queue or (after.phase is ENDED and before.phase is not ENDED):
        return ALL
    moved = 0
    if before.offers is not after.offers:
        moved = OFFERS
    if before.holds is not after.holds:
        moved |= HOLDS
    if before.waits is not after.waits:
        moved |= WAITS
    if before.answered_ms != after.answered_ms:
        moved |= ANSWER
    return moved


def _repeated(work: Gathering, entry: Entry, same: bool) -> None:
    if same:
        work.telemetry.ignored(Ignored.DUPLICATE)
    else:
        work.dead_letter(entry, DeadLetter.ID_CONFLICT, "this event id is known with other content")


def _fold_in(live: LiveCall, one: Fact) -> tuple[Ignored | None, Sequence[Fact]]:
    """Advance the call by the fact, or fold it again where the fact came late; why it changed nothing, if so."""
    order = one.order
    if live.last is None or order > live.last:
        live.state, ignored = advance(live.call, one)
        live.last = order
        return ignored, ()
    folded = fold(live.subject, unpack(live.history))
    live.state = folded.call
    return None, folded.beyond


def _write(work: Gathering, live: LiveCall, one: Fact, entry: Entry, n: int, data: bytes) -> None:
    sequence = None if one.sequence < 0 else one.sequence
    place = (live.partition, live.born, entry.position, n, one.at_ms, entry.appended_at_ms, sequence)
    row = (*place, one.kind, one.id, one.body_hash, data.decode())
    work.round_.timeline.append(tuple.__new__(TimelineRow, row))  # one an event; a call of the class is half as fast


def ingest_agent(work: Gathering, entry: Entry, event: Event) -> None:
    """One agent event: the agent's state, as far as it is the latest."""
    source = work.source(entry.tenant, event.source)
    source.clock.observe(entry.appended_at_ms, event.at_ms, False)
    if event.known and source.saw(event.kind):
        work.round_.sources.append(source.row(entry.partition))
    key = (entry.tenant, event.source, event.subject)
    known = work.layers.agent(key) or agents.Agent()
    digest = hash64(entry.body)
    repeated = agents.known_hash(known, event.id)
    if repeated is not None:
        _repeated(work, entry, repeated == digest)
        return
    one = agents.agent_fact(event.at_ms, event.sequence, event.id, event.kind, digest, event.data)
    set_agent(work, key, known, one, entry.partition)


def set_agent(
    work: Gathering, key: tuple[str, str, str], known: agents.Agent, one: agents.AgentFact, partition: int
) -> None:
    """The agent after this fact, written if it changed anything."""
    agent, ignored = agents.advance(known, one)
    work.layers.gathering.agents[key] = agent
    if ignored is not None:
        work.telemetry.ignored(ignored)
        return
    work.telemetry.agent_moved(None if known == agents.Agent() else known.state, agent.state)
    work.round_.agents.append(AgentRow(*key, partition, agent.state.value, agent.since_ms, agent.device, agent.reason))
