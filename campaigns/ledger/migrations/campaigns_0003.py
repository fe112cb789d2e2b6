"""Payments, and whom nobody calls.

Processes of the release before go on beside it: what is new in their tables may be absent.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _make_settlements() -> None:
    op.create_table(
        "campaign_settlements",
        _text("tenant"),
        _text("reference"),
        _text("account"),
        _text("items"),
        _whole("settled_at_ms"),
        _whole("received_at_ms"),
        _text("who"),
        _small("paid"),
        _small("in_part"),
        _small("withdrawn"),
        _small("recalled"),
        _text("to_recall"),
        sa.PrimaryKeyConstraint("tenant", "reference"),
        sqlite_with_rowid=False,
    )
    op.create_index("campaign_settlements_account", "campaign_settlements", ["tenant", "account"])
    op.create_index("campaign_settlements_received", "campaign_settlements", ["received_at_ms"])


def _make_do_not_call() -> None:
    op.create_table(
        "campaign_do_not_call",
        _text("tenant"),
        _text("line"),
        _text("id"),
        _text("reason"),
        _whole("since_ms"),
        _whole("until_ms", optional=True),
        _whole("made_at_ms"),
        _text("who"),
        sa.PrimaryKeyConstraint("tenant", "line"),
        sqlite_with_rowid=False,
    )
    listed = ["tenant", "made_at_ms", "id"]
    op.create_index("campaign_do_not_call_listed", "campaign_do_not_call", listed, unique=True)
    op.create_index("campaign_do_not_call_until", "campaign_do_not_call", ["until_ms"])


def upgrade() -> None:
    _make_settlements()
    _make_do_not_call()
    op.add_column("campaign_contacts", _text("settled", optional=True))
    op.add_column("campaign_notices", _whole("to_recall_ms", optional=True))
    op.create_index("campaign_notices_account", "campaign_notices", ["tenant", "account"])
    op.add_column("campaign_outbound", _whole("settlements_heard_ms", optional=True))
