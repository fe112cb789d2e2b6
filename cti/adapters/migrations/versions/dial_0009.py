"""Dial orders, facts of their calls, subscriptions and words of sources, in tables that no older process reads.

And whether dialling is allowed: at once where nothing has ever run on this ledger; else an operator says so, once no
process of an older release runs. `upgraded_at_ms`: a database session from before is of such a process.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

PACED = "state = 'open' AND command = 'makeCall'"
UNPACED = "state = 'open' AND command != 'makeCall'"
UNSETTLED = "state IN ('open', 'sent')"
SETTLED = "state IN ('withdrawn', 'done')"
SENT = "sent_at_ms IS NOT NULL"
LANE = ["tenant", "switch", "lane"]
ORDER_INDEXES = (
    ("dial_orders_paced", [*LANE, "no"], PACED),
    ("dial_orders_unpaced", [*LANE[:2], "no"], UNPACED),
    ("dial_orders_unsettled", [*LANE, "no"], UNSETTLED),
    ("dial_orders_sent", [*LANE, "sent_at_ms"], SENT),
    ("dial_orders_settled", ["expires_at_ms"], SETTLED),
)
# A process leaves a row in one of these as soon as it starts, or cannot serve anybody.
TRACES = ("partitions", "engines", "event_log_heads", "api_keys", "switches", "calls", "retention")


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def upgrade() -> None:
    _make_orders()
    _make_facts()
    op.create_table(
        "dial_streams",
        _text("tenant"),
        _text("switch"),
        _whole("epoch"),
        _whole("alive_until_ms"),
        sa.PrimaryKeyConstraint("tenant", "switch"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "source_words",
        _text("tenant"),
        _text("source"),
        _small("partition"),
        _whole("appended_at_ms"),
        _whole("lag_ms"),
        _small("trusted"),
        _whole("word_at_ms"),
        sa.PrimaryKeyConstraint("tenant", "source", "partition"),
        sqlite_with_rowid=False,
    )
    _make_allowed()


def _make_orders() -> None:
    op.create_table(
        "dial_orders",
        sa.Column("no", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        *[_text(name) for name in ("id", *LANE[:2], "source", LANE[2], "command")],
        _text("about", optional=True),
        _text("body"),
        _whole("made_at_ms"),
        _whole("expires_at_ms"),
        _whole("sent_at_ms", optional=True),
        _whole("epoch", optional=True),
        _text("state"),
        *[_text(name, optional=True) for name in ("result", "reason", "answer", "cause")],
        _whole("q850", optional=True),
        _text("tone", optional=True),
        _whole("ended_at_ms", optional=True),
        _whole("result_at_ms", optional=True),
        sa.PrimaryKeyConstraint("no"),
        sqlite_autoincrement=True,
    )
    op.create_index("dial_orders_id", "dial_orders", ["id"], unique=True)
    for name, columns, state in ORDER_INDEXES:
        op.create_index(name, "dial_orders", columns, sqlite_where=sa.text(state), postgresql_where=sa.text(state))


def _make_facts() -> None:
    op.create_table(
        "dial_facts",
        *[_text(name) for name in ("tenant", "source", "commandid", "call_id")],
        *[_whole(name) for name in ("incarnation", "revision", "opened_at_ms")],
        *[_whole(name, optional=True) for name in ("rang_at_ms", "answered_at_ms", "ended_at_ms")],
        _text("record", optional=True),
        _whole("appended_at_ms"),
        _text("switch"),
        _text("lane"),
        sa.PrimaryKeyConstraint("tenant", "commandid", "call_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("dial_facts_lane", "dial_facts", [*LANE, "appended_at_ms"])
    op.create_index("dial_facts_appended", "dial_facts", ["appended_at_ms"])


def _make_allowed() -> None:
    allowed = op.create_table(
        "dial_allowed",
        _text("name"),
        _whole("upgraded_at_ms"),
        _whole("allowed_at_ms", optional=True),
        _text("allowed_by", optional=True),
        sa.PrimaryKeyConstraint("name"),
        sqlite_with_rowid=False,
    )
    now_ms = _now_ms()
    allowed_at_ms, by = (None, None) if _was_used() else (now_ms, "a new ledger")
    row = {"name": "dial", "upgraded_at_ms": now_ms, "allowed_at_ms": allowed_at_ms, "allowed_by": by}
    op.bulk_insert(allowed, [row])


def _was_used() -> bool:
    """Whether a process has run on this ledger before."""
    rows = [sa.select(sa.literal(1)).select_from(sa.table(name)).limit(1) for name in TRACES]
    return any(op.get_bind().execute(row).first() is not None for row in rows)


def _now_ms() -> int:
    """By the clock that dates the sessions."""
    if op.get_bind().dialect.name == "postgresql":
        asked = sa.text("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::int8")
        return int(op.get_bind().execute(asked).scalar_one())
    return int(time.time() * 1000)
