"""What every event log keeps."""

import asyncio
from collections import defaultdict

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store
from cti.errors import LogTruncated
from cti.ports import Entry, EventLog
from schemas.envelope import body_of, read_event
from tests.contract.rows import PARTITIONS, START_MS, appending

START = dict.fromkeys(range(PARTITIONS), 0)


async def all_of(log: EventLog) -> list[Entry]:
    """Everything, read in small pieces as an engine does."""
    after = dict(START)
    found: list[Entry] = []
    while entries := await log.read(after, 10):
        found += entries
        after |= {entry.partition: entry.position for entry in entries}
    return found


async def test_what_is_appended_is_read_in_order_and_byte_for_byte(store: Store) -> None:
    bodies = [b'{"n":%d,"t":"\xe6\x8c\xaf"}' % n for n in range(50)]
    places = await store.log.append([appending(f"call {n % 7}", body) for n, body in enumerate(bodies)])
    entries = {(entry.partition, entry.position): entry for entry in await all_of(store.log)}
    assert [entries[place].body for place in places] == bodies
    assert {entry.tenant for entry in entries.values()} == {"grid"}
    for partition in range(PARTITIONS):
        positions = [entry.position for entry in await store.log.read({partition: 0}, 100)]
        assert positions == list(range(1, len(positions) + 1))


async def test_one_call_stays_in_one_partition_the_one_its_key_names(store: Store) -> None:
    items = [appending(f"call {n}") for n in range(20)] * 2
    places = await store.log.append(items)
    assert [partition for partition, _ in places] == [store.log.partition_of(item.key) for item in items]
    assert store.log.partitions == PARTITIONS
    assert {partition for partition, _ in places} == set(range(PARTITIONS))


async def test_what_goes_everywhere_is_in_every_partition_and_the_first_is_told(store: Store) -> None:
    await store.log.append([appending("before")])
    places = await store.log.append(
        [appending("x", b"1"), appending("one", b"beat", everywhere=True), appending("x", b"2")]
    )
    beats = [entry for entry in await all_of(store.log) if entry.body == b"beat"]
    assert [entry.partition for entry in sorted(beats, key=lambda entry: entry.partition)] == list(range(PARTITIONS))
    assert places[1] in {(entry.partition, entry.position) for entry in beats if entry.partition == 0}
    first, last = places[0], places[2]
    assert first[0] == last[0]
    assert last[1] == first[1] + 2


async def test_concurrent_appends_leave_no_gap(store: Store) -> None:
    answers = await asyncio.gather(
        *[store.log.append([appending(f"call {n}-{m}") for m in range(5)]) for n in range(40)]
    )
    taken = defaultdict(set)
    for partition, position in (place for places in answers for place in places):
        assert position not in taken[partition]
        taken[partition].add(position)
    assert {partition: len(positions) for partition, positions in taken.items()} == {
        partition: max(positions) for partition, positions in taken.items()
    }
    assert len(await all_of(store.log)) == 200


async def test_nothing_appended_is_nothing_done(store: Store) -> None:
    assert await store.log.append([]) == []
    assert await store.log.read(START, 10) == []
    assert (await store.log.end()).positions == START


async def test_the_end_is_every_partitions_last_position_and_the_time_of_asking(
    store: Store, clock: VirtualClock
) -> None:
    places = await store.log.append([appending("a"), appending("a"), appending("b", everywhere=True)])
    clock.move_to(START_MS + 500)
    end = await store.log.end()
    assert end.positions == {n: 3 if n == places[0][0] else 1 for n in range(PARTITIONS)}
    assert end.at_ms == START_MS + 500


async def test_entries_are_dated_by_the_logs_clock(store: Store, clock: VirtualClock) -> None:
    await store.log.append([appending("a")])
    clock.move_to(START_MS + 1234.9)
    await store.log.append([appending("a")])
    dates = [entry.appended_at_ms for entry in await all_of(store.log)]
    assert dates == [START_MS, START_MS + 1234]
    assert store.log.now_ms() == START_MS + 1234.9


async def test_a_backlog_in_one_partition_starves_no_other(store: Store) -> None:
    by_partition = {store.log.partition_of(appending(f"call {n}").key): f"call {n}" for n in range(50)}
    await store.log.append([appending(by_partition[0])] * 500)
    await store.log.append([appending(by_partition[3])])
    entries = await store.log.read(START, 40)
    assert {entry.partition for entry in entries} == {0, 3}
    assert len(entries) <= 40


async def test_reading_goes_on_behind_a_position(store: Store) -> None:
    subject = "one call"
    partition = store.log.partition_of(appending(subject).key)
    await store.log.append([appending(subject, b"%d" % n) for n in range(1, 31)])
    entries = await store.log.read({partition: 12}, 5)
    assert [(entry.position, entry.body) for entry in entries] == [(n, b"%d" % n) for n in range(13, 18)]
    assert await store.log.read({partition: 30}, 5) == []


async def test_a_waiting_reader_is_woken(store: Store) -> None:
    woken = asyncio.Event()
    store.log.wake(woken)
    assert not woken.is_set()
    await store.log.append([appending("a")])
    assert woken.is_set()


async def test_the_parsed_event_is_spared_the_engine_beside_the_door(store: Store) -> None:
    item = {
        "specversion": "1.0",
        "id": "1",
        "source": "/switches/one",
        "type": "ringback.call.offered.v1",
        "subject": "a",
        "time": "2026-03-02T01:00:12.000Z",
        "data": {"calling": "1", "called": "2", "direction": "inbound"},
    }
    judged = read_event(item)
    await store.log.append([appending("a", body_of(item), event=judged)])
    (entry,) = await all_of(store.log)
    assert entry.event is judged


async def test_purging_drops_what_is_old_and_reading_there_stops_loudly(store: Store, clock: VirtualClock) -> None:
    partition = store.log.partition_of(appending("a").key)
    await store.log.append([appending("a")] * 3)
    clock.move_to(START_MS + 1000)
    await store.log.append([appending("a")] * 2)
    assert await store.log.purge(START_MS + 1000) == 3
    assert await store.log.purge(START_MS + 1000) == 0
    assert (await store.log.end()).positions[partition] == 5
    for outdated in (0, 2):
        with pytest.raises(LogTruncated):
            await store.log.read({partition: outdated}, 10)
    assert [entry.position for entry in await store.log.read({partition: 3}, 10)] == [4, 5]
    assert await store.log.purge(START_MS + 5000) == 2
    with pytest.raises(LogTruncated):
        await store.log.read({partition: 3}, 10)
    assert await store.log.read({partition: 5}, 10) == []
    assert [place[1] for place in await store.log.append([appending("a")])] == [6]


async def test_a_purge_does_a_bounded_piece(store: Store, clock: VirtualClock) -> None:
    partition = store.log.partition_of(appending("a").key)
    await store.log.append([appending("a")] * 5_100)
    clock.move_to(START_MS + 10)
    assert await store.log.purge(START_MS + 1) == 5_000
    assert await store.log.purge(START_MS + 1) == 100
    assert (await store.log.end()).positions[partition] == 5_100
