"""What every event log keeps."""

import asyncio
from collections import defaultdict

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store
from cti.errors import LogTruncated
from cti.ports import EventLog
from schemas.envelope import body_of, read_event
from tests.contract.reading import WAIT_MAX_S, all_of, read_on
from tests.contract.rows import PARTITIONS, START_MS, appending

START = dict.fromkeys(range(PARTITIONS), 0)


async def test_what_is_appended_is_read_in_order_and_byte_for_byte(event_log: EventLog) -> None:
    bodies = [b'{"n":%d,"t":"\xe6\x8c\xaf"}' % n for n in range(50)]
    places = await event_log.append([appending(f"call {n % 7}", body) for n, body in enumerate(bodies)])
    entries = {(entry.partition, entry.position): entry for entry in await all_of(event_log)}
    assert [entries[place].body for place in places] == bodies
    assert {entry.tenant for entry in entries.values()} == {"grid"}
    for partition in range(PARTITIONS):
        wanted = [position for there, position in places if there == partition]
        assert [entry.position for entry in await read_on(event_log, {partition: 0}, 100, len(wanted))] == wanted
        assert wanted == sorted(set(wanted))


async def test_one_call_stays_in_one_partition_the_one_its_key_names(event_log: EventLog) -> None:
    items = [appending(f"call {n}") for n in range(20)] * 2
    places = await event_log.append(items)
    assert [partition for partition, _ in places] == [event_log.partition_of(item.key) for item in items]
    assert event_log.partitions % PARTITIONS == 0
    of_a_topic = event_log.partitions // PARTITIONS  # Kafka numbers three topics in turn
    assert {partition for partition, _ in places} == {n * of_a_topic for n in range(PARTITIONS)}


async def test_what_goes_everywhere_is_in_every_partition_and_the_first_is_told(event_log: EventLog) -> None:
    await event_log.append([appending("before")])
    places = await event_log.append(
        [appending("x", b"1"), appending("one", b"beat", everywhere=True), appending("x", b"2")]
    )
    beats = [entry for entry in await all_of(event_log) if entry.body == b"beat"]
    wanted = [partition for partition in range(event_log.partitions) if not event_log.passes_on(partition)]
    assert sorted(entry.partition for entry in beats) == wanted
    assert places[1] in {(entry.partition, entry.position) for entry in beats if entry.partition == 0}
    first, last = places[0], places[2]
    assert first[0] == last[0]
    assert last[1] == first[1] + 2


async def test_concurrent_appends_leave_no_gap(event_log: EventLog) -> None:
    answers = await asyncio.gather(
        *[event_log.append([appending(f"call {n}-{m}") for m in range(5)]) for n in range(40)]
    )
    taken = defaultdict(set)
    for partition, position in (place for places in answers for place in places):
        assert position not in taken[partition]
        taken[partition].add(position)
    assert {partition: len(positions) for partition, positions in taken.items()} == {
        partition: max(positions) for partition, positions in taken.items()
    }
    assert len(await all_of(event_log)) == 200


async def test_nothing_appended_is_nothing_done(event_log: EventLog) -> None:
    assert await event_log.append([]) == []
    assert await event_log.read(START, 10) == []
    assert (await event_log.end()).positions == dict.fromkeys(range(event_log.partitions), 0)


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


async def test_a_backlog_in_one_partition_starves_no_other(event_log: EventLog) -> None:
    by_partition = {event_log.partition_of(appending(f"call {n}").key): f"call {n}" for n in range(50)}
    await event_log.append([appending(by_partition[0])] * 500)
    await event_log.append([appending(by_partition[3])])
    entries = await read_on(event_log, START, 40, 11)
    assert {entry.partition for entry in entries} == {0, 3}
    assert len(entries) <= 40


async def test_reading_goes_on_behind_a_position(event_log: EventLog) -> None:
    subject = "one call"
    partition = event_log.partition_of(appending(subject).key)
    await event_log.append([appending(subject, b"%d" % n) for n in range(1, 31)])
    entries = await read_on(event_log, {partition: 12}, 5, 5)
    assert [(entry.position, entry.body) for entry in entries] == [(n, b"%d" % n) for n in range(13, 18)]
    assert await event_log.read({partition: 30}, 5) == []


async def test_a_waiting_reader_is_woken(event_log: EventLog) -> None:
    woken = asyncio.Event()
    event_log.wake(woken)
    assert await event_log.read(START, 10) == []
    woken.clear()  # a log may wake its readers for nothing: when it begins to hear other processes
    await event_log.append([appending("a")])
    await asyncio.wait_for(woken.wait(), WAIT_MAX_S)


async def test_the_parsed_event_is_spared_the_engine_beside_the_door(event_log: EventLog) -> None:
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
    assert await event_log.read(START, 10) == []  # the engine reads already
    await event_log.append([appending("a", body_of(item), event=judged)])
    (entry,) = await all_of(event_log)
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


async def test_purging_goes_by_the_order_where_dates_were_wrong_for_a_while(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries 2 and 3 were dated by a clock ten years ahead, 5 by one ten years back."""
    partition, years_ms = store.log.partition_of(appending("a").key), 10 * 365 * 86_400_000
    for date_ms in (0, years_ms, years_ms, 1_000, -years_ms, 2_000):
        monkeypatch.setattr(store.log, "_clock", VirtualClock(START_MS + date_ms))
        await store.log.append([appending("a")])
    latest_ms = START_MS + 3_000
    for before_ms, gone in ((-1, 0), (1, 1), (1_000, 0), (1_001, 4), (2_001, 1)):
        found = await store.log.purge(START_MS + before_ms, latest_ms)
        assert (before_ms, found) == (before_ms, gone)
    assert (await store.log.end()).positions[partition] == 6
    assert await store.log.read({partition: 6}, 10) == []


async def test_a_whole_piece_dated_by_a_clock_ahead_is_as_old_as_what_follows(
    store: Store, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ahead_ms = 10 * 365 * 86_400_000
    monkeypatch.setattr(store.log, "_clock", VirtualClock(START_MS + ahead_ms))
    await store.log.append([appending("a")] * 5_100)
    monkeypatch.setattr(store.log, "_clock", clock)
    assert await store.log.purge(START_MS + 500, START_MS + 1_000) == 0, "nobody knows how old they are"
    await store.log.append([appending("a")])
    assert await store.log.purge(START_MS, START_MS + 1_000) == 0
    assert [await store.log.purge(START_MS + 1, START_MS + 1_000) for _ in range(3)] == [5_000, 101, 0]


async def test_a_purge_does_a_bounded_piece(store: Store, clock: VirtualClock) -> None:
    partition = store.log.partition_of(appending("a").key)
    await store.log.append([appending("a")] * 5_100)
    clock.move_to(START_MS + 10)
    assert await store.log.purge(START_MS + 1) == 5_000
    assert await store.log.purge(START_MS + 1) == 100
    assert (await store.log.end()).positions[partition] == 5_100
