"""What was set aside is listed, shown and marked; what can be used goes back into every log as by the door."""

import json
from collections.abc import AsyncIterator, Iterable

from cti.adapters.ledger.memory import MemoryLedger
from cti.adapters.store import Store
from cti.cli.dead_letters_replay import LetterId, Replay, Verdict, verdicts, waiting_letters
from cti.ports import EventLog, Ledger
from cti.rows import DeadLetterFilter, DeadLetterRow, Round
from tests.contract.reading import all_of
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, fence

EVERY = DeadLetterFilter(waiting=False)


def body(subject: str, kind: str = "call.offered", **data: object) -> bytes:
    """Indented: bytes that the door itself would never write."""
    event = {
        "specversion": "1.0",
        "id": f"{subject}-{kind}",
        "source": SOURCE,
        "type": f"ringback.{kind}.v1",
        "subject": subject,
        "time": "2026-03-02T09:00:00.000+08:00",
        "data": data,
    }
    return json.dumps(event, indent=1).encode()


def dead_letter(position: int, partition: int = 0, **changed: object) -> DeadLetterRow:
    row = DeadLetterRow(
        partition, position, TENANT, "poison", "a defect", START_MS + position, body(f"call {position}")
    )
    return row._replace(**changed)


async def keep(ledger: Ledger, letters: Iterable[DeadLetterRow]) -> None:
    claims = await ledger.claim("test", PARTITIONS)
    await ledger.commit(Round(dead_letters=list(letters), fences=[fence(claims[0])]))


async def each(*letter_ids: LetterId) -> AsyncIterator[LetterId]:
    for letter_id in letter_ids:
        yield letter_id


async def replayed(log: EventLog, ledger: MemoryLedger, *letter_ids: LetterId, **options: bool) -> list[Verdict]:
    return [verdict async for verdict in Replay(log, ledger, **options).run(each(*letter_ids))]


# -- the ledger --------------------------------------------------------------------------------------------------------


async def test_letters_are_listed_in_pages_the_oldest_first(store: Store) -> None:
    kept = [dead_letter(n, partition=n % 2, at_ms=START_MS + n // 3) for n in range(1, 10)]
    await keep(store.ledger, kept)
    found, after = [], None
    while page := await store.ledger.dead_letters(DeadLetterFilter(), after, 4):
        found += page
        after = (page[-1].at_ms, page[-1].partition, page[-1].position)
    wanted = sorted(kept, key=lambda row: (row.at_ms, row.partition, row.position))
    assert [(line.partition, line.position) for line in found] == [(row.partition, row.position) for row in wanted]
    assert [line.size for line in found] == [len(row.body) for row in wanted]


async def test_letters_are_chosen_by_reason_tenant_and_time(store: Store) -> None:
    await keep(
        store.ledger, [dead_letter(1, reason="invalid"), dead_letter(2, tenant="other"), dead_letter(3), dead_letter(4)]
    )

    async def positions(**wanted: object) -> list[int]:
        return [line.position for line in await store.ledger.dead_letters(DeadLetterFilter(**wanted), None, 100)]

    assert await positions() == [1, 2, 3, 4]
    assert await positions(reason="invalid") == [1]
    assert await positions(tenant="other") == [2]
    assert await positions(since_ms=START_MS + 4) == [4]
    assert await positions(reason="poison", tenant=TENANT, since_ms=START_MS) == [3, 4]


async def test_a_letter_is_shown_byte_for_byte(store: Store) -> None:
    kept = dead_letter(7, reason="unreadable", body=b"\x00\xff not JSON \xe6\x8c", detail="no JSON: 振铃")
    await keep(store.ledger, [kept])
    assert await store.ledger.dead_letter(0, 7) == kept
    assert await store.ledger.dead_letter(0, 8) is None


async def test_a_mark_takes_a_letter_out_of_those_that_wait(store: Store) -> None:
    await keep(store.ledger, [dead_letter(1), dead_letter(2), dead_letter(3)])
    assert await store.ledger.mark_replayed([(0, 1), (0, 3), (3, 99)], START_MS + 500) == 2
    assert [line.position for line in await store.ledger.dead_letters(DeadLetterFilter(), None, 100)] == [2]
    marks = {line.position: line.replayed_at_ms for line in await store.ledger.dead_letters(EVERY, None, 100)}
    assert marks == {1: START_MS + 500, 2: None, 3: START_MS + 500}
    assert await store.ledger.mark_replayed([], START_MS) == 0


# -- back into the log -------------------------------------------------------------------------------------------------


async def test_a_letter_goes_into_the_log_with_its_own_bytes_where_its_key_belongs(event_log: EventLog) -> None:
    ledger = MemoryLedger()
    kept = [dead_letter(n, partition=3, tenant="other" if n == 2 else TENANT) for n in range(1, 6)]
    await keep(ledger, kept)
    found = await replayed(event_log, ledger, *[(3, n) for n in range(1, 6)])
    entries = {(entry.partition, entry.position): entry for entry in await all_of(event_log)}
    for row, verdict in zip(kept, found, strict=True):
        assert (verdict.letter_id, verdict.state) == ((3, row.position), "replayed")
        assert verdict.at is not None
        entry = entries[verdict.at]
        assert (entry.body, entry.tenant) == (row.body, row.tenant)
        assert entry.partition == event_log.partition_of(f"{row.tenant}:{SOURCE}:call {row.position}")
        assert entry.unfit is None
    assert await ledger.dead_letters(DeadLetterFilter(), None, 100) == []


async def test_an_event_of_a_switch_goes_everywhere_once_however_many_letters_it_left(event_log: EventLog) -> None:
    ledger, beat = MemoryLedger(), body("one", "switch.switchHeartbeat")
    await keep(ledger, [dead_letter(9, partition=n, body=beat) for n in range(PARTITIONS)])
    found = await replayed(event_log, ledger, *[(n, 9) for n in range(PARTITIONS)])
    assert [verdict.state for verdict in found] == ["replayed"] * PARTITIONS
    wanted = [partition for partition in range(event_log.partitions) if not event_log.passes_on(partition)]
    assert sorted(entry.partition for entry in await all_of(event_log) if entry.body == beat) == wanted
    assert await ledger.dead_letters(DeadLetterFilter(), None, 100) == []


async def test_what_is_still_unusable_stays_with_its_reason(store: Store) -> None:
    wrong = body("call 2", no_such_field=1)
    await keep(store.ledger, [dead_letter(1, body=b"no JSON"), dead_letter(2, body=wrong), dead_letter(3)])
    found = [one async for one in Replay(store.log, store.ledger).run(each((0, 1), (0, 2), (0, 3), (0, 4)))]
    told = {verdict.letter_id[1]: (verdict.state, verdict.why) for verdict in found}
    assert "JSON" in told[1][1]
    assert "/data/no_such_field" in told[2][1]
    assert told[4] == ("stays", "there is no such dead letter")
    assert {position: state for position, (state, _) in told.items()} == {
        1: "stays", 2: "stays", 3: "replayed", 4: "stays"
    }  # fmt: skip
    assert [line.position for line in await store.ledger.dead_letters(DeadLetterFilter(), None, 100)] == [1, 2]


async def test_nothing_is_replayed_twice_by_accident(store: Store) -> None:
    await keep(store.ledger, [dead_letter(1)])

    async def states(again: bool) -> list[str]:
        return [one.state async for one in Replay(store.log, store.ledger, again=again).run(each((0, 1)))]

    assert [await states(False), await states(False), await states(True)] == [["replayed"], ["stays"], ["replayed"]]
    assert len(await all_of(store.log)) == 2


async def test_a_dry_run_writes_nothing(store: Store) -> None:
    await keep(store.ledger, [dead_letter(1), dead_letter(2, body=b"")])
    states = [one.state async for one in verdicts(store.ledger, each((0, 1), (0, 2)), again=False)]
    assert states == ["replayable", "stays"]
    assert await all_of(store.log) == []
    assert len(await store.ledger.dead_letters(DeadLetterFilter(), None, 100)) == 2


async def test_those_that_come_while_a_reason_is_replayed_are_left(store: Store) -> None:
    await keep(store.ledger, [dead_letter(n, reason="id_conflict" if n % 2 else "poison") for n in range(1, 9)])
    found = [
        letter_id async for letter_id in waiting_letters(store.ledger, DeadLetterFilter("id_conflict"), START_MS + 6)
    ]
    assert found == [(0, 1), (0, 3), (0, 5)]
