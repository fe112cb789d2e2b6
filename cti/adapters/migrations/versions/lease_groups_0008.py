"""Lease groups beside the engines' one, with their owners and resources.

Tables of their own: a process of the release before shares the partitions among all rows of `engines`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "lease_owners",
        _text("lease_group"),
        _text("owner"),
        _whole("heartbeat"),
        sa.PrimaryKeyConstraint("lease_group", "owner"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "leases",
        _text("lease_group"),
        _text("resource"),
        _whole("epoch"),
        _text("owner"),
        sa.PrimaryKeyConstraint("lease_group", "resource"),
        sqlite_with_rowid=False,
    )
