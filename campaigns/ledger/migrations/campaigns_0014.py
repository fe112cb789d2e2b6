"""Of an attempt: the date of its promise to pay, and whether a person said what became of it."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign_attempts", sa.Column("promise_date", sa.Text(), nullable=True))
    op.add_column("campaign_attempts", sa.Column("by_person", sa.BigInteger(), nullable=True))
