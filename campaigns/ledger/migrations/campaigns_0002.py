"""Imports, notices, and what the interface keeps."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

IMPORTS_RUNNING = "state IN ('receiving', 'running')"


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _index(name: str, table: str, columns: list[str], where: str | None = None, unique: bool = False) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _make_imports() -> None:
    op.create_table(
        "campaign_imports",
        _text("campaign"),
        _whole("no"),
        _text("tenant"),
        _text("file"),
        _text("keep"),
        _text("sha256"),
        _whole("bytes"),
        _text("state"),
        _text("error", optional=True),
        _whole("received"),
        _whole("accepted"),
        _whole("rejected"),
        _whole("merged"),
        _whole("contacts"),
        _text("header", optional=True),
        _whole("made_at_ms"),
        _whole("ended_at_ms", optional=True),
        _text("who"),
        sa.PrimaryKeyConstraint("campaign", "no"),
        sqlite_with_rowid=False,
    )
    _index("campaign_imports_running", "campaign_imports", ["made_at_ms"], IMPORTS_RUNNING)


def _make_import_chunks() -> None:
    op.create_table(
        "campaign_import_chunks",
        _text("campaign"),
        _whole("no"),
        _whole("seq"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("campaign", "no", "seq"),
        sqlite_with_rowid=False,
    )


def _make_import_rows() -> None:
    op.create_table(
        "campaign_import_rows",
        _text("campaign"),
        _whole("no"),
        _whole("row_no"),
        _text("account"),
        _text("fields"),
        _text("line"),
        sa.PrimaryKeyConstraint("campaign", "no", "row_no"),
        sqlite_with_rowid=False,
    )
    _index("campaign_import_rows_account", "campaign_import_rows", ["campaign", "no", "account", "row_no"])


def _make_import_rejected() -> None:
    op.create_table(
        "campaign_import_rejected",
        _text("campaign"),
        _whole("no"),
        _whole("row_no"),
        _text("line"),
        _text("error"),
        sa.PrimaryKeyConstraint("campaign", "no", "row_no"),
        sqlite_with_rowid=False,
    )


def _make_notices() -> None:
    op.create_table(
        "campaign_notices",
        _text("id"),
        _text("tenant"),
        _text("campaign"),
        _text("contact"),
        _small("round"),
        _text("account"),
        _text("kind"),
        _text("body"),
        _whole("created_at_ms"),
        _text("state"),
        _text("batch", optional=True),
        _whole("page", optional=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    _index("campaign_notices_batch", "campaign_notices", ["batch", "page"])
    _index("campaign_notices_contact", "campaign_notices", ["contact", "round"], unique=True)
    _index("campaign_notices_of_tenant", "campaign_notices", ["tenant", "created_at_ms", "id"])
    _index("campaign_notices_state", "campaign_notices", ["tenant", "campaign", "state", "created_at_ms"])


def _make_notice_batches() -> None:
    op.create_table(
        "campaign_notice_batches",
        _text("id"),
        _text("tenant"),
        _text("campaign"),
        _whole("made_at_ms"),
        _whole("notices"),
        _text("state"),
        _text("who"),
        _whole("acknowledged_at_ms", optional=True),
        _text("acknowledged_by", optional=True),
        _whole("failed", optional=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    _index("campaign_notice_batches_of_tenant", "campaign_notice_batches", ["tenant", "made_at_ms", "id"])


def _make_idempotency() -> None:
    op.create_table(
        "campaign_idempotency",
        _text("tenant"),
        _text("key"),
        _text("digest"),
        _whole("at_ms"),
        _whole("status", optional=True),
        _text("body", optional=True),
        _text("location", optional=True),
        sa.PrimaryKeyConstraint("tenant", "key"),
        sqlite_with_rowid=False,
    )
    _index("campaign_idempotency_at", "campaign_idempotency", ["at_ms"])


def _make_audit() -> None:
    op.create_table(
        "campaign_audit",
        _text("tenant"),
        _whole("no"),
        _whole("at_ms"),
        _text("who"),
        _text("what"),
        _text("about"),
        _text("details"),
        sa.PrimaryKeyConstraint("tenant", "no"),
        sqlite_with_rowid=False,
    )
    _index("campaign_audit_at", "campaign_audit", ["at_ms"])


def upgrade() -> None:
    _make_imports()
    _make_import_chunks()
    _make_import_rows()
    _make_import_rejected()
    _make_notices()
    _make_notice_batches()
    _make_idempotency()
    _make_audit()
