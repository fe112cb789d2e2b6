"""What goes into Kafka: a lane for each partition, in which one batch is under way while the next gathers.

The client never gives up on a batch, as an idempotent one must not; so it is the waiting that is bounded here. A write
that is not acknowledged within its time is refused: what of it has not left is dropped, what has left may still
arrive. The lane goes on by itself when the broker is back. A client that has failed for good is replaced.
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
    """What a partition keeps."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


class KafkaWriter:
    """Writes records and tells where they are. One client for all topics."""

    def __init__(self, options: KafkaOptions, write_max_s: float = WRITE_MAX_S) -> None:
        self._options = options
        self._write_max_s = write_max_s
        self._producer: AIOKafkaProducer | None = None
        self._renewing = asyncio.Lock()
        self._lanes: dict[TopicPartition, _Lane] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopped = False
        self.waiting_bytes = 0

    async def start(self) -> None:
        """Raises `LogAway`."""
        await self.producer()

    async def stop(self) -> None:
        """Refuse what waits, and close the client. Bounded."""
        self._stopped = True
        for lane in self._lanes.values():
            lane.refuse(LogAway("the log was stopped"))
        if self._producer is not None:
            self.discard(self._producer)
        if self._closing:
            await asyncio.wait(self._closing)
        for lane in self._lanes.values():
            await lane.ended()

    async def write(self, records: Mapping[TopicPartition, Sequence[Record]]) -> dict[TopicPartition, list[int]]:
        """Keep the records, in order within a partition; their offsets. Raises `LogAway`; then nothing is promised."""
        jobs = self._put(records)
        await self._acknowledged(jobs)
        return {place: job.offsets for place, job in jobs.items()}

    async def probe(self, place: TopicPartition) -> float:
        """Append a mark and tell when, in ms by the broker's clock. Raises `LogAway`."""
        jobs = self._put({place: [Record(b"", b"", [])]})
        await self._acknowledged(jobs)
        return float(jobs[place].at_ms)

    def _put(self, records: Mapping[TopicPartition, Sequence[Record]]) -> "dict[TopicPartition, _Job]":
        if self._stopped:
            raise LogAway("the log was stopped")
        if self.waiting_bytes > WAITING_BYTES_MAX:
            raise LogAway(f"{self.waiting_bytes} bytes wait for Kafka already")
        jobs: dict[TopicPartition, _Job] = {}
        for place, some in records.items():
            lane = self._lanes.get(place)
            if lane is None:
                lane = self._lanes[place] = _Lane(self, place)
            jobs[place] = lane.put(some)
        return jobs

    async def _acknowledged(self, jobs: "Mapping[TopicPartition, _Job]") -> None:
        waits = [job.done for job in jobs.values()]
        try:
            _, late = await asyncio.wait(waits, timeout=self._write_max_s) if waits else (waits, ())
        except asyncio.CancelledError:
            self._abandon(jobs)
            raise
        if late:
            self._abandon(jobs)
            raise LogAway(f"Kafka did not acknowledge within {self._write_max_s:g} s")
        for fault in [job.done.exception() for job in jobs.values()]:
            if isinstance(fault, LogAway):
                raise LogAway(fault.detail) from fault

    def _abandon(self, jobs: "Mapping[TopicPartition, _Job]") -> None:
        """Nobody waits any more: what has not left need not leave."""
        for place, job in jobs.items():
            job.done.cancel()
            self._lanes[place].forget_abandoned()

    # -- the client ----------------------------------------------------------------------------------------------------

    async def producer(self) -> AIOKafkaProducer:
        """The client, made anew where there is none. Raises `LogAway`."""
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
        """Use this client no more; it is closed beside the work."""
        if self._producer is producer:
            self._producer = None
        task = asyncio.create_task(_close(producer))
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close a client, which by itself waits until all is delivered: bounded, and by force in the end."""
    stopping = asyncio.create_task(producer.stop())
    await asyncio.wait([stopping], timeout=STOP_MAX_S)
    if not stopping.done():
        vars(producer)["_message_accumulator"].fail_all(KafkaError("the client was closed"))
        await asyncio.wait([stopping], timeout=STOP_MAX_S)
    stopping.cancel()
    await asyncio.gather(stopping, return_exceptions=True)
    await asyncio.gather(producer.client.close(), return_exceptions=True)


class _Job:
    """The records of one write for one partition."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records
        self.size = sum([len(record.value) for record in records])
        self.loaded = 0  # how many are in a batch
        self.offsets: list[int] = []
        self.at_ms = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def load(self, batch: BatchBuilder) -> int:
        """Put records into the batch, as many as it holds; how many that were."""
        before = self.loaded
        for key, value, headers in self.records[before:] if before else self.records:
            if batch.append(timestamp=None, key=key, value=value, headers=headers) is None:
                break
            self.loaded += 1
        return self.loaded - before

    def landed(self, first: int, count: int, at_ms: int) -> None:
        """So many records more are kept, from this offset on."""
        self.offsets += range(first, first + count)
        if len(self.offsets) == len(self.records):
            self.at_ms = at_ms
            if not self.done.done():
                self.done.set_result(None)

    def refuse(self, error: LogAway) -> None:
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # whoever wrote may have gone


class _Lane:
    """What waits for one partition, and the batch that is under way."""

    def __init__(self, writer: KafkaWriter, place: TopicPartition) -> None:
        self._writer = writer
        self._place = place
        self._waiting: deque[_Job] = deque()
        self._task: asyncio.Task[None] | None = None

    def put(self, records: Sequence[Record]) -> _Job:
        job = _Job(records)
        self._waiting.append(job)
        self._writer.waiting_bytes += job.size
        if self._task is None:
            self._task = asyncio.create_task(self._drain())
        return job

    def refuse(self, error: LogAway) -> None:
        """Nothing that waits will leave."""
        while self._waiting:
            self._next().refuse(error)

    def forget_abandoned(self) -> None:
        """Drop what nobody waits for any more."""
        kept = [job for job in self._waiting if not job.done.done()]
        self._writer.waiting_bytes += sum(job.size for job in kept) - sum(job.size for job in self._waiting)
        self._waiting = deque(kept)

    async def ended(self) -> None:
        """Wait for the batch that is under way to fail or to arrive: the client is closed."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def _next(self) -> _Job:
        job = self._waiting.popleft()
        self._writer.waiting_bytes -= job.size
        return job

    async def _drain(self) -> None:
        """Send batch after batch until nothing waits."""
        flight: list[tuple[_Job, int]] = []
        try:
            while self._waiting:
                producer = await self._writer.producer()
                flight = []
                try:
                    await self._send(producer, flight)
                except (KafkaError, TimeoutError, AssertionError) as error:
                    logger.warning(
                        "Kafka refused a batch", action="log_batch_refused", topic=self._place.topic, why=repr(error)
                    )
                    self._writer.discard(producer)  # its numbering has a hole now: the next batch would be refused
                    self._refuse(flight, LogAway(f"Kafka refused it: {error!r}"))
        except LogAway as away:
            self._refuse(flight, away)
            self.refuse(away)
        except Exception as error:  # the last line of defence: a defect of ours must not leave anybody waiting
            logger.exception("a lane broke off", action="log_lane_broken", topic=self._place.topic)
            self._refuse(flight, LogAway(repr(error)))
            self.refuse(LogAway(repr(error)))
        except asyncio.CancelledError:
            self._refuse(flight, LogAway("the log was stopped"))
            raise
        finally:
            self._task = None

    def _refuse(self, flight: Sequence[tuple[_Job, int]], error: LogAway) -> None:
        for job, _ in flight:
            job.refuse(error)
        self.forget_abandoned()  # a job of several batches: its rest need not leave

    async def _send(self, producer: AIOKafkaProducer, flight: list[tuple[_Job, int]]) -> None:
        """Send what waits, as much as one batch holds, and tell each job where its records are."""
        batch = producer.create_batch()
        while self._waiting:
            job = self._waiting[0]
            count = job.load(batch)
            if count:
                flight.append((job, count))
            if job.loaded < len(job.records):
                break
            self._next()
        batch.close()
        sent = await producer.send_batch(batch, self._place.topic, partition=self._place.partition)
        told: RecordMetadata = await sent
        if told.offset == NO_OFFSET:  # it was there already, from a sending whose answer was lost; where, nobody knows
            raise KafkaError("written, but its place is unknown")
        offset = told.offset
        for job, count in flight:
            job.landed(offset, count, told.timestamp)
            offset += count
