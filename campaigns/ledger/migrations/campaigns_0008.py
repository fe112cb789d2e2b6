"""Approvals by a second key, scheduled starts, draining, exceptions to the quiet hours.

Processes of the release before go on beside it: what is new in their tables may be absent.
"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

ON_CAMPAIGNS = (
    "start_at_ms", "start_contacts", "start_overlap", "draining", "emergency_from_ms", "emergency_until_ms",
)  # fmt: skip


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def upgrade() -> None:
    for name in ON_CAMPAIGNS:
        op.add_column("campaigns", _whole(name, optional=True))
    op.create_table(
        "campaign_approvals",
        _text("campaign"),
        _whole("no"),
        _whole("at_ms"),
        _text("digest"),
        _text("parts"),
        _text("who"),
        _whole("void_at_ms", optional=True),
        _text("void_why", optional=True),
        sa.PrimaryKeyConstraint("campaign", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "campaign_emergencies",
        _text("campaign"),
        _whole("no"),
        _text("reason"),
        _whole("until_ms"),
        _whole("asked_at_ms"),
        _text("asked_by"),
        _whole("approved_at_ms", optional=True),
        _text("approved_by", optional=True),
        _whole("ended_at_ms", optional=True),
        _text("ended_by", optional=True),
        sa.PrimaryKeyConstraint("campaign", "no"),
        sqlite_with_rowid=False,
    )
