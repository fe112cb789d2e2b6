"""Changed outages: what was told may be right no more, and is told again."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

APPLYING = sa.text("state = 'applying'")
COUNTS = ("contacts", "told_again", "cancelled", "withdrawn", "recalled", "rewritten", "to_recall")


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def upgrade() -> None:
    op.add_column("campaign_contacts", _whole("outdated_upto", optional=True))
    op.create_table(
        "campaign_revisions",
        _text("campaign"),
        _whole("no"),
        _text("tenant"),
        _text("area"),
        _whole("starts_at_ms"),
        _text("restores_at", optional=True),
        _whole("at_ms"),
        _text("who"),
        _text("state"),
        _text("upto"),
        *(sa.Column(name, sa.Integer(), nullable=False, autoincrement=False) for name in COUNTS),
        sa.PrimaryKeyConstraint("campaign", "no"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "campaign_revisions_applying",
        "campaign_revisions",
        ["campaign"],
        sqlite_where=APPLYING,
        postgresql_where=APPLYING,
    )
