"""Outbox for integrators: commands, records, breaches and dead letters as Kafka topics.

What counts is in the ledger. A copy bears the ledger's id, as the CloudEvents of ours do, and may come twice.
"""

from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition

from cti.adapters.event_log_kafka.records import TENANT_HEADER
from cti.adapters.event_log_kafka.settings import BODY_BYTES_MAX
from cti.adapters.event_log_kafka.topics import Topics
from cti.adapters.event_log_kafka.writer import KafkaWriter, Record
from cti.rows import OutboxRow

ID_HEADER = "ringback-id"  # ours: a reader knows by it what it has seen
LEFT_OUT_HEADER = "ringback-left-out"  # how many bytes the body has, which the ledger keeps

logger = structlog.get_logger()


class KafkaPublisher:
    """`Publisher` of `cti.ports`: writes copies, through the log's writer and within its bounds."""

    def __init__(self, writer: KafkaWriter, topics: Topics) -> None:
        self._writer = writer
        self._topics = topics

    async def publish(self, copies: Sequence[OutboxRow]) -> None:
        """Return when all are acknowledged. Raises `LogAway`; then some may be there, and all may be sent again."""
        records: dict[TopicPartition, list[Record]] = {}
        for copy in copies:
            place = self._topics.copy_of(copy.kind, copy.key)
            records.setdefault(place, []).append(_record_of(copy))
        if records:
            await self._writer.write(records)


def _record_of(copy: OutboxRow) -> Record:
    """What no topic would take goes without its body: it would be refused again and again, and hold up all others."""
    headers, body = [(ID_HEADER, copy.id.encode()), (TENANT_HEADER, copy.tenant.encode())], copy.body
    if len(body) > BODY_BYTES_MAX:
        logger.warning("a copy goes without its body", action="copy_cut", kind=copy.kind, id=copy.id, bytes=len(body))
        headers.append((LEFT_OUT_HEADER, str(len(body)).encode()))
        body = b""
    return Record(copy.key.encode(), body, headers)
