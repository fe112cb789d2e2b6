"""The first schema: event log, ledger, registry."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _event_log()
    _engine()
    _calls()
    _results()
    _commands()
    _states()
    _registry()


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    # Byte order on both databases: PostgreSQL's own order of text depends on the server's locale.
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _bytes(name: str) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=False)


def _index(name: str, table: str, columns: list[str], only: str | None = None) -> None:
    condition = None if only is None else sa.text(only)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def _event_log() -> None:
    op.create_table(
        "event_log",
        _small("partition"),
        _whole("position"),
        _whole("appended_at_ms"),
        _text("tenant"),
        _bytes("body"),
        sa.PrimaryKeyConstraint("partition", "position"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_log_heads",
        _small("partition"),
        _whole("position"),
        _whole("appended_at_ms"),
        _whole("purged"),
        sa.PrimaryKeyConstraint("partition"),
        sqlite_with_rowid=False,
    )


def _engine() -> None:
    op.create_table(
        "partitions",
        _small("partition"),
        _whole("epoch"),
        _whole("position"),
        _whole("command_no"),
        _text("owner"),
        sa.PrimaryKeyConstraint("partition"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "timeline",
        _small("partition"),
        _whole("born"),
        _whole("position"),
        _small("n"),
        _whole("at_ms"),
        _whole("appended_at_ms"),
        _whole("sequence", optional=True),
        _text("kind"),
        _text("event_id"),
        _whole("body_hash"),
        _text("data"),
        sa.PrimaryKeyConstraint("partition", "born", "position", "n"),
    )


def _calls() -> None:
    op.create_table(
        "calls",
        _text("call_id"),
        _whole("key_hash"),
        _text("tenant"),
        _text("source"),
        _text("subject"),
        _whole("incarnation"),
        _small("partition"),
        _whole("born"),
        _whole("opened_at_ms"),
        _text("direction", optional=True),
        _whole("ended_at_ms", optional=True),
        sa.Column("timeline_kept", sa.Integer(), nullable=False, server_default=sa.text("1")),
        sa.PrimaryKeyConstraint("call_id"),
    )
    _index("calls_key_hash", "calls", ["key_hash"])
    _index("calls_live", "calls", ["partition", "born"], "ended_at_ms IS NULL")
    _index("calls_opened", "calls", ["tenant", "opened_at_ms", "call_id"])
    _index("calls_subject", "calls", ["tenant", "subject"])
    _index("calls_timeline_dropped", "calls", ["ended_at_ms"], "timeline_kept = 0")
    _index("calls_timeline_kept", "calls", ["ended_at_ms"], "ended_at_ms IS NOT NULL AND timeline_kept = 1")


def _results() -> None:
    op.create_table(
        "records",
        _text("call_id"),
        _text("tenant"),
        _text("source"),
        _whole("revision"),
        _whole("opened_at_ms"),
        _whole("ended_at_ms"),
        _text("outcome"),
        _text("direction", optional=True),
        _text("queue", optional=True),
        _text("agent", optional=True),
        _whole("wait_ms"),
        _small("queued"),
        _whole("answer_ms", optional=True),
        _whole("talk_ms"),
        _whole("hold_ms"),
        _whole("transfers"),
        _whole("notices_owed"),
        _whole("notices_played"),
        _text("record"),
        sa.PrimaryKeyConstraint("tenant", "call_id"),
    )
    _index("records_opened", "records", ["tenant", "opened_at_ms"])
    op.create_table(
        "breaches",
        _text("call_id"),
        _small("n"),
        _text("tenant"),
        _text("source"),
        _text("rule"),
        _whole("at_ms"),
        sa.Column("limit_s", sa.Float(), nullable=True),
        sa.Column("actual_s", sa.Float(), nullable=True),
        _text("agent", optional=True),
        _text("queue", optional=True),
        sa.PrimaryKeyConstraint("call_id", "n"),
    )
    _index("breaches_at", "breaches", ["tenant", "at_ms", "call_id", "n"])


def _commands() -> None:
    op.create_table(
        "commands",
        _text("id"),
        _text("tenant"),
        _text("source"),
        _text("call_id"),
        _small("partition"),
        _whole("no"),
        _text("rule"),
        _text("command"),
        _text("occurrence"),
        _whole("due_at_ms"),
        _whole("issued_at_ms"),
        _whole("expires_at_ms"),
        _text("state"),
        _text("reason", optional=True),
        _text("body"),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("commands_call", "commands", ["call_id"])
    _index("commands_callless", "commands", ["issued_at_ms"], "call_id = ''")
    _index("commands_due", "commands", ["tenant", "due_at_ms"])
    _index("commands_no", "commands", ["partition", "no"])
    _index("commands_open", "commands", ["tenant", "source"], "state IN ('open', 'accepted')")


def _states() -> None:
    op.create_table(
        "agents",
        _text("tenant"),
        _text("source"),
        _text("agent"),
        _small("partition"),
        _text("state"),
        _whole("since_ms"),
        _text("device", optional=True),
        _text("reason", optional=True),
        sa.PrimaryKeyConstraint("tenant", "source", "agent"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sources",
        _text("tenant"),
        _text("source"),
        _small("partition"),
        _text("kinds"),
        sa.PrimaryKeyConstraint("tenant", "source"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "dead_letters",
        _small("partition"),
        _whole("position"),
        _text("tenant"),
        _text("reason"),
        _text("detail"),
        _whole("at_ms"),
        _bytes("body"),
        sa.PrimaryKeyConstraint("partition", "position"),
        sqlite_with_rowid=False,
    )
    _index("dead_letters_at", "dead_letters", ["at_ms"])


def _registry() -> None:
    op.create_table(
        "api_keys",
        _text("id"),
        _text("digest"),
        _text("tenant"),
        _text("scopes"),
        _text("switches"),
        _text("label"),
        _whole("created_at_ms"),
        _whole("revoked_at_ms", optional=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "switches",
        _text("tenant"),
        _text("switch"),
        _text("source"),
        _text("declaration"),
        sa.PrimaryKeyConstraint("tenant", "switch"),
        sqlite_with_rowid=False,
    )
