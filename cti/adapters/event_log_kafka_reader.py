"""What comes out of Kafka: a consumer that is told where to read, and a shelf of fetched records for each partition.

A task moves what was fetched onto the shelves and wakes who waits; a full shelf is not fetched for until half of it is
gone. `read` takes from the shelves and waits for nothing, except where it is asked to begin elsewhere: then the log is
asked first whether it still holds what follows.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from cti.adapters.event_log_kafka_records import Reading
from cti.adapters.event_log_kafka_settings import KafkaOptions, make_consumer
from cti.adapters.event_log_kafka_topics import Topics
from cti.errors import LogAway, LogTruncated
from cti.ports import Entry

START_MAX_S = 20.0
ASK_MAX_S = 3.0  # for where partitions begin and end
STOP_MAX_S = 2.0
STALL_S = 30.0  # more is in the log, and nothing has come for so long: the client is made anew
FETCH_WAIT_MS = 1_000
PIECE_RECORDS = 1_000  # what is unpacked in one go: a few milliseconds
SHELF_RECORDS_MAX = 20_000
SHELVES_BYTES_MAX = 64 * 1024 * 1024  # of all partitions; beside it at most one fetch of each
RECORD_BYTES = 500  # what a record takes beside its value, roughly
FAULT_PAUSE_S = 0.1

logger = structlog.get_logger()


class KafkaReader:
    """Entries behind given positions, from the partitions that are asked for."""

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options = options
        self._topics = topics
        self._client: AIOKafkaConsumer | None = None
        self._shelves: dict[int, _Shelf] = {}
        self._assigned = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._wakes: set[asyncio.Event] = set()
        self._fault: KafkaError | None = None
        self._fetched_s = 0.0  # when something was last fetched, or could not be missing, by the loop's clock

    async def start(self) -> None:
        """Raises `LogAway`."""
        consumer = make_consumer(self._options)
        try:
            await asyncio.wait_for(consumer.start(), START_MAX_S)
        except (KafkaError, OSError, TimeoutError) as error:
            await _close(consumer)
            raise LogAway(f"Kafka cannot be reached: {error!r}") from error
        except BaseException:
            await _close(consumer)
            raise
        self._client = consumer
        self._fetched_s = asyncio.get_running_loop().time()
        self._pump = asyncio.create_task(self._keep_fetching(consumer))

    async def stop(self) -> None:
        if self._pump is not None:
            self._pump.cancel()
            await asyncio.gather(self._pump, return_exceptions=True)
        if self._client is not None:
            await _close(self._client)
        self._client = self._pump = None

    def wake(self, event: asyncio.Event) -> None:
        self._wakes.add(event)

    def reads(self, partition: int) -> bool:
        """Whether this partition's entries are being asked for."""
        return partition in self._shelves

    # -- reading -------------------------------------------------------------------------------------------------------

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """As `EventLog.read`. What a quiet partition leaves of its share goes to the busy ones."""
        if after.keys() != self._shelves.keys() or any(
            self._shelves[partition].after != position for partition, position in after.items()
        ):
            await self._begin(after)
        share = max(1, limit // max(1, len(after)))
        found: list[Entry] = []
        for shelf in self._shelves.values():
            found += shelf.take(share)
        for shelf in self._shelves.values():
            if len(found) >= limit:
                break
            found += shelf.take(limit - len(found))
        self._resume()
        if not found and self._fault is not None:
            fault, self._fault = self._fault, None
            raise LogAway(f"Kafka cannot be read: {fault!r}") from fault
        return found

    async def _begin(self, after: Mapping[int, int]) -> None:
        """Read on from these positions: ask whether the log still has them, then change over in one go."""
        changed = {
            partition: position
            for partition, position in after.items()
            if partition not in self._shelves or self._shelves[partition].after != position
        }
        await self._check(changed)
        shelves = {partition: self._shelves.get(partition) or self._shelf(partition) for partition in after}
        for partition, position in changed.items():
            shelves[partition].begin(position)
        consumer = self._consumer()
        again = shelves.keys() != self._shelves.keys()
        if again:
            consumer.assign([shelf.place for shelf in shelves.values()])
            for shelf in shelves.values():
                shelf.paused = False
        for partition in shelves if again else changed:
            consumer.seek(shelves[partition].place, shelves[partition].next_offset)
        self._shelves = shelves
        self._fetched_s = asyncio.get_running_loop().time()
        (self._assigned.set if shelves else self._assigned.clear)()

    def _shelf(self, partition: int) -> "_Shelf":
        place = self._topics.place(partition)
        reading = Reading(partition, place.partition, self._topics.partitions, self._options.tenant)
        return _Shelf(place, reading)

    async def _check(self, changed: Mapping[int, int]) -> None:
        """Raises `LogTruncated` where the log begins later, or ends sooner, than we stand; `LogAway`."""
        places = {self._topics.place(partition): position for partition, position in changed.items()}
        firsts, ends = await self._offsets(list(places), ends=False), await self._offsets(list(places))
        for place, position in places.items():
            if not firsts[place] <= position <= ends[place]:
                raise _truncated(place, position, f"it holds {firsts[place]} to {ends[place] - 1}")

    async def ends(self) -> dict[int, int]:
        """The position that ends each log partition, as `EventLog.end`. Raises `LogAway`.

        Kafka's own marks (a transaction's end) take places, and may be the last: what was read up to them is the end.
        """
        count, shelves = self._topics.count, self._shelves
        offsets = await self._offsets([self._topics.place(partition) for partition in range(count)])
        ends = {partition: offsets[self._topics.place(partition)] for partition in range(count)}
        behind = False
        for partition, shelf in shelves.items():
            if shelf.after < ends[partition] and not shelf.records:
                if await self._consumer().position(shelf.place) >= ends[partition]:
                    ends[partition] = shelf.after
                else:
                    behind = True
        await self._look_for_a_stall(behind)
        return ends

    async def _offsets(self, places: Sequence[TopicPartition], *, ends: bool = True) -> dict[TopicPartition, int]:
        """The offset behind the last record of each place, or that of its first."""
        consumer = self._consumer()
        asked = consumer.end_offsets if ends else consumer.beginning_offsets
        try:
            async with asyncio.timeout(ASK_MAX_S):
                found: dict[TopicPartition, int] = await asked(places)
        except (KafkaError, TimeoutError) as error:
            raise LogAway(f"Kafka did not say where its partitions end: {error!r}") from error
        return found

    def _consumer(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise LogAway("the log was stopped")
        return self._client

    # -- fetching ------------------------------------------------------------------------------------------------------

    async def _keep_fetching(self, consumer: AIOKafkaConsumer) -> None:
        while True:
            await self._assigned.wait()
            try:
                found = await consumer.getmany(timeout_ms=FETCH_WAIT_MS, max_records=PIECE_RECORDS)
            except OffsetOutOfRangeError as error:
                self._lost(consumer, error)
                found = {}
            except KafkaError as error:
                logger.warning("Kafka cannot be read", action="log_unread", why=repr(error))
                self._fault = error
                await asyncio.sleep(FAULT_PAUSE_S)
                found = {}
            if found:
                self._shelve(consumer, found)
                await asyncio.sleep(0)  # what is at hand comes without a wait: let others run

    def _shelve(self, consumer: AIOKafkaConsumer, found: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> None:
        self._fault = None
        self._fetched_s = asyncio.get_running_loop().time()
        bytes_max = SHELVES_BYTES_MAX // max(1, len(self._shelves))
        for place, records in found.items():
            shelf = self._shelves.get(self._topics.number(place))
            if shelf is None:
                continue
            shelf.put(records)
            if len(shelf.records) > SHELF_RECORDS_MAX or shelf.size > bytes_max:
                shelf.paused = True
                consumer.pause(place)
        self._wake_all()

    def _lost(self, consumer: AIOKafkaConsumer, error: OffsetOutOfRangeError) -> None:
        """The log does not hold what comes next: whoever asks for it will be told."""
        for place, offset in dict(*error.args).items():
            consumer.pause(place)
            shelf = self._shelves.get(self._topics.number(place))
            if shelf is not None and shelf.next_offset == offset:
                shelf.paused, shelf.lost = True, _truncated(place, offset, "the broker says so")
        self._wake_all()

    def _wake_all(self) -> None:
        for event in self._wakes:
            event.set()

    def _resume(self) -> None:
        for shelf in self._shelves.values():
            if shelf.paused and shelf.lost is None and len(shelf.records) < SHELF_RECORDS_MAX // 2:
                size_max = SHELVES_BYTES_MAX // len(self._shelves) // 2
                if shelf.size <= size_max:
                    shelf.paused = False
                    self._consumer().resume(shelf.place)

    async def _look_for_a_stall(self, behind: bool) -> None:
        """Make the client anew where it should have fetched long ago and has not: it is stuck."""
        now_s = asyncio.get_running_loop().time()
        if not behind:
            self._fetched_s = now_s
        elif now_s - self._fetched_s > STALL_S:
            logger.warning("Kafka's client is made anew", action="log_reader_stalled")
            await self.stop()
            await self.start()
            self._shelves = {}  # the next read begins where its reader stands
            self._assigned.clear()


class _Shelf:
    """What was fetched of one partition and not yet asked for."""

    def __init__(self, place: TopicPartition, reading: Reading) -> None:
        self.place = place
        self.records: deque[ConsumerRecord] = deque()
        self.size = 0  # bytes, roughly
        self.after = 0  # the last position handed out
        self.next_offset = 0  # behind the last record here: where fetching goes on
        self.paused = False
        self.lost: LogTruncated | None = None
        self._reading = reading

    def begin(self, position: int) -> None:
        self.records.clear()
        self.size, self.after, self.next_offset, self.lost = 0, position, position, None

    def put(self, records: Sequence[ConsumerRecord]) -> None:
        self.records.extend(records)
        self.size += sum([one.serialized_value_size for one in records]) + RECORD_BYTES * len(records)
        self.next_offset = records[-1].offset + 1

    def take(self, limit: int) -> list[Entry]:
        """Up to so many entries. Raises `LogTruncated` once all that could be had is gone."""
        held = self.records
        if not held:
            if self.lost is not None:
                raise self.lost
            return []
        count = min(limit, len(held))
        taken = [held.popleft() for _ in range(count)]
        self.size -= sum([one.serialized_value_size for one in taken]) + RECORD_BYTES * count
        self.after = taken[-1].offset + 1
        return self._reading.entries(taken)


def _truncated(place: TopicPartition, offset: int, detail: str) -> LogTruncated:
    return LogTruncated(f"{place.topic} {place.partition}: offset {offset} has gone; {detail}")


async def _close(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(consumer.stop(), STOP_MAX_S)
