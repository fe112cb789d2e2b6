"""Our positions, committed to Kafka under a group id, so that its tools show our lag.

A courtesy: we never read them back, and a commit that fails is skipped.
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
    """The group's committed offsets. The client opens at first use."""

    def __init__(self, options: KafkaOptions, topics: Topics) -> None:
        self._options = options
        self._topics = topics
        self._client: AIOKafkaConsumer | None = None
        self._busy = asyncio.Lock()

    async def commit(self, positions: Mapping[int, int]) -> bool:
        """Commit the positions of log partitions; whether Kafka accepted them. Raises no Kafka error."""
        if self._busy.locked():
            return False  # a commit is in flight; the next one covers this
        async with self._busy:
            try:
                async with asyncio.timeout(COMMIT_MAX_S):
                    client = await self._opened()
                    await client.commit(
                        {
                            self._topics.tp(partition): OffsetAndMetadata(position, "")
                            for partition, position in positions.items()
                        }
                    )
            except (KafkaError, OSError, TimeoutError) as error:
                logger.info("positions not committed to Kafka", action="log_offsets_untold", why=repr(error))
                return False
            return True

    async def stop(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with contextlib.suppress(KafkaError, OSError, TimeoutError):
                await asyncio.wait_for(client.stop(), STOP_MAX_S)

    async def _opened(self) -> AIOKafkaConsumer:
        """Assigned to all partitions (a commit requires it) and paused, so that nothing is fetched."""
        if self._client is None:
            client = make_committer(self._options)
            try:
                await client.start()
            except BaseException:
                await client.stop()
                raise
            tps = [self._topics.tp(partition) for partition in range(self._topics.count)]
            client.assign(tps)
            for tp in tps:
                client.seek(tp, 0)
            client.pause(*tps)
            self._client = client
        return self._client
