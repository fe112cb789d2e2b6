"""The small parts of the event logs: partitioning, the tail in memory, the clock set against a server's."""

import pytest
from aiokafka import ConsumerRecord
from aiokafka.partitioner import DefaultPartitioner
from hypothesis import given
from hypothesis import strategies as st

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_kafka.records import Reading
from cti.adapters.log_clock import RESET_MS, ServerClock
from cti.adapters.log_tail import EVENT_BYTES, READ_KEPT, UNKNOWN, LogTail
from cti.adapters.partitioning import partition_of, partition_of_bytes
from cti.errors import LedgerAway
from cti.ports import Entry
from schemas.envelope import read_event
from tests.clocks import WatchedClock


@pytest.mark.parametrize(
    ("key", "murmur2"),
    [  # what the Java client's own tests expect
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
    ],
)
def test_partitions_are_those_of_kafkas_java_client(key: str, murmur2: int) -> None:
    assert partition_of(key, 1_000_003) == (murmur2 & 0x7FFF_FFFF) % 1_000_003
    assert partition_of(key, 1) == 0


@given(st.binary(min_size=1, max_size=90), st.integers(1, 256))
def test_partitions_are_those_of_the_clients_own_partitioner(key: bytes, partitions: int) -> None:
    every = list(range(partitions))
    assert partition_of_bytes(key, partitions) == DefaultPartitioner()(key, every, every)


def test_dates_do_not_fall_where_a_brokers_clock_does() -> None:
    def record(offset: int, timestamp: int) -> ConsumerRecord:
        return ConsumerRecord("calls.events", 0, offset, timestamp, 1, b"grid:a:b", b"{}", None, 8, 2, ())

    reading = Reading(0, 0, 1, "grid")
    first = reading.entries([record(0, 1_000), record(1, 900), record(2, 1_100)])
    assert [one.appended_at_ms for one in first + reading.entries([record(3, 1_050)])] == [1_000, 1_000, 1_100, 1_100]
    reading.begin()
    assert [one.appended_at_ms for one in reading.entries([record(1, 900)])] == [900]


def entry(position: int, size: int = 10) -> Entry:
    return Entry(0, position, 0, "grid", b"x" * size)


def positions(entries: list[Entry]) -> list[int]:
    return [entry.position for entry in entries]


def filled(tail: LogTail, first: int, last: int) -> LogTail:
    for position in range(first, last + 1):
        tail.add(entry(position))
    return tail


def test_a_tail_gives_what_follows_a_position() -> None:
    tail = filled(LogTail(4), 5, 9)
    assert positions(tail.read(4, 3)) == [5, 6, 7]
    assert positions(tail.read(7, 100)) == [8, 9]
    assert tail.read(9, 100) == tail.read(3, 100) == tail.read(20, 100) == []
    assert tail.last == 9


def test_a_tail_is_bounded_in_entries_and_bytes() -> None:
    assert positions(filled(LogTail(0, entries_max=3), 1, 9).read(6, 100)) == [7, 8, 9]
    assert filled(LogTail(0, entries_max=3), 1, 9).read(5, 100) == []
    assert positions(filled(LogTail(0, bytes_max=25), 1, 9).read(7, 100)) == [8, 9]
    assert filled(LogTail(0, bytes_max=25), 1, 9).read(6, 100) == []
    assert positions(filled(LogTail(0, bytes_max=5), 1, 9).read(8, 100)) == [9]


def test_what_was_read_goes_but_for_the_last_rounds() -> None:
    tail = filled(LogTail(0), 1, READ_KEPT + 20)
    assert positions(tail.read(READ_KEPT, 2)) == [READ_KEPT + 1, READ_KEPT + 2]
    assert positions(tail.read(0, 1)) == [1]
    assert positions(tail.read(READ_KEPT + 10, 1)) == [READ_KEPT + 11]
    assert tail.read(9, 1) == []
    assert positions(tail.read(10, 1)) == [11]
    assert positions(filled(tail, READ_KEPT + 21, READ_KEPT + 22).read(READ_KEPT + 20, 5)) == [
        READ_KEPT + 21,
        READ_KEPT + 22,
    ]
    assert tail.read(3 * READ_KEPT, 1) == tail.read(READ_KEPT + 20, 1) == []
    assert positions(filled(tail, READ_KEPT + 23, READ_KEPT + 23).read(READ_KEPT + 22, 5)) == [READ_KEPT + 23]


def test_an_event_counts_beside_its_body() -> None:
    event = read_event(
        {
            "specversion": "1.0",
            "id": "e",
            "source": "/s",
            "type": "ringback.call.delivered.v1",
            "subject": "c",
            "time": "2026-03-02T01:00:12.000Z",
            "data": {"connection": "leg", "device": "8001"},
        }
    )
    tail = LogTail(0, bytes_max=2 * EVENT_BYTES + 100)
    for position in (1, 2, 3):
        tail.add(Entry(0, position, 0, "grid", b"x" * 10, event))
    assert tail.read(0, 9) == []
    assert positions(tail.read(1, 9)) == [2, 3]


def test_a_tail_begins_anew_after_a_gap() -> None:
    tail = filled(filled(LogTail(0), 1, 3), 6, 7)
    assert tail.read(0, 100) == tail.read(3, 100) == []
    assert positions(tail.read(5, 100)) == [6, 7]


def test_a_tail_that_does_not_know_the_end_still_gives_what_it_holds() -> None:
    tail = filled(LogTail(UNKNOWN), 6, 7)
    tail.last = UNKNOWN
    assert positions(tail.read(5, 100)) == [6, 7]
    tail.add(entry(8))
    assert tail.last == 8


def test_a_tail_forgets_and_goes_on() -> None:
    tail = filled(LogTail(0), 1, 3)
    tail.forget()
    assert tail.read(0, 100) == tail.read(2, 100) == []
    assert tail.last == 3
    tail.add(entry(4))
    assert positions(tail.read(3, 100)) == [4]


class Server:
    """A server's clock, `lead_ms` ahead of a local one; an answer takes `way_ms` of local time."""

    def __init__(self, local: VirtualClock | WatchedClock, lead_ms: float) -> None:
        self.local = local
        self.lead_ms = lead_ms
        self.way_ms = [2.0]
        self.away = False

    async def ask(self) -> float:
        if self.away:
            raise LedgerAway("test")
        way_ms = self.way_ms.pop() if len(self.way_ms) > 1 else self.way_ms[0]
        self.local.move_to(self.local.now_ms() + way_ms / 2)
        told = self.local.now_ms() + self.lead_ms
        self.local.move_to(self.local.now_ms() + way_ms / 2)
        return told


async def test_the_clock_takes_over_the_servers_lead() -> None:
    local = VirtualClock(1_000)
    clock = ServerClock(local, Server(local, 5_000).ask)
    await clock.set()
    assert clock.now_ms() == local.now_ms() + 5_000


async def test_a_clock_set_back_stands_still_until_it_is_due() -> None:
    local = VirtualClock(1_000)
    server = Server(local, 5_000)
    clock = ServerClock(local, server.ask)
    await clock.set()
    before_ms = clock.now_ms()
    server.lead_ms = 4_000
    await clock.set()
    assert clock.now_ms() == before_ms
    local.move_to(local.now_ms() + 2_000)
    assert clock.now_ms() == local.now_ms() + 4_000


async def test_it_is_set_again_every_ten_seconds_and_survives_a_server_that_is_away() -> None:
    local = WatchedClock(1_000)
    server = Server(local, 5_000)
    clock = ServerClock(local, server.ask)
    await clock.start()
    seen = []
    for lead_ms, away in ((6_000, False), (9_000, True), (7_000, False)):
        until_ms = await local.waits.get()
        assert until_ms == local.now_ms() + RESET_MS
        seen.append(clock.now_ms() - local.now_ms())
        server.lead_ms, server.away = lead_ms, away
        local.move_to(until_ms)
    await local.waits.get()
    await clock.stop()
    assert [*seen, clock.now_ms() - local.now_ms()] == [5_000, 6_000, 6_000, 7_000]
