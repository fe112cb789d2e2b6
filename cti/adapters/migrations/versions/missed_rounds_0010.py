"""The rounds that were committed without the statements of a part that had failed.

A table of its own: processes of the release before neither read nor write it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "missed_rounds",
        sa.Column("part", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False),
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        _whole("after_position"),
        _whole("to_position"),
        _whole("rounds"),
        sa.PrimaryKeyConstraint("part", "partition"),
        sqlite_with_rowid=False,
    )
