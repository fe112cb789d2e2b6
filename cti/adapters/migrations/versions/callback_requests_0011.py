"""Callbacks that callers asked for and agents promised, until somebody takes them.

A table of its own: processes of the release before neither read nor write it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

TEXTS = ("id", "tenant", "source", "call_id")


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "callback_requests",
        *[_text(name) for name in TEXTS],
        _text("number", optional=True),
        _text("queue", optional=True),
        _text("origin"),
        _text("agent", optional=True),
        _whole("asked_at_ms"),
        _whole("due_at_ms", optional=True),
        _text("note", optional=True),
        _whole("written_at_ms"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("callback_requests_written", "callback_requests", ["written_at_ms", "id"])
