"""How far topics have been read, and what is to be published to them."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "campaign_topic_positions",
        _text("topic"),
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        _whole("position"),
        _whole("base"),
        sa.PrimaryKeyConstraint("topic", "partition"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "campaign_outbox",
        _text("id"),
        _text("what"),
        _text("tenant"),
        _text("campaign"),
        _whole("made_at_ms"),
        _whole("records"),
        _whole("sent"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    waits = sa.text("sent < records")
    columns = ["what", "made_at_ms", "id"]
    op.create_index("campaign_outbox_waiting", "campaign_outbox", columns, sqlite_where=waits, postgresql_where=waits)
    op.create_index("campaign_outbox_campaign", "campaign_outbox", ["campaign"])
