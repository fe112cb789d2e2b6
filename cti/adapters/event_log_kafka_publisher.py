"""Copies for integrators: commands, records, breaches and dead letters as Kafka topics.

What counts is in the ledger. A copy bears the ledger's id, as the CloudEvents of ours do, and may come twice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import TopicPartition

from cti.adapters.event_log_kafka_records import TENANT_HEADER
from cti.adapters.event_log_kafka_topics import Topics
from cti.adapters.event_log_kafka_writer import KafkaWriter, Record


class Copy(NamedTuple):
    """One message. `kind`: a topic's name behind the prefix, one of `COPIES` of the topics."""

    kind: str
    tenant: str
    key: str  # "tenant:source:subject" of what it is about: copies of one call stay in order
    id: str  # the ledger's: by it a reader knows what it has seen
    body: bytes


class KafkaPublisher:
    """Writes copies, through the log's writer and within its bounds."""

    def __init__(self, writer: KafkaWriter, topics: Topics) -> None:
        self._writer = writer
        self._topics = topics

    async def publish(self, copies: Sequence[Copy]) -> None:
        """Return when all are acknowledged. Raises `LogAway`; then some may be there, and all may be sent again."""
        records: dict[TopicPartition, list[Record]] = {}
        for copy in copies:
            headers = [("ringback-id", copy.id.encode()), (TENANT_HEADER, copy.tenant.encode())]
            place = self._topics.copy_of(copy.kind, copy.key)
            records.setdefault(place, []).append(Record(copy.key.encode(), copy.body, headers))
        if records:
            await self._writer.write(records)
