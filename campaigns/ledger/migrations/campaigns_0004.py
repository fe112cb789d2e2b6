"""A notice that has left can be marked: it is owed no more, and whoever has the letter keeps it back."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0002"
branch_labels = None
depends_on = None

MARKED = sa.text("to_recall IS NOT NULL")


def upgrade() -> None:
    """One column that may be empty: a process of the release before writes notices without it."""
    op.add_column("campaign_notices", sa.Column("to_recall", sa.BigInteger(), nullable=True, autoincrement=False))
    op.create_index(
        "campaign_notices_to_recall",
        "campaign_notices",
        ["tenant", "created_at_ms", "id"],
        sqlite_where=MARKED,
        postgresql_where=MARKED,
    )
