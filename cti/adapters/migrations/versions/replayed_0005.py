"""When a dead letter was last appended to the log again."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("dead_letters", sa.Column("replayed_at_ms", sa.BigInteger(), nullable=True, autoincrement=False))
