"""Entries of the log become facts of calls and agents: identity, duplicates, incarnations, late facts.

* A repeated event id with the same bytes is a `duplicate`; with other bytes, or on another call of the source
  (`recent_ids`), it is dead-lettered as `id_conflict`. Of a result the data count: its time is the gateway's.
* An event that is not in order is kept with its call, which is folded again before the round commits (`late`).
* Which facts are the next incarnation's is `core.call_reuse`. An event goes to the earliest incarnation that it may
  belong to; that call's fold passes on what is the next one's.
"""

from collections.abc import Sequence
from sys import intern
from typing import Final

from pydantic_core import to_json

from cti.core import agent as agents
from cti.core.call import advance
from cti.core.call_reuse import begins_again, is_beyond
from cti.core.call_state import ENDED, PHASE_NULL, Call
from cti.core.dues import ALL, ANSWER, HOLDS, OFFERS, WAITS
from cti.core.fact_data import is_refusal
from cti.core.facts import (
    AFTERWARDS_KINDS,
    FIRST_KINDS,
    GIVEN_UP_KINDS,
    OPENING_KINDS,
    REINCARNATION_MS,
    RESULT_KINDS,
    STALE,
    Fact,
    fact,
    in_order,
)
from cti.core.identity import hash64
from cti.engine.carried_orders import COMMANDID, orders_with
from cti.engine.fire_rules import answered, fire_rules
from cti.engine.gathering import CallLimits, Gathering, hash_of, stored_hash_of
from cti.engine.late import LONG_FACTS, refolded
from cti.engine.live_calls import Key, LiveCall, newborn
from cti.engine.settle_results import settle_by_id, settled
from cti.engine.snapshots_kept import SNAPSHOTS_MAX, lacked_before_openings, lacked_between
from cti.ports import Entry
from cti.rows import AgentRow, CallRow, Round, TimelineRow
from schemas.envelope import Event
from schemas.reasons import DeadLetter, Ignored

# One entry may open many calls: each is born at the entry's position, with a number of its own above these bits. That
# is its index in a snapshot, or, from FOUND on, the incarnation of a call that was found among the facts of another.
BORN_BITS: Final = 40
FOUND: Final = 1 << 20
# May follow a call's end by any time; the gateway dates a result.
LATER_WORDS: Final = AFTERWARDS_KINDS - {"commandResult"}
ABSENT_N: Final = 100_001  # a derived fact's number at its position, as `timers.LOST_N` is; a snapshot's own stay below
LAST_ABSENT_N: Final = ABSENT_N + SNAPSHOTS_MAX


def ingest_call(work: Gathering, entry: Entry, event: Event) -> None:
    """One call event: into the incarnation of the call that it belongs to."""
    source = work.sources.get(entry.tenant, event.source)
    if event.known and source.saw(event.kind):
        work.round_.sources.append(source.row(entry.partition))
    call_key = hash_of(entry.tenant, event.source, event.subject)
    if event.kind != "commandResult" and work.recent_ids.is_of_another(entry.tenant, event.source, event.id, call_key):
        work.dead_letter(entry, DeadLetter.ID_CONFLICT, "this event id is known from another call of the source")
        return
    fact = _fact_of(event, entry.body)
    key: Key = call_key
    live = work.layers.call(key)
    while live is not None and belongs_earlier(live, fact.kind, fact.at_ms):
        key = (call_key, live.incarnation - 1)
        live = work.layers.call(key)
        if live is None:
            work.telemetry.ignored(Ignored.TIMELINE_EXPIRED)
            return
    if event.kind in RESULT_KINDS and settled(work, entry, event, live):
        return
    if live is None:
        if not event.known:
            work.telemetry.ignored(Ignored.UNKNOWN_TYPE if event.version < 2 else Ignored.NEWER_VERSION)
            return
        live = born(work.round_, key, newborn(source, event.subject, 0, entry.partition, entry.position), fact)
    elif _begins_after(key, live, fact):
        if key in work.late:  # its state is not known yet, and the next incarnation may have begun
            conclude(work, key)
            ingest_call(work, entry, event)
            return
        _begin_with(work, key, live, [fact, *_waiting(live)], entry, 0)
        return
    elif live.timeline_gone:
        work.telemetry.ignored(Ignored.TIMELINE_EXPIRED)
        return
    apply(work, key, live, fact, entry)


def _begins_after(key: Key, live: LiveCall, fact: Fact) -> bool:
    """Whether the fact opens the next incarnation after all facts of this one, so that this one need not keep it."""
    if not isinstance(key, int) or not begins_again(live.call, fact):
        return False
    return live.timeline_gone or (live.call.phase is ENDED and (live.last is None or live.last < fact.order))


def _waiting(live: LiveCall) -> list[Fact]:
    """Facts of the next incarnation that arrived before its opening; the ended call has kept them until now."""
    return [fact for fact in live.history() if is_beyond(live.call, fact)]


def next_incarnation(work: Gathering, key: int, live: LiveCall, opened_ms: int, born_at: int) -> LiveCall:
    """The next incarnation; the one before it stays at hand, under a key of its own, for what comes late."""
    if not live.timeline_gone:
        work.layers.put((key, live.incarnation), live)
        work.layers.gathering.ended.append((key, live.incarnation))
    after = newborn(live.source, live.subject, live.incarnation + 1, live.partition, born_at)
    after.earlier_until_ms = earlier_until_ms(live.call, opened_ms)
    return after


def earlier_until_ms(call: Call, next_opened_ms: int) -> int:
    """The time up to which facts belong to this call: 300 s after it was cleared, but not beyond the next opening.
    If its end is tentative, up to that opening.
    """
    until_ms = next_opened_ms - 1
    if call.ended_ms is None or call.ended_by in GIVEN_UP_KINDS or call.tentative.clock_stepped:
        return until_ms
    return min(call.ended_ms + REINCARNATION_MS, until_ms)


def belongs_earlier(live: LiveCall, kind: str, at_ms: int) -> bool:
    """Whether a fact belongs, by its time, to the previous incarnation."""
    if live.earlier_until_ms is None:
        return False
    if kind in LATER_WORDS and live.call.phase is not PHASE_NULL:
        return at_ms < live.call.opened_at_ms
    return at_ms <= live.earlier_until_ms


def born(round_: Round, key: Key, live: LiveCall, fact: Fact) -> LiveCall:
    """A call's row. Its direction may still be unknown: what arrives first is not always what happened first."""
    source = live.source
    assert isinstance(key, int), "only the latest incarnation is born"
    round_.births.append(
        CallRow(
            live.call_id,
            stored_hash_of(source.tenant, source.name, live.subject),
            source.tenant,
            source.name,
            live.subject,
            live.incarnation,
            live.partition,
            live.born,
            fact.at_ms,
            fact.data.get("direction"),
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
    kind = event.kind if event.known else f"?{event.type}"  # never one of ours, even if the switch uses that name
    # The gateway that accepts a result dates it; the same result sent through another gateway is still a duplicate.
    content = to_json(data) if kind == "commandResult" else body
    return fact(event.at_ms, event.sequence, event.id, kind, hash64(content), data)


def apply(work: Gathering, key: Key, live: LiveCall, fact: Fact, entry: Entry, n: int = 0) -> None:
    """Add the fact to the call. `n` > 0: the fact is derived from the entry, and is not the entry itself."""
    known = live.known_hash(fact.id)
    if known is not None:
        _repeated(work, entry, known == fact.body_hash)
        return
    if n == 0 and _is_full(work.limits, live) and not _ends_it(live, fact):
        work.telemetry.ignored(Ignored.TOO_MANY_EVENTS)
        held = f"call {live.call_id} has {live.facts} events, {live.size} bytes of them, already"
        work.dead_letter(entry, DeadLetter.CALL_TOO_LARGE, held)
        return
    before, live = live, live.copy()
    data, order = to_json(fact.data), fact.order
    live.add(fact, data)
    if n == 0 and fact.kind != "commandResult":  # a result is dated by the gateway unless the switch gave a time
        live.source.clock.observe(entry.appended_at_ms, fact.at_ms, True)
    if fact.kind not in GIVEN_UP_KINDS and not is_refusal(fact):
        live.heard_ms = max(live.heard_ms, entry.appended_at_ms)
    _write(work.round_, live, fact, entry, n, data)
    was, last = live.call, live.last
    late = last is not None and order <= last
    if not late:
        live.last = order
        late = (
            (work.late.facts > 0 and work.late.folds(key)) or begins_again(was, fact) or _may_be_lacked(live, was, fact)
        )
    if not late:
        live.state, ignored = advance(was, fact)
        if COMMANDID in fact.data and not is_beyond(was, fact):
            live.orders = orders_with(live.orders, fact, live.done)
        if ignored is not None:
            work.telemetry.ignored(ignored)
    if late or live.facts > LONG_FACTS:
        work.late.add(key, before, live, was, fact, entry, late)
        work.layers.put(key, live)
        return
    if fact.kind == "commandResult":
        _answered(work, key, live, fact)
    _follow(work, key, live, before, was, _moved(was, live.call))


def _is_full(limits: CallLimits, live: LiveCall) -> bool:
    """Whether the call has reached the limit of events or bytes."""
    return live.facts >= limits.events or (live.sealed is not None and live.size >= limits.bytes)


def _ends_it(live: LiveCall, fact: Fact) -> bool:
    """Whether the fact ends the call; a full call accepts it all the same."""
    return fact.kind == "callCleared" and live.call.ended_by != "callCleared"


def conclude_late(work: Gathering) -> dict[int, int]:
    """Conclude every call of `work.late`; how many facts those have, of each partition."""
    concluded: dict[int, int] = {}
    while work.late:
        live = conclude(work)
        concluded[live.partition] = concluded.get(live.partition, 0) + live.facts
    return concluded


def conclude(work: Gathering, only: Key | None = None) -> LiveCall:
    """Fold the call again if a fact of it came late, and do what follows; this call, or the first that waits."""
    key, late = work.late.take(only)
    kept = work.layers.call(key)
    assert kept is not None, "what came late is in the round's own layer"
    live, beyond = refolded(kept) if late.folds else (kept.copy(), ())
    for n in range(ABSENT_N, LAST_ABSENT_N) if late.folds else ():
        absent = absence(live, beyond)
        if absent is None:
            break
        live.add(absent, b"{}")
        _write(work.round_, live, absent, late.entry, n, b"{}")
        live, beyond = refolded(live)
    work.dial_facts.take_back(live, late.before.orders)
    for result in late.results:
        _answered(work, key, live, result)
    _follow(work, key, live, late.before, late.was, ALL)
    if beyond:
        _begin_with(work, key, live, beyond, late.entry, 1)
    return live


def _may_be_lacked(live: LiveCall, was: Call, fact: Fact) -> bool:
    """Whether this may open another call of the id, after a snapshot that lacked this one and arrived before it."""
    if fact.kind not in OPENING_KINDS or was.phase is PHASE_NULL:
        return False
    if fact.kind not in FIRST_KINDS and fact.at_ms <= was.latest_ms + REINCARNATION_MS:
        return False
    return absence(live, ()) is not None


def absence(live: LiveCall, beyond: Sequence[Fact]) -> Fact | None:
    """That a snapshot lacked this call: news only where an opening after it is among the facts.

    `beyond`: those that are known to be the next incarnation's, its opening first.
    """
    kept, opened_ms, last = live.source.snapshots.get(live.partition, ()), live.call.opened_at_ms, live.last
    if last is None or live.call.phase is PHASE_NULL or lacked_between(kept, live.subject, opened_ms, last[0]) is None:
        return None
    facts = in_order(live.history())
    until = facts.index(beyond[0]) if beyond else len(facts)
    for snapshot in lacked_before_openings(kept, live.subject, opened_ms, facts[:until]):
        stale = snapshot.derived(STALE)
        if live.known_hash(stale.id) is None:
            return stale
    return None


def _answered(work: Gathering, key: Key, live: LiveCall, result: Fact) -> None:
    if not answered(work.commands, key, live, result):
        work.telemetry.ignored(Ignored.NO_SUCH_COMMAND)  # none of the call's own; it may be another one of the switch
        settle_by_id(work.round_, live.source.tenant, live.source.name, dict(result.data), result.at_ms)


def _follow(work: Gathering, key: Key, live: LiveCall, before: LiveCall, was: Call, moved: int) -> None:
    """What follows from the call's new state; `live` is the round's own copy, `was` the state before."""
    call = live.call
    if moved:
        fire_rules(work.commands, key, live, moved)
    if call.extras is not was.extras:
        work.callback_requests.follow(key, live, was)
    if work.callers.asked and (call.opening is not was.opening or live.call_id in work.callers.by_call):
        work.callers.follow(key, live, was)
    if moved or was.phase is not call.phase:
        work.telemetry.call_moved(was, call)
    if call.phase is ENDED:
        work.publish(live, before)
        work.layers.gathering.ended.append(key)
    if live.orders:
        work.dial_facts.follow(live, before, was)
    work.layers.put(key, live)


def _begin_with(work: Gathering, key: Key, live: LiveCall, facts: Sequence[Fact], entry: Entry, first_n: int) -> None:
    """The next incarnation, with the facts that are its own; with `first_n` 0 the first of them is the entry itself."""
    call_key = key if isinstance(key, int) else key[0]
    target: Key = call_key
    if isinstance(key, int):
        # Of the facts of one call several may begin, all with this entry.
        born_at = entry.position + (FOUND + live.incarnation << BORN_BITS if first_n else 0)
        after = next_incarnation(work, call_key, live, facts[0].at_ms, born_at)
        work.layers.put(call_key, born(work.round_, call_key, after, facts[0]))
    else:
        newest = work.layers.call(call_key)
        is_next = newest is not None and newest.incarnation == live.incarnation + 1
        target = call_key if is_next else (call_key, live.incarnation + 1)
    for n, later in enumerate(facts, start=first_n):
        begun = work.layers.call(target)
        if begun is not None:
            apply(work, target, begun, later, entry, n)


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


def _write(round_: Round, live: LiveCall, fact: Fact, entry: Entry, n: int, data: bytes) -> None:
    sequence = None if fact.sequence < 0 else fact.sequence
    key_columns = (live.partition, live.born, entry.position, n, fact.at_ms, entry.appended_at_ms, sequence)
    row = (*key_columns, fact.kind, fact.id, fact.body_hash, data.decode())
    round_.timeline.append(tuple.__new__(TimelineRow, row))  # one an event; a call of the class is half as fast


def ingest_agent(work: Gathering, entry: Entry, event: Event) -> None:
    """One agent event: the agent's state, as far as it is the latest."""
    source = work.sources.get(entry.tenant, event.source)
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
    at_ms = agents.counted_ms(event.at_ms, entry.appended_at_ms)
    fact = agents.agent_fact(at_ms, event.sequence, event.id, event.kind, digest, event.data)
    set_agent(work, key, known, fact, entry.partition)


def set_agent(
    work: Gathering, key: tuple[str, str, str], known: agents.Agent, fact: agents.AgentFact, partition: int
) -> None:
    """The agent after this fact, written if it changed anything."""
    agent, ignored = agents.advance(known, fact)
    work.layers.gathering.agents[key] = agent
    if ignored is not None:
        work.telemetry.ignored(ignored)
        return
    work.telemetry.agent_moved(None if known == agents.Agent() else known.state, agent.state)
    work.round_.agents.append(AgentRow(*key, partition, agent.state.value, agent.since_ms, agent.device, agent.reason))
