"""Writing to Kafka: an accumulator for each partition, with one batch in flight while the next one fills.

An idempotent producer must never give up on a batch, so the wait is bounded here instead. A write that is not
acknowledged in time is refused: records not yet sent are dropped, records in flight may still arrive. The accumulator
resumes by itself when the broker returns. A producer that has failed for good is replaced.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from cti.adapters.event_log_kafka.settings import KafkaOptions, make_producer
from cti.errors import LogAway

WRITE_MAX_S = 5.0
START_MAX_S = 20.0
STOP_MAX_S = 2.0
WAITING_BYTES_MAX = 64 * 1024 * 1024
NO_OFFSET = -1

logger = structlog.get_logger()


class Record(NamedTuple):
    """One record to be appended."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class KafkaWriter:
    """Appends records and returns their offsets. One producer for all topics."""

    def __init__(self, options: KafkaOptions, write_max_s: float = WRITE_MAX_S) -> None:
        self._options = options
        self._write_max_s = write_max_s
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._accumulators: dict[TopicPartition, _Accumulator] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.waiting_bytes = 0

    async def start(self) -> None:
        """Raises `LogAway`."""
        await self.producer()

    async def stop(self) -> None:
        """Refuse waiting writes and close the producer. Bounded."""
        self._stopped = True
        for accumulator in self._accumulators.values():
            accumulator.refuse(LogAway("the log was stopped"))
        if self._producer is not None:
            self.discard(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)
        for accumulator in self._accumulators.values():
            await accumulator.ended()

    async def write(self, records: Mapping[TopicPartition, Sequence[Record]]) -> dict[TopicPartition, list[int]]:
        """Append, in order within a partition; the records' offsets. Raises `LogAway`; then nothing is promised."""
        writes = self._put(records)
        await self._acknowledged(writes)
        return {tp: write.offsets for tp, write in writes.items()}

    async def probe(self, tp: TopicPartition) -> float:
        """Append a probe; its append time in ms by the broker's clock. Raises `LogAway`."""
        writes = self._put({tp: [Record(b"", b"", [])]})
        await self._acknowledged(writes)
        return float(writes[tp].at_ms)

    def _put(self, records: Mapping[TopicPartition, Sequence[Record]]) -> "dict[TopicPartition, _Write]":
        if self._stopped:
            raise LogAway("the log was stopped")
        if self.waiting_bytes > WAITING_BYTES_MAX:
            raise LogAway(f"{self.waiting_bytes} bytes wait for Kafka already")
        writes: dict[TopicPartition, _Write] = {}
        for tp, some in records.items():
            accumulator = self._accumulators.get(tp)
            if accumulator is None:
                accumulator = self._accumulators[tp] = _Accumulator(self, tp)
            writes[tp] = accumulator.put(some)
        return writes

    async def _acknowledged(self, writes: "Mapping[TopicPartition, _Write]") -> None:
        waits = [write.done for write in writes.values()]
        try:
            _, late = await asyncio.wait(waits, timeout=self._write_max_s) if waits else (waits, ())
        except asyncio.CancelledError:
            self._abandon(writes)
            raise
        if late:
            self._abandon(writes)
            raise LogAway(f"Kafka did not acknowledge within {self._write_max_s:g} s")
        for fault in [write.done.exception() for write in writes.values()]:
            if isinstance(fault, LogAway):
                raise LogAway(fault.detail) from fault

    def _abandon(self, writes: "Mapping[TopicPartition, _Write]") -> None:
        """The caller has given up: records not yet sent are dropped."""
        for tp, write in writes.items():
            write.done.cancel()
            self._accumulators[tp].forget_abandoned()

    # -- the client ----------------------------------------------------------------------------------------------------

    async def producer(self) -> AIOKafkaProducer:
        """The producer; opened if there is none. Raises `LogAway`."""
        async with self._renewing:
            if self._stopped:
                raise LogAway("the log was stopped")
            if self._producer is None:
                producer = make_producer(self._options)
                try:
                    await asyncio.wait_for(producer.start(), START_MAX_S)
                except (KafkaError, OSError, TimeoutError) as error:
                    self.discard(producer)
                    raise LogAway(f"Kafka cannot be reached: {error!r}") from error
                except BaseException:
                    self.discard(producer)
                    raise
                self._producer = producer
            return self._producer

    def discard(self, producer: AIOKafkaProducer) -> None:
        """Stop using this producer; a background task closes it."""
        if self._producer is producer:
            self._producer = None
        task = asyncio.create_task(_close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close a producer. By itself it waits for delivery without limit; here STOP_MAX_S, then by force."""
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=STOP_MAX_S)
    if not stopping.done():
        vars(producer)["_message_accumulator"].fail_all(KafkaError("the client was closed"))
        await asyncio.wait([stopping], timeout=STOP_MAX_S)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await asyncio.gather(producer.client.close(), return_exceptions=True)


class _Write:
    """The records of one write to one partition."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.size = sum([len(record.value) for record in records])
        self.loaded = 0  # how many are in a batch already
        self.offsets: list[int] = []
        self.at_ms = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def load(self, batch: BatchBuilder) -> int:
        """Append as many records to the batch as it takes; how many."""
        before = self.loaded
        for key, value, headers in self.records[before:] if before else self.records:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            self.loaded += 1
        return self.loaded - before

    def acknowledged(self, first: int, count: int, at_ms: int) -> None:
        """`count` more records are acknowledged, from this offset on."""
        self.offsets += range(first, first + count)
        if len(self.offsets) == len(self.records):
            self.at_ms = at_ms
            if not self.done.done():
                self.done.set_result(None)

    def refuse(self, error: LogAway) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # the caller may have been cancelled


class _Accumulator:
    """Writes waiting for one partition, and the batch in flight."""

    def __init__(self, writer: KafkaWriter, tp: TopicPartition) -> None:
        self._writer = writer
        self._tp = tp
        self._waiting: deque[_Write] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, records: Sequence[Record]) -> _Write:
        write = _Write(records)
        self._waiting.append(write)
        self._writer.waiting_bytes += write.size
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return write

    def refuse(self, error: LogAway) -> None:
        """Fail every waiting write."""
        while self._waiting:
            self._next().refuse(error)

    def forget_abandoned(self) -> None:
        """Drop writes whose callers have given up."""
        kept = [write for write in self._waiting if not write.done.done()]
        self._writer.waiting_bytes += sum(write.size for write in kept) - sum(write.size for write in self._waiting)
        self._waiting = deque(kept)

    async def ended(self) -> None:
        """Wait for the batch in flight to fail or to be acknowledged: the producer is closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _next(self) -> _Write:
        write = self._waiting.popleft()
        self._writer.waiting_bytes -= write.size
        return write

    async def _drain(self) -> None:
        """Send batch after batch until nothing waits."""
        in_flight: list[tuple[_Write, int]] = []
        try:
            while self._waiting:
                producer = await self._writer.producer()
                in_flight = []
                try:
                    await self._send(producer, in_flight)
                except (KafkaError, TimeoutError, AssertionError) as error:
                    logger.warning(
                        "Kafka refused a batch", action="log_batch_refused", topic=self._tp.topic, why=repr(error)
                    )
                    self._writer.discard(producer)  # a gap in its sequence numbers: the next batch would fail
                    self._refuse(in_flight, LogAway(f"Kafka refused it: {error!r}"))
        except LogAway as away:
            self._refuse(in_flight, away)
            self.refuse(away)
        except Exception as error:  # last line of defence: a defect of ours must not leave callers waiting
            logger.exception("an accumulator failed", action="log_accumulator_failed", topic=self._tp.topic)
            self._refuse(in_flight, LogAway(repr(error)))
            self.refuse(LogAway(repr(error)))
        except asyncio.CancelledError:
            self._refuse(in_flight, LogAway("the log was stopped"))
            raise
        finally:
            self._task = None

    def _refuse(self, in_flight: Sequence[tuple[_Write, int]], error: LogAway) -> None:
        for write, _ in in_flight:
            write.refuse(error)
        self.forget_abandoned()  # a write of several batches: the rest need not be sent

    async def _send(self, producer: AIOKafkaProducer, in_flight: list[tuple[_Write, int]]) -> None:
        """Send one batch of waiting writes and give each its offsets."""
        batch = producer.create_batch()
        while self._waiting:
            write = self._waiting[0]
            count = write.load(batch)
            if count:
                in_flight.append((write, count))
            if write.loaded < len(write.records):
                break
            self._next()
        batch.close()
        sent = await producer.send_batch(batch, self._tp.topic, partition=self._tp.partition)
        metadata: RecordMetadata = await sent
        if metadata.offset == NO_OFFSET:  # a duplicate of a batch whose acknowledgement was lost: no offset is given
            raise KafkaError("written, but its offset is unknown")
        offset = metadata.offset
        for write, count in in_flight:
            write.acknowledged(offset, count, metadata.timestamp)
            offset += count
