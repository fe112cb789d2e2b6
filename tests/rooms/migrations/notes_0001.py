"""Notes, and the births of calls as the part has seen them."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def _whole(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False, autoincrement=False)


def upgrade() -> None:
    op.create_table(
        "notes",
        _text("id"),
        _text("tenant"),
        _text("lane"),
        _text("body"),
        _whole("made_at_ms"),
        _whole("read_epoch"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table("note_births", _text("call_id"), sa.PrimaryKeyConstraint("call_id"), sqlite_with_rowid=False)
