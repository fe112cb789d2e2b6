"""Our positions, told to Kafka under a group's name, so that its tools show how far behind we are.

A courtesy: nothing is ever read back, and what cannot be told is left.
"""

import asyncio
import contextlib
from collections.abc import Mapping

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata

from cti.adapters.event_log_kafka.settings import KafkaOptions, make_committer
from cti.adapters.event_log_kafka.topics import Topics

COMMIT_MAX_S = 5.0
STOP_MAX_S = 2.0

logger = structlog.get_logger()


class GroupOffsets:
    """The group's committed offsets. The client is opened at the first use."""

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options = options
        self._topics = topics
        self._client: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()

    async def commit(self, positions: Mapping[int, int]) -> bool:
        """Tell the positions of log partitions; whether Kafka has taken them. Raises nothing of Kafka's."""
        if self._busy.locked():
            return False  # the one before is under way; the next will say more
        async with self._busy:
            try:
                async with asyncio.timeout(COMMIT_MAX_S):
                    client = await self._opened()
                    await client.commit(
                        {
                            self._topics.place(partition): OffsetAndMetadata(position, "")
                            for partition, position in positions.items()
                        }
                    )
            except (KafkaError, OSError, TimeoutError) as error:
                logger.info("Kafka was not told our positions", action="log_offsets_untold", why=repr(error))
                return False
            return True

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(client.stop(), STOP_MAX_S)

    async def _opened(self) -> AIOKafkaConsumer:
        """Assigned to all partitions, which committing asks for, and paused, so that nothing is fetched."""
        if self._client is None:
            client = make_committer(self._options)
            try:
                await client.start()
            except BaseException:
                await client.stop()
                raise
            places = [self._topics.place(partition) for partition in range(self._topics.count)]
            client.assign(places)
            for place in places:
                client.seek(place, 0)
            client.pause(*places)
            self._client = client
        return self._client
