"""Loads from the ledger: a partition's live calls, agents and snapshots, and ended calls that late events belong to."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from pydantic_core import from_json

from cti.core.agent import Agent, AgentState
from cti.core.facts import REINCARNATION_MS
from cti.core.identity import is_plain
from cti.engine.gathering import hash_of, stored_hash_of
from cti.engine.ingest import belongs_earlier
from cti.engine.live_calls import AgentKey, Key, Layers, LiveCall, expired, loaded
from cti.engine.snapshots_kept import Snapshot
from cti.engine.sources import Source, Sources
from cti.ports import Entry, Ledger
from cti.rows import CallRow, OutboxRow, PastCall, StoredCall
from schemas.envelope import Event

FOLDED_AT_ONCE: Final = 100  # calls: some 5 ms
CALL_FAMILIES: Final = ("call", "")  # an event of an unknown type may belong to a call


class Loaded(NamedTuple):
    """One partition as the ledger has it."""

    calls: dict[Key, LiveCall]
    agents: dict[AgentKey, Agent]
    ended: list[Key]  # of the calls: ended, with a command that the switch has not answered
    outbox: list[OutboxRow]  # not yet acknowledged by their topics
    snapshots: list[tuple[Source, Snapshot]]


async def load_switches(sources: Sources, ledger: Ledger) -> None:
    """Load what switches declared, and which kinds of facts they send. Raises errors.LedgerAway."""
    for switch in await ledger.switches():
        sources.get(switch.tenant, switch.source).declare(switch.switch, from_json(switch.declaration))
    for row in await ledger.sources():
        sources.get(row.tenant, row.source).kinds_committed(row.kinds.split())


async def load(sources: Sources, ledger: Ledger, partition: int, *, publishing: bool) -> Loaded:
    """Load a partition's agents, snapshots and live calls, folds of their timelines; its outbox where there are topics
    (`publishing`). Raises errors.LedgerAway.
    """
    await load_switches(sources, ledger)
    found = Loaded({}, {}, [], await ledger.pending_outbox(partition) if publishing else [], [])
    for row in await ledger.snapshots(partition):
        snapshot = Snapshot(row.event_id, row.at_ms, frozenset(from_json(row.calls)))
        found.snapshots.append((sources.get(row.tenant, row.source), snapshot))
    for agent in await ledger.agents():
        if agent.partition == partition:
            last = (agent.since_ms, -1, 0, "")  # older events are in that state already
            known = Agent(AgentState(agent.state), agent.since_ms, agent.device, agent.reason, last)
            found.agents[agent.tenant, agent.source, agent.agent] = known
    async for stored in ledger.live_calls([partition]):
        for number, call in enumerate(stored):
            found.calls[_key_of(call.row)] = loaded(call, sources.get(call.row.tenant, call.row.source))
            if number % FOLDED_AT_ONCE == 0:
                await asyncio.sleep(0)  # folding takes a while; the other partitions must not wait
    await _know_earlier(found.calls, ledger)
    for ended in await ledger.stored_calls(await ledger.unanswered_calls(partition)):
        # Ended, with an open command: it stays until the result has come or the command counts as unanswered.
        key, live = _key_of(ended.row), loaded(ended, sources.get(ended.row.tenant, ended.row.source))
        if found.calls.setdefault(key, live) is live:
            found.ended.append(key)
    return found


async def _know_earlier(calls: Mapping[Key, LiveCall], ledger: Ledger) -> None:
    """Set, for each live call, the time up to which facts belong to the previous incarnation."""
    again = {key: live for key, live in calls.items() if live.incarnation and isinstance(key, int)}
    stored = sorted({stored_hash_of(live.source.tenant, live.source.name, live.subject) for live in again.values()})
    for past in await ledger.past_calls(stored) if stored else []:
        live = again.get(_key_of(past.row))
        if live is None:
            continue  # another call with the same stored hash
        until_ms = _until_ms(past, live.call.opened_at_ms)
        live.earlier_until_ms = max(until_ms, live.earlier_until_ms or until_ms)


def _until_ms(past: PastCall, next_opened_ms: int) -> int:
    """The time up to which facts belong to this past call, as `ingest.earlier_until_ms` has it."""
    until_ms = next_opened_ms - 1
    return until_ms if past.given_up else min(past.ended_at_ms + REINCARNATION_MS, until_ms)


async def remember(
    layers: Layers, sources: Sources, ledger: Ledger, events: Sequence[tuple[Entry, Event | str]]
) -> None:
    """Load the ended calls that these events may belong to, with one query a batch. Raises errors.LedgerAway."""
    wanted: dict[int, int] = {}  # key -> the hash it is stored under
    for entry, event in events:
        if isinstance(event, str):
            continue
        if event.kind == "switchSnapshot":
            wanted.update(_named(layers, entry, event))
            continue
        if event.family not in CALL_FAMILIES:
            continue
        key = hash_of(entry.tenant, event.source, event.subject)
        if key in wanted:
            continue
        live = layers.call(key)
        if live is None or belongs_earlier(live, event.kind, event.at_ms):
            wanted[key] = stored_hash_of(entry.tenant, event.source, event.subject)
    found = await ledger.past_calls(sorted(set(wanted.values()))) if wanted else []
    past = [call for call in found if _key_of(call.row) in wanted]  # the others only share a stored hash
    by_key: dict[int, list[PastCall]] = {}
    for call in past:
        by_key.setdefault(_key_of(call.row), []).append(call)
    for incarnations in by_key.values():
        latest = max(incarnations, key=_incarnation)
        if not latest.kept:
            _mark_used(layers, sources, latest)
    kept = sorted(call.row.call_id for call in past if call.kept)
    for stored in await ledger.stored_calls(kept) if kept else []:
        _bring_back(layers, sources, stored, by_key[_key_of(stored.row)])


def _key_of(row: CallRow) -> int:
    """`hash_of`, without a digest where the stored hash is the same."""
    return row.key_hash if is_plain(row.tenant, row.source) else hash_of(row.tenant, row.source, row.subject)


def _incarnation(past: PastCall) -> int:
    return past.row.incarnation


def _mark_used(layers: Layers, sources: Sources, past: PastCall) -> None:
    """Remember a call whose timeline was purged: it accepts no more facts, but its id was used."""
    row = past.row
    key = _key_of(row)
    if layers.call(key) is None:
        source = sources.get(row.tenant, row.source)
        layers.put(key, expired(row, past.ended_at_ms, source))
        layers.gathering.ended.append(key)


def _named(layers: Layers, entry: Entry, event: Event) -> Iterator[tuple[int, int]]:
    """(key, stored hash) of calls that a snapshot names and that are not in memory: they may have ended long ago."""
    for call in event.data["calls"]:
        key = hash_of(entry.tenant, event.source, call["call"])
        if layers.call(key) is None:
            yield key, stored_hash_of(entry.tenant, event.source, call["call"])


def _bring_back(layers: Layers, sources: Sources, stored: StoredCall, incarnations: Sequence[PastCall]) -> None:
    """Put an ended call into the round's layer: the latest incarnation under its key, an earlier one beside it."""
    row = stored.row
    live = loaded(stored, sources.get(row.tenant, row.source))
    earlier = (past for past in incarnations if past.row.incarnation < row.incarnation)
    live.earlier_until_ms = max((_until_ms(past, row.opened_at_ms) for past in earlier), default=None)
    latest = all(past.row.incarnation <= row.incarnation for past in incarnations)
    name = _key_of(row)
    own = latest and layers.call(name) is None
    key: Key = name if own else (name, row.incarnation)
    if layers.call(key) is None:  # else the call in memory is newer than the ledger
        layers.put(key, live)
        layers.gathering.ended.append(key)
