"""What is read from topics, and what is to be published to them."""

from sqlalchemy import Index, Table

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# How far a topic has been read, written in the transaction of what was read. A topic that was made anew begins at
# offset 0 again: `base` is added to its offsets, so that positions only rise and name a record for good.
topic_positions = Table(
    "campaign_topic_positions",
    metadata,
    text("topic", key=True),
    small("partition", key=True),
    whole("position"),
    whole("base"),
    sqlite_with_rowid=False,
)

# What topics are to be told. Nothing is copied: a row names what is read when it is published, so that who is erased
# meanwhile is not told. `id`: of a batch; of a notice that was exported and is to be recalled; of a dead letter, as
# PARTITION:POSITION. `sent` of `records` are published. The row of a batch stays as long as its campaign.
outbox = Table(
    "campaign_outbox",
    metadata,
    text("id", key=True),
    text("what"),  # batch | dead_letter | recall
    text("tenant"),
    text("campaign"),  # "" of a dead letter
    whole("made_at_ms"),
    whole("records"),
    whole("sent"),
    sqlite_with_rowid=False,
)
WAITS_FOR_TOPIC = outbox.c.sent < outbox.c.records
Index("campaign_outbox_waiting", outbox.c.what, outbox.c.made_at_ms, outbox.c.id, sqlite_where=WAITS_FOR_TOPIC,
      postgresql_where=WAITS_FOR_TOPIC)  # fmt: skip
Index("campaign_outbox_campaign", outbox.c.campaign)
