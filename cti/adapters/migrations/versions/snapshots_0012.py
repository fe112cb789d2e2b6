"""The snapshots of a switch that a partition keeps, for calls that arrive after them.

A table of its own: processes of the release before neither read nor write it.
"""

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
        "switch_snapshots",
        _text("tenant"),
        _text("source"),
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        _text("event_id"),
        _whole("at_ms"),
        _whole("appended_at_ms"),
        _text("calls"),
        sa.PrimaryKeyConstraint("tenant", "source", "partition", "event_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("switch_snapshots_appended", "switch_snapshots", ["appended_at_ms"])
