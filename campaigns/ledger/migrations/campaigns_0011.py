"""Erasures of persons: what went, as proof."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "campaign_erasures",
        _text("id"),
        _text("tenant"),
        sa.Column("at_ms", sa.BigInteger(), nullable=False),
        _text("who"),
        _text("digest"),
        sa.Column("subject", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=True),
        _text("counts"),
        sa.Column("left_over", sa.BigInteger(), nullable=False),
        sa.Column("next_at_ms", sa.BigInteger(), nullable=False),
        sa.Column("ended_at_ms", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("campaign_erasures_of_tenant", "campaign_erasures", ["tenant", "at_ms", "id"])
