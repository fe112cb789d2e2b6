"""What the earlier release wrote: something of everything, over three days of appending."""

from cti.adapters.store import Store
from cti.rows import DeadLetterRow, Fence, KeyRow, OutcomeRow, Round, SourceRow, SwitchRow
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, agent, appending, breach, call, command, event
from tests.contract.rows import record as a_record

DAY_MS = 86_400_000
LIVE = call("live", 2, direction=None)
ENDED = call("ended", 1)
OTHER = call("other", 1, partition=3, subject="呼叫", key_hash=2**62)
LIVE_EVENTS = [
    event(2, 2 + day, at_ms=START_MS + day * DAY_MS, appended_at_ms=START_MS + day * DAY_MS) for day in range(3)
]
ENDED_EVENTS = [event(1, 1), event(1, 1, n=1, sequence=2**62), event(1, 6, data='{"agent":"1001","音":"嘟"}')]
OTHER_EVENTS = [event(1, 1, partition=3, body_hash=-(2**63))]
RECORD = a_record("ended", revision=2, ended_at_ms=START_MS + 2 * DAY_MS, answer_ms=None)
BREACHES = [breach("ended"), breach("ended", 1, rule="HOLD-2", limit_s=None)]
COMMANDS = [
    command("done", 1, call_id="ended"),
    command("open", 2, call_id="live", reason=None),
    command("observed", 3, call_id="", state="observed"),
    command("other", 1, call_id="other", partition=3, state="refused", reason="busy"),
]
AGENTS = [agent("1001", state="busy"), agent("1002", device=None, reason="lunch")]
SOURCES = [SourceRow(TENANT, SOURCE, 0, "delivered offered")]
SWITCH = SwitchRow(TENANT, "one", SOURCE, '{"commands":["deflectCall"]}')
KEYS = [
    KeyRow("k1", "digest", TENANT, "events:write", "one", "a label", START_MS, None),
    KeyRow("k2", "other", "other", "admin", "*", "", START_MS + 1, START_MS + 2),
]
UPGRADED_KEYS = [KEYS[0], KEYS[1]._replace(scopes="admin numbers:reveal")]
"""The same after the upgrade: who was `admin` could see telephone numbers."""
LETTER = DeadLetterRow(0, 9, TENANT, "unreadable", "no JSON", START_MS, b"\x00\xff{")
ENTRIES = [appending(f"call {n}", b'{"n":%d}' % n) for n in range(9)] + [appending("bytes", b"\x00\xff\n'\\")]
FENCES = [Fence(0, 1, 9, 3), Fence(1, 1, 4, 0), Fence(2, 1, 0, 0), Fence(3, 1, 5, 1)]


async def write(store: Store) -> None:
    """Into an empty store."""
    await store.log.append(ENTRIES)
    await store.ledger.claim("engine", PARTITIONS)
    await store.ledger.commit(
        Round(
            timeline=[*LIVE_EVENTS, *ENDED_EVENTS, *OTHER_EVENTS],
            births=[LIVE, ENDED, OTHER],
            records=[RECORD._replace(revision=1)],
            commands=COMMANDS,
            agents=AGENTS,
            sources=SOURCES,
            dead_letters=[LETTER],
            fences=[Fence(fence.partition, 1, fence.position - (fence.partition == 0), 3) for fence in FENCES],
        )
    )
    outcomes = [OutcomeRow("done", "done", None, START_MS)]
    await store.ledger.commit(Round(records=[RECORD], breaches=BREACHES, outcomes=outcomes, fences=FENCES))
    await store.ledger.put_switch(SWITCH)
    for key in KEYS:
        await store.ledger.add_key(key)
