"""The outbox topics that integrators read: commands, records, breaches and dead letters.

The ledger is authoritative. A record carries the ledger's id, and may be delivered more than once.
"""

from collections.abc import Sequence

import structlog
from aiokafka import TopicPartition

from cti.adapters.event_log_kafka.records import TENANT_HEADER
from cti.adapters.event_log_kafka.settings import BODY_BYTES_MAX
from cti.adapters.event_log_kafka.topics import Topics
from cti.adapters.event_log_kafka.writer import KafkaWriter, Record
from cti.rows import OutboxRow

ID_HEADER = "ringback-id"  # a consumer deduplicates by it
REASON_HEADER = "ringback-reason"  # why a dead letter was set aside
LEFT_OUT_HEADER = "ringback-left-out"  # the body's size in bytes; the ledger keeps it

logger = structlog.get_logger()


class KafkaPublisher:
    """`Publisher` of `cti.ports`: writes outbox rows through the log's writer, within its bounds."""

    def __init__(self, writer: KafkaWriter, topics: Topics) -> None:
        self._writer = writer
        self._topics = topics

    async def publish(self, rows: Sequence[OutboxRow]) -> None:
        """Return when all are acknowledged. Raises `LogAway`; then some may be there, and all may be sent again."""
        records: dict[TopicPartition, list[Record]] = {}
        for row in rows:
            tp = self._topics.outbox_partition(row.kind, row.key)
            records.setdefault(tp, []).append(_record_of(row))
        if records:
            await self._writer.write(records)


def _record_of(row: OutboxRow) -> Record:
    """A row too large for a topic goes without its body: refused again and again, it would block the others."""
    headers, body = [(ID_HEADER, row.id.encode()), (TENANT_HEADER, row.tenant.encode())], row.body
    if row.kind == "dead-letters":
        headers.append((REASON_HEADER, row.key.removeprefix(f"{row.tenant}:").encode()))
    if len(body) > BODY_BYTES_MAX:
        logger.warning(
            "an outbox row goes without its body", action="copy_cut", kind=row.kind, id=row.id, bytes=len(body)
        )
        headers.append((LEFT_OUT_HEADER, str(len(body)).encode()))
        body = b""
    return Record(row.key.encode(), body, headers)
