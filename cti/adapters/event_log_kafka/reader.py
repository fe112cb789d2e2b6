"""Reading from Kafka: a consumer with assigned partitions and explicit offsets, without a consumer group.

The client prefetches and keeps its batches undecoded; `read` decodes as many records as the caller asks for and never
waits, except after a seek: then it first checks that the log still holds the offsets after the given position.
A background task waits for new records: it decodes one, keeps it for the next `read`, and wakes the readers.

Control records (a transaction's end marker) occupy offsets but carry no data. Where nothing follows one, the reader
returns a marker entry, so that the position advances past it: otherwise retention could delete the offset after ours.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from cti.adapters.event_log_kafka.records import Reading
from cti.adapters.event_log_kafka.settings import KafkaOptions, make_consumer
from cti.errors import LogAway, LogTruncated
from cti.ports import Entry

START_MAX_S = 20.0
ASK_MAX_S = 3.0  # for the first and last offsets of partitions
STOP_MAX_S = 2.0
STALL_S = 30.0  # the log holds more and the client returns nothing for this long: replace the client
FETCH_WAIT_MS = 1_000
FAULT_PAUSE_S = 0.1

logger = structlog.get_logger()


class Numbered(Protocol):
    """Partitions by number. `partitions`: of one topic; `count`: of all topics."""

    partitions: int
    count: int

    def tp(self, partition: int) -> TopicPartition: ...

    def number(self, tp: TopicPartition) -> int: ...


class Decoding(Protocol):
    """Makes entries of one topic partition's records: `records.Reading` those of events, `PlainReading` any other."""

    def begin(self) -> None:
        """Start after a seek: the next record does not follow the last one."""

    def mark(self, position: int) -> Entry:
        """The entry of a control record."""

    def entries(self, records: Sequence[ConsumerRecord]) -> list[Entry]:
        """In order."""


MakeDecoding = Callable[[int, int, int, str], Decoding]
"""From: the number in the event log, the number in the topic, how many the topic has, and the topics' own tenant."""


class KafkaReader:
    """Entries after the given positions, from the partitions the caller names."""

    def __init__(self, options: KafkaOptions, topics: Numbered, reading: MakeDecoding = Reading) -> None:
        self._options = options
        self._topics = topics
        self._reading = reading
        self._client: AIOKafkaConsumer | None = None
        self._assigned: dict[int, _AssignedPartition] = {}
        self._turn = asyncio.Lock()  # `read` and `ends` change the same state, and may be called at once
        self._drained = asyncio.Event()  # a reader has consumed everything decoded so far
        self._poll_task: asyncio.Task[None] | None = None
        self._wakes: set[asyncio.Event] = set()
        self._fault: KafkaError | None = None
        self._empty_since_s: float | None = None  # by the loop's clock; None: the last read returned entries

    async def start(self) -> None:
        """Raises `LogAway`."""
        self._client = await self._opened()
        self._poll_task = self._start_polling()

    async def _opened(self) -> AIOKafkaConsumer:
        consumer = make_consumer(self._options)
        try:
            await asyncio.wait_for(consumer.start(), START_MAX_S)
        except (KafkaError, OSError, TimeoutError) as error:
            await _close(consumer)
            raise LogAway(f"Kafka cannot be reached: {error!r}") from error
        except BaseException:
            await _close(consumer)
            raise
        return consumer

    async def stop(self) -> None:
        if self._poll_task is not None:
            self._poll_task.cancel()
            await asyncio.gather(self._poll_task, return_exceptions=True)
        if self._client is not None:
            await _close(self._client)
        self._client = self._poll_task = None

    def wake(self, event: asyncio.Event) -> None:
        self._wakes.add(event)

    def reads(self, partition: int) -> bool:
        """Whether this partition is assigned."""
        return partition in self._assigned

    # -- reading -------------------------------------------------------------------------------------------------------

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """As `EventLog.read`. A busy partition gets the share that a quiet one does not use."""
        async with self._turn:
            return await self._read(after, limit)

    async def _read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        poll = self._poll_task
        if poll is not None and poll.done() and not poll.cancelled():
            poll.result()  # only a defect ends it, and then a decoded record would be lost
        if after.keys() != self._assigned.keys() or any(
            self._assigned[partition].after != position for partition, position in after.items()
        ):
            await self._seek(after)
        share = max(1, limit // max(1, len(after)))
        found = [entry for state in self._assigned.values() for entry in state.take_pending()]
        asked = min(share, limit - len(found))
        taken = await self._decode(asked)
        found += taken
        if len(taken) == asked:  # there may be more: each partition in turn, then any
            for state in self._assigned.values():
                found += await self._decode(min(share, limit - len(found)), state)
            found += await self._decode(limit - len(found))
        self._drained.set()
        now_s = asyncio.get_running_loop().time()
        self._empty_since_s = None if found else self._empty_since_s or now_s
        self._raise_pending(found)
        return found

    async def _decode(self, limit: int, state: "_AssignedPartition | None" = None) -> list[Entry]:
        """Decode up to `limit` fetched records, of one partition or of any."""
        if limit <= 0 or not self._assigned:
            return []
        tps = () if state is None else (state.tp,)
        found: list[Entry] = []
        for tp, records in (await self._fetched(*tps, wait_ms=0, limit=limit)).items():
            entries = self._assigned[self._topics.number(tp)].decode(records)
            found += entries
        return found

    def _raise_pending(self, found: Sequence[Entry]) -> None:
        """Raise a pending error, once every decoded entry has been returned."""
        if found:
            return
        for state in self._assigned.values():
            if state.lost is not None:
                raise state.lost
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise LogAway(f"Kafka cannot be read: {fault!r}") from fault

    async def _seek(self, after: Mapping[int, int]) -> None:
        """Seek to these positions: check that the log still holds them, then reassign in one step."""
        changed = {
            partition: position
            for partition, position in after.items()
            if partition not in self._assigned or self._assigned[partition].after != position
        }
        await self._check(changed)
        assigned = {partition: self._assigned.get(partition) or self._new_assigned(partition) for partition in after}
        for partition, position in changed.items():
            assigned[partition].seek(position)
        consumer = self._consumer()
        again = assigned.keys() != self._assigned.keys()
        if again:
            consumer.assign([state.tp for state in assigned.values()])
        for partition in assigned if again else changed:
            consumer.seek(assigned[partition].tp, assigned[partition].next_offset)
            consumer.resume(assigned[partition].tp)
        self._assigned = assigned
        self._empty_since_s = None

    def _new_assigned(self, partition: int) -> "_AssignedPartition":
        tp = self._topics.tp(partition)
        reading = self._reading(partition, tp.partition, self._topics.partitions, self._options.tenant)
        return _AssignedPartition(tp, reading)

    async def _check(self, changed: Mapping[int, int]) -> None:
        """Raises `LogTruncated` where the log starts after, or ends before, our position; `LogAway`."""
        tps = {self._topics.tp(partition): position for partition, position in changed.items()}
        firsts, ends = await self._offsets(list(tps), ends=False), await self._offsets(list(tps))
        for tp, position in tps.items():
            if position > ends[tp]:
                raise _truncated(
                    tp,
                    position,
                    f"it ends at {ends[tp] - 1}: recreated, another cluster's, or restored from an older backup",
                )
            if position < firsts[tp]:
                raise _truncated(tp, position, f"it holds {firsts[tp]} to {ends[tp] - 1}")

    async def ends(self) -> dict[int, int]:
        """The end of each log partition, as in `EventLog.end`. Raises `LogAway`."""
        async with self._turn:
            return await self._ends()

    async def firsts(self) -> dict[int, int]:
        """The first offset of each partition. Raises `LogAway`."""
        async with self._turn:
            tps = {self._topics.tp(partition): partition for partition in range(self._topics.count)}
            return {tps[tp]: offset for tp, offset in (await self._offsets(list(tps), ends=False)).items()}

    async def _ends(self) -> dict[int, int]:
        offsets = await self._offsets([self._topics.tp(partition) for partition in range(self._topics.count)])
        ends = {partition: offsets[self._topics.tp(partition)] for partition in range(self._topics.count)}
        await self._pass_marks()
        lagging = any(
            assigned.after < ends[partition] and not assigned.waits for partition, assigned in self._assigned.items()
        )
        await self._replace_stalled_client(lagging)
        return ends

    async def _pass_marks(self) -> bool:
        """Return marker entries for offsets the client skipped without a record; whether there are any."""
        passed = False
        for state in [assigned for assigned in self._assigned.values() if assigned.lost is None]:
            position: int = await self._consumer().position(state.tp)
            if position > state.next_offset:
                state.put_mark(position)
                passed = True
        return passed

    async def _offsets(self, tps: Sequence[TopicPartition], *, ends: bool = True) -> dict[TopicPartition, int]:
        """The end offset of each partition, or its first offset."""
        consumer = self._consumer()
        asked = consumer.end_offsets if ends else consumer.beginning_offsets
        try:
            async with asyncio.timeout(ASK_MAX_S):
                found: dict[TopicPartition, int] = await asked(tps)
        except (KafkaError, TimeoutError) as error:
            self._empty_since_s = None  # the broker is silent, not the client: no stall
            vars(consumer)["_client"].force_metadata_update()  # a silent broker may no longer lead
            raise LogAway(f"Kafka did not return its partitions' offsets: {error!r}") from error
        return found

    def _consumer(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise LogAway("the log was stopped")
        return self._client

    # -- fetching ------------------------------------------------------------------------------------------------------

    def _start_polling(self) -> asyncio.Task[None]:
        waiting = asyncio.create_task(self._wait_for_more())
        waiting.add_done_callback(lambda _: self._wake_all())
        return waiting

    def _wake_all(self) -> None:
        for event in self._wakes:
            event.set()

    async def _wait_for_more(self) -> None:
        """Wake the readers when records arrive after what they have read."""
        while True:
            await self._drained.wait()
            found = await self._fetched(wait_ms=FETCH_WAIT_MS, limit=1)
            for tp, records in found.items():
                self._assigned[self._topics.number(tp)].put_pending(records)
            passed = not found and await self._pass_marks()
            lost = any(state.lost is not None for state in self._assigned.values())
            if found or passed or lost:
                self._drained.clear()
                self._wake_all()
            if self._fault is not None:
                await asyncio.sleep(FAULT_PAUSE_S)

    async def _fetched(
        self, *tps: TopicPartition, wait_ms: int, limit: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """At most `limit` records from the client. An error is kept for the next `read`."""
        consumer = self._consumer()
        try:
            found: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
                *tps, timeout_ms=wait_ms, max_records=limit
            )
        except OffsetOutOfRangeError as error:
            for tp, offset in dict(*error.args).items():
                consumer.pause(tp)  # otherwise the client would fetch it again at once
                state = self._assigned.get(self._topics.number(tp))
                if state is not None and state.next_offset == offset:
                    state.lost = _truncated(tp, offset, "the broker says so")
            return {}
        except KafkaError as error:
            logger.warning("Kafka cannot be read", action="log_unread", why=repr(error))
            self._fault = error
            if not isinstance(error, TopicAuthorizationFailedError):  # raised instead of records, not among them
                self._seek_again()
            return {}
        if found:
            self._fault = None
        return found

    def _seek_again(self) -> None:
        """Seek to our own offsets: after a failed poll the client has dropped records and moved past them."""
        for state in self._assigned.values():
            self._consumer().seek(state.tp, state.next_offset)

    async def _replace_stalled_client(self, lagging: bool) -> None:
        """Replace the client when the log holds more and reads have returned nothing for STALL_S."""
        empty_s = self._empty_since_s
        if lagging and empty_s is not None and asyncio.get_running_loop().time() - empty_s > STALL_S:
            logger.warning("the Kafka client has stalled and is replaced", action="log_reader_stalled")
            fresh = await self._opened()
            await self.stop()
            self._client, self._assigned = fresh, {}  # the next read seeks to its caller's positions
            self._poll_task = self._start_polling()


class _AssignedPartition:
    """One assigned partition: its offsets, and entries decoded but not returned yet."""

    def __init__(self, tp: TopicPartition, reading: Decoding) -> None:
        self.tp = tp
        self.after = 0  # the last position returned
        self.next_offset = 0  # the client's position: after the last decoded record
        self.lost: LogTruncated | None = None
        self._pending: list[Entry] = []  # decoded by the background poll, not returned yet
        self._reading = reading

    @property
    def waits(self) -> bool:
        """Whether decoded entries are still to be returned."""
        return bool(self._pending)

    def seek(self, position: int) -> None:
        self._pending = []
        self.after, self.next_offset, self.lost = position, position, None
        self._reading.begin()

    def put_pending(self, records: Sequence[ConsumerRecord]) -> None:
        self._pending += self._reading.entries(records)
        self.next_offset = self._pending[-1].position

    def put_mark(self, position: int) -> None:
        self._pending.append(self._reading.mark(position))
        self.next_offset = position

    def take_pending(self) -> list[Entry]:
        taken, self._pending = self._pending, []
        if taken:
            self.after = taken[-1].position
        return taken

    def decode(self, records: Sequence[ConsumerRecord]) -> list[Entry]:
        """Decode records that are returned at once."""
        entries = self._reading.entries(records)
        self.after = self.next_offset = entries[-1].position
        return entries


def _truncated(tp: TopicPartition, offset: int, detail: str) -> LogTruncated:
    return LogTruncated(f"{tp.topic} {tp.partition}: offset {offset} is gone; {detail}")


async def _close(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(consumer.stop(), STOP_MAX_S)
