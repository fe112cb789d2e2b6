"""When a call's first record was written, by the log's clock: retention goes by it, and not by the switch's date.

And the time that retention goes by. The release before writes neither: of its calls the end still counts, but for those
that were said to end later than now.
"""

import time

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

ENDED = "ended_at_ms IS NOT NULL AND timeline_kept = 1"
DROPPED = "timeline_kept = 0"
UNRECORDED = "AND recorded_at_ms IS NULL"
INDEXES = (
    ("calls_timeline_kept", "recorded_at_ms", ENDED),
    ("calls_timeline_dropped", "recorded_at_ms", DROPPED),
    ("calls_kept_unrecorded", "ended_at_ms", f"{ENDED} {UNRECORDED}"),
    ("calls_dropped_unrecorded", "ended_at_ms", f"{DROPPED} {UNRECORDED}"),
)


def upgrade() -> None:
    words = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
    op.create_table(
        "retention",
        sa.Column("name", words, primary_key=True),
        sa.Column("at_ms", sa.BigInteger(), nullable=False, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.add_column("calls", sa.Column("recorded_at_ms", sa.BigInteger(), nullable=True, autoincrement=False))
    now_ms = int(time.time() * 1000)
    calls = sa.table("calls", *[sa.column(name) for name in ("recorded_at_ms", "ended_at_ms", "timeline_kept")])
    for state in (ENDED, DROPPED):  # each has an index
        later = sa.update(calls).where(sa.text(state), calls.c.ended_at_ms > now_ms)
        op.execute(later.values(recorded_at_ms=now_ms))
    op.drop_index("calls_timeline_kept")
    op.drop_index("calls_timeline_dropped")
    for name, column, state in INDEXES:
        op.create_index(name, "calls", [column], sqlite_where=sa.text(state), postgresql_where=sa.text(state))
