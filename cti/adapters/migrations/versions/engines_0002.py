"""Engines, with the beat by which each shows that it lives."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "engines",
        sa.Column("owner", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("beat", sa.BigInteger(), nullable=False, autoincrement=False),
        sa.PrimaryKeyConstraint("owner"),
        sqlite_with_rowid=False,
    )
