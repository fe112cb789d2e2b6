"""Callbacks: when a contact is called and whether that kept a promise; a call that the network cut off."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def upgrade() -> None:
    for name in ("call_at_ms", "keep_by_ms", "agreed_at_ms"):
        op.add_column("campaign_contacts", _whole(name, optional=True))
    op.add_column("campaign_contacts", _text("promise", optional=True))
    op.add_column("campaign_attempts", _whole("cut", optional=True))
    op.create_table(
        "campaign_callbacks",
        _text("id"),
        _text("tenant"),
        _text("campaign"),
        _text("contact"),
        _text("number"),
        _text("request", optional=True),
        _text("reference", optional=True),
        _text("origin"),
        _text("agent", optional=True),
        _text("call", optional=True),
        _whole("asked_at_ms"),
        _whole("due_at_ms"),
        sa.Column("moved", sa.Integer(), nullable=False, autoincrement=False),
        _text("agreed_by", optional=True),
        _text("note", optional=True),
        _whole("made_at_ms"),
        _text("who"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("campaign_callbacks_of_tenant", "campaign_callbacks", ["tenant", "due_at_ms", "id"])
    op.create_index("campaign_callbacks_of_campaign", "campaign_callbacks", ["campaign"])
    op.create_index("campaign_callbacks_number", "campaign_callbacks", ["tenant", "number"])
    op.create_index("campaign_callbacks_contact", "campaign_callbacks", ["contact"], unique=True)
    op.create_index("campaign_callbacks_request", "campaign_callbacks", ["tenant", "request"], unique=True)
