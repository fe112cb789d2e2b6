"""The outbox: batches of notices, recalls of them, and dead letters of payments, to their topics.

A row of the outbox is written in the transaction of what it tells; one process publishes what waits. Each record has an
id for good, and may be there twice: after a crash, or where two processes believe for a moment that they publish. While
Kafka is away the rows wait, and everything else goes on.
"""

import structlog
from pydantic_core import to_json
from sqlalchemy import Connection

from campaigns.context import Context
from campaigns.dialler.actions import run_each
from campaigns.ledger import notice_batches, outbox
from campaigns.ledger.outbox import BATCH, DEAD_LETTER, OutboxRow
from campaigns.ledger.rows import NoticeRow
from campaigns.sole_owner import SoleTask
from campaigns.topics.names import NOTICES
from campaigns.written_notices.shown import notice_json
from cti.errors import LedgerAway, LogAway, OutcomeUnknown, WrongPartitions, WrongTopic
from cti.hosting import Host
from cti.topics import DEAD_LETTERS, DeadLetterBox, PartTopics, Publication

PUBLISHERS = "campaign_outbox"  # the lease group, with one resource
RESOURCE = "outbox"
LOOK_MS = 1_000.0
AGAIN_MS = 5_000.0  # Kafka, or the ledger, is away
PIECE = 250  # letters read and published at a time: some 300 KB
ROWS_AT_ONCE = 100
AWAY = (LogAway, LedgerAway, OutcomeUnknown, WrongTopic, WrongPartitions)

log = structlog.get_logger()


class Publishing(SoleTask):
    """Publishes what waits."""

    away = AWAY

    def __init__(self, context: Context, host: Host, topics: PartTopics, dead_letters: DeadLetterBox) -> None:
        super().__init__(context, host, PUBLISHERS, RESOURCE, LOOK_MS)
        self._topics, self._dead_letters = topics, dead_letters
        self._again_ms = float("-inf")
        self._made = False  # the topic is there

    def next_ms(self) -> float:
        return max(super().next_ms(), self._again_ms)

    async def _work(self, now_ms: float, *, lost: bool) -> bool:
        del lost
        if not self.ours or now_ms < self._again_ms:
            return False
        published = await self._publish_all()
        self._context.metrics.topic_away(NOTICES.name, away=False)
        return published

    def _wait(self, error: Exception, now_ms: float) -> None:
        self._again_ms = now_ms + AGAIN_MS
        self._context.metrics.topic_away(NOTICES.name, away=True)
        log.warning("the outbox waits", action="notices_topic_waits", why=str(error))

    async def _publish_all(self) -> bool:
        """What waits. The lease is looked at between two rows: they may be many."""
        if not self._made:
            await self._topics.make([NOTICES.name])
            self._made = True
        published = False
        while rows := await self._context.reader.run(outbox.waiting, ROWS_AT_ONCE):
            for row in rows:
                await self._publish(row)
                published = True
                await self._look_at_lease()
                if not self.ours:
                    return published
        return published

    async def _publish(self, row: OutboxRow) -> None:
        """All that is left of it, a piece at a time. What is no more there is published no more."""
        sent = row.sent
        while sent < row.records:
            records = await self._context.reader.run(self._records, row, sent)
            await self._topics.publish(records)
            sent += PIECE
            done = min(sent, row.records)
            await self._context.writer.run(run_each, lambda connection, done=done: outbox.sent(connection, row, done))

    def _records(self, connection: Connection, row: OutboxRow, sent: int) -> list[Publication]:
        if row.what == DEAD_LETTER:
            partition, position = map(int, row.id.split(":"))
            letter = self._dead_letters.read(connection, partition, position)
            key = "" if letter is None else f"{row.tenant}:{letter.reason}"
            return [] if letter is None else [Publication(DEAD_LETTERS, row.tenant, key, row.id, letter.body)]
        if row.what == BATCH:
            letters = notice_batches.of_batch(connection, row.id, sent, PIECE)
            return [record_of(letter, row.records, letter.id) for letter in letters]
        found = notice_batches.notice(connection, row.tenant, row.id)
        if found is None or found.batch is None:
            return []
        batch = notice_batches.read(connection, row.tenant, found.batch)
        return [] if batch is None else [record_of(found, batch.notices, f"{found.id}:recall")]


def record_of(row: NoticeRow, letters: int, id_: str) -> Publication:
    """A letter in full, as HTTP shows it in its batch. `letters`: how many the batch has."""
    assert row.batch is not None, "it is in a batch"
    body = to_json({**notice_json(row), "page": row.page, "pages": letters})
    return Publication(NOTICES.name, row.tenant, f"{row.tenant}:{row.batch}", id_, body)
