"""Notices that were exported and are owed no more are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

MARKED = sa.text("to_recall_ms IS NOT NULL")


def upgrade() -> None:
    op.create_index(
        "campaign_notices_to_recall",
        "campaign_notices",
        ["tenant", "created_at_ms", "id"],
        sqlite_where=MARKED,
        postgresql_where=MARKED,
    )
