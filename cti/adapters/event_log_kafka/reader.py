"""What comes out of Kafka: a consumer that is told where to read, and nothing in between.

The client fetches ahead and keeps what it fetched packed; `read` unpacks as much as was asked for. It waits for
nothing, except where it is asked to begin elsewhere: then the log is asked first whether it still holds what follows.
A task waits for what arrives: it takes one entry, puts it in front of what is still packed, and wakes the readers.

Kafka's own marks (a transaction's end) take places and are no records. Where nothing follows one it is handed out as an
entry that says nothing, so that the position moves on: retention would leave one behind that the log no longer has.
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from cti.adapters.event_log_kafka.records import Reading
from cti.adapters.event_log_kafka.settings import KafkaOptions, make_consumer
from cti.adapters.event_log_kafka.topics import Topics
from cti.errors import LogAway, LogTruncated
from cti.ports import Entry

START_MAX_S = 20.0
ASK_MAX_S = 3.0  # for where partitions begin and end
STOP_MAX_S = 2.0
STALL_S = 30.0  # more is in the log, and nothing has come for so long: the client is made anew
FETCH_WAIT_MS = 1_000
FAULT_PAUSE_S = 0.1

logger = structlog.get_logger()


class KafkaReader:
    """Entries behind given positions, from the partitions that are asked for."""

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options = options
        self._topics = topics
        self._client: AIOKafkaConsumer | None = None
        self._strands: dict[int, _Strand] = {}
        self._hungry = asyncio.Event()  # somebody has read what there was
        self._waiting: asyncio.Task[None] | None = None
        self._wakes: set[asyncio.Event] = set()
        self._fault: KafkaError | None = None
        self._empty_since_s: float | None = None  # by the loop's clock; None: the last reading gave something

    async def start(self) -> None:
        """Raises `LogAway`."""
        self._client = await self._opened()
        self._waiting = self._begin_waiting()

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
        if self._waiting is not None:
            self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
        if self._client is not None:
            await _close(self._client)
        self._client = self._waiting = None

    def wake(self, event: asyncio.Event) -> None:
        self._wakes.add(event)

    def reads(self, partition: int) -> bool:
        """Whether this partition's entries are being asked for."""
        return partition in self._strands

    # -- reading -------------------------------------------------------------------------------------------------------

    async def read(self, after: Mapping[int, int], limit: int) -> list[Entry]:
        """As `EventLog.read`. What a quiet partition leaves of its share goes to the busy ones."""
        waiting = self._waiting
        if waiting is not None and waiting.done() and not waiting.cancelled():
            waiting.result()  # it ends by a defect alone, and what it held then is in nobody's hands
        if after.keys() != self._strands.keys() or any(
            self._strands[partition].after != position for partition, position in after.items()
        ):
            await self._begin(after)
        share = max(1, limit // max(1, len(after)))
        found = [entry for strand in self._strands.values() for entry in strand.take_front()]
        asked = min(share, limit - len(found))
        taken = await self._unpack(asked)
        found += taken
        if len(taken) == asked:  # more may be there: now each in turn, then whoever has most
            for strand in self._strands.values():
                found += await self._unpack(min(share, limit - len(found)), strand)
            found += await self._unpack(limit - len(found))
        self._hungry.set()
        now_s = asyncio.get_running_loop().time()
        self._empty_since_s = None if found else self._empty_since_s or now_s
        self._complain(found)
        return found

    async def _unpack(self, limit: int, strand: "_Strand | None" = None) -> list[Entry]:
        """Up to so many entries that were fetched, of this partition or of any."""
        if limit <= 0 or not self._strands:
            return []
        places = () if strand is None else (strand.place,)
        found: list[Entry] = []
        for place, records in (await self._fetched(*places, wait_ms=0, limit=limit)).items():
            entries = self._strands[self._topics.number(place)].unpacked(records)
            found += entries
        return found

    def _complain(self, found: Sequence[Entry]) -> None:
        """Raises what stands in the way, once all that could be had has been handed out."""
        if found:
            return
        for strand in self._strands.values():
            if strand.lost is not None:
                raise strand.lost
        if self._fault is not None:
            fault, self._fault = self._fault, None
            raise LogAway(f"Kafka cannot be read: {fault!r}") from fault

    async def _begin(self, after: Mapping[int, int]) -> None:
        """Read on from these positions: ask whether the log still has them, then change over in one go."""
        changed = {
            partition: position
            for partition, position in after.items()
            if partition not in self._strands or self._strands[partition].after != position
        }
        await self._check(changed)
        strands = {partition: self._strands.get(partition) or self._strand(partition) for partition in after}
        for partition, position in changed.items():
            strands[partition].begin(position)
        consumer = self._consumer()
        again = strands.keys() != self._strands.keys()
        if again:
            consumer.assign([strand.place for strand in strands.values()])
        for partition in strands if again else changed:
            consumer.seek(strands[partition].place, strands[partition].next_offset)
            consumer.resume(strands[partition].place)
        self._strands = strands
        self._empty_since_s = None

    def _strand(self, partition: int) -> "_Strand":
        place = self._topics.place(partition)
        reading = Reading(partition, place.partition, self._topics.partitions, self._options.tenant)
        return _Strand(place, reading)

    async def _check(self, changed: Mapping[int, int]) -> None:
        """Raises `LogTruncated` where the log begins later, or ends sooner, than we stand; `LogAway`."""
        places = {self._topics.place(partition): position for partition, position in changed.items()}
        firsts, ends = await self._offsets(list(places), ends=False), await self._offsets(list(places))
        for place, position in places.items():
            if position > ends[place]:
                raise _truncated(
                    place,
                    position,
                    f"it ends at {ends[place] - 1}: made anew, another cluster's, or of an older backup",
                )
            if position < firsts[place]:
                raise _truncated(place, position, f"it holds {firsts[place]} to {ends[place] - 1}")

    async def ends(self) -> dict[int, int]:
        """The position that ends each log partition, as `EventLog.end`. Raises `LogAway`."""
        offsets = await self._offsets([self._topics.place(partition) for partition in range(self._topics.count)])
        ends = {partition: offsets[self._topics.place(partition)] for partition in range(self._topics.count)}
        await self._pass_marks()
        behind = any(one.after < ends[partition] and not one.waits for partition, one in self._strands.items())
        await self._look_for_a_stall(behind)
        return ends

    async def _pass_marks(self) -> bool:
        """Hand out the places that the client went past without a record; whether there are any."""
        passed = False
        for strand in [one for one in self._strands.values() if one.lost is None]:
            position: int = await self._consumer().position(strand.place)
            if position > strand.next_offset:
                strand.put_mark(position)
                passed = True
        return passed

    async def _offsets(self, places: Sequence[TopicPartition], *, ends: bool = True) -> dict[TopicPartition, int]:
        """The offset behind the last record of each place, or that of its first."""
        consumer = self._consumer()
        asked = consumer.end_offsets if ends else consumer.beginning_offsets
        try:
            async with asyncio.timeout(ASK_MAX_S):
                found: dict[TopicPartition, int] = await asked(places)
        except (KafkaError, TimeoutError) as error:
            self._empty_since_s = None  # it is the log that gives nothing, not the client: that is no stall
            vars(consumer)["_client"].force_metadata_update()  # who says nothing may lead no more
            raise LogAway(f"Kafka did not say where its partitions end: {error!r}") from error
        return found

    def _consumer(self) -> AIOKafkaConsumer:
        if self._client is None:
            raise LogAway("the log was stopped")
        return self._client

    # -- fetching ------------------------------------------------------------------------------------------------------

    def _begin_waiting(self) -> asyncio.Task[None]:
        waiting = asyncio.create_task(self._wait_for_more())
        waiting.add_done_callback(lambda _: self._wake_all())
        return waiting

    def _wake_all(self) -> None:
        for event in self._wakes:
            event.set()

    async def _wait_for_more(self) -> None:
        """Wake the readers when something has arrived behind what they read."""
        while True:
            await self._hungry.wait()
            found = await self._fetched(wait_ms=FETCH_WAIT_MS, limit=1)
            for place, records in found.items():
                self._strands[self._topics.number(place)].put_in_front(records)
            passed = not found and await self._pass_marks()
            lost = any(strand.lost is not None for strand in self._strands.values())
            if found or passed or lost:
                self._hungry.clear()
                self._wake_all()
            if self._fault is not None:
                await asyncio.sleep(FAULT_PAUSE_S)

    async def _fetched(
        self, *places: TopicPartition, wait_ms: int, limit: int
    ) -> Mapping[TopicPartition, Sequence[ConsumerRecord]]:
        """What the client has, at most `limit` records. What it says instead is kept for the readers."""
        consumer = self._consumer()
        try:
            found: Mapping[TopicPartition, Sequence[ConsumerRecord]] = await consumer.getmany(
                *places, timeout_ms=wait_ms, max_records=limit
            )
        except OffsetOutOfRangeError as error:
            for place, offset in dict(*error.args).items():
                consumer.pause(place)  # it would be asked for again at once
                strand = self._strands.get(self._topics.number(place))
                if strand is not None and strand.next_offset == offset:
                    strand.lost = _truncated(place, offset, "the broker says so")
            return {}
        except KafkaError as error:
            logger.warning("Kafka cannot be read", action="log_unread", why=repr(error))
            self._fault = error
            if not isinstance(error, TopicAuthorizationFailedError):  # which comes in place of records, not among them
                self._stand_again()
            return {}
        if found:
            self._fault = None
        return found

    def _stand_again(self) -> None:
        """Where we stand: of a reading that broke off the client keeps nothing, and has gone past what it had."""
        for strand in self._strands.values():
            self._consumer().seek(strand.place, strand.next_offset)

    async def _look_for_a_stall(self, behind: bool) -> None:
        """Make the client anew where more is there and reading has given nothing for long: it is stuck."""
        empty_s = self._empty_since_s
        if behind and empty_s is not None and asyncio.get_running_loop().time() - empty_s > STALL_S:
            logger.warning("Kafka's client is made anew", action="log_reader_stalled")
            fresh = await self._opened()
            await self.stop()
            self._client, self._strands = fresh, {}  # the next reading begins where its reader stands
            self._waiting = self._begin_waiting()


class _Strand:
    """How far one partition was read."""

    def __init__(self, place: TopicPartition, reading: Reading) -> None:
        self.place = place
        self.after = 0  # the last position handed out
        self.next_offset = 0  # behind the last entry unpacked: where the client stands
        self.lost: LogTruncated | None = None
        self._front: list[Entry] = []  # unpacked to see whether something is there; not handed out yet
        self._reading = reading

    @property
    def waits(self) -> bool:
        """Whether something unpacked is still to be handed out."""
        return bool(self._front)

    def begin(self, position: int) -> None:
        self._front = []
        self.after, self.next_offset, self.lost = position, position, None
        self._reading.begin()

    def put_in_front(self, records: Sequence[ConsumerRecord]) -> None:
        self._front += self._reading.entries(records)
        self.next_offset = self._front[-1].position

    def put_mark(self, position: int) -> None:
        self._front.append(self._reading.mark(position))
        self.next_offset = position

    def take_front(self) -> list[Entry]:
        taken, self._front = self._front, []
        if taken:
            self.after = taken[-1].position
        return taken

    def unpacked(self, records: Sequence[ConsumerRecord]) -> list[Entry]:
        """Entries that are handed out at once."""
        entries = self._reading.entries(records)
        self.after = self.next_offset = entries[-1].position
        return entries


def _truncated(place: TopicPartition, offset: int, detail: str) -> LogTruncated:
    return LogTruncated(f"{place.topic} {place.partition}: offset {offset} has gone; {detail}")


async def _close(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(KafkaError, OSError, TimeoutError):
        await asyncio.wait_for(consumer.stop(), STOP_MAX_S)
