"""Every table of the call side, once. Columns stand in the order of the rows of `cti.rows`, so that a row is made by
position. Times are ms since the epoch.

On SQLite the tables that grow keep their rows in the order of writing, with the key in an index beside them: clustered
by call, a round of 500 events of 5,000 live calls rewrote nearly 500 pages (measured: three times the time and bytes).
The small ones, and the log, whose keys rise, are clustered by key.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    column,
    literal_column,
    sql,
)

from cti.sql.columns import small as _small
from cti.sql.columns import text as _text
from cti.sql.columns import whole as _whole

IN_ORDER_OF_WRITING = frozenset({"timeline", "calls", "records", "breaches", "commands"})

metadata = MetaData()


def _table(
    name: str, *parts: Column[int] | Column[str] | Column[bytes] | Column[float] | PrimaryKeyConstraint
) -> Table:
    return Table(name, metadata, *parts, sqlite_with_rowid=name in IN_ORDER_OF_WRITING)


event_log = _table(
    "event_log",
    _small("partition", key=True),
    _whole("position", key=True),
    _whole("appended_at_ms"),
    _text("tenant"),
    Column("body", LargeBinary, nullable=False),
)

# One row a partition, locked by every append: positions come from here, hence without gaps. `purged`: the last gone.
event_log_heads = _table(
    "event_log_heads",
    _small("partition", key=True),
    _whole("position"),
    _whole("appended_at_ms"),
    _whole("purged"),
)

# One row a partition, moved on by the last statement of every round: the fence.
partitions = _table(
    "partitions",
    _small("partition", key=True),
    _whole("epoch"),
    _whole("position"),
    _whole("command_no"),
    _text("owner"),
)

# One row an engine that lives: `beat` rises while it does.
engines = _table(
    "engines",
    _text("owner", key=True),
    _whole("beat"),
)

timeline = _table(
    "timeline",
    _small("partition", key=True),
    _whole("born", key=True),
    _whole("position", key=True),
    _small("n", key=True),
    _whole("at_ms"),
    _whole("appended_at_ms"),
    _whole("sequence", optional=True),
    _text("kind"),
    _text("event_id"),
    _whole("body_hash"),
    _text("data"),
)

# On PostgreSQL the timeline has a part for each day of `appended_at_ms`, which is then the last column of its key; this
# part holds what belongs to no day.
timeline_default = sql.table("timeline_default", *[column(name, BigInteger) for name in ("partition", "born")])

# `ended_at_ms` comes with the first record, by the switch's clock; so does `recorded_at_ms`, by the log's (None: the
# release before wrote it). `timeline_kept` falls to 0 when retention has dropped the timeline.
calls = _table(
    "calls",
    _text("call_id", key=True),
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
    Column("timeline_kept", Integer, nullable=False, server_default=literal_column("1")),
    _whole("recorded_at_ms", optional=True),
)
# Conditions with literals: a partial index serves only queries that repeat its condition, word for word.
LIVE = calls.c.ended_at_ms.is_(None)
KEPT = calls.c.ended_at_ms.is_not(None) & (calls.c.timeline_kept == literal_column("1"))
DROPPED = calls.c.timeline_kept == literal_column("0")
Index("calls_key_hash", calls.c.key_hash)
Index("calls_opened", calls.c.tenant, calls.c.opened_at_ms, calls.c.call_id)
Index("calls_subject", calls.c.tenant, calls.c.subject)
Index("calls_live", calls.c.partition, calls.c.born, sqlite_where=LIVE, postgresql_where=LIVE)
UNRECORDED = calls.c.recorded_at_ms.is_(None)
Index("calls_timeline_kept", calls.c.recorded_at_ms, sqlite_where=KEPT, postgresql_where=KEPT)
Index("calls_timeline_dropped", calls.c.recorded_at_ms, sqlite_where=DROPPED, postgresql_where=DROPPED)
_OLD_KEPT, _OLD_DROPPED = KEPT & UNRECORDED, DROPPED & UNRECORDED
Index("calls_kept_unrecorded", calls.c.ended_at_ms, sqlite_where=_OLD_KEPT, postgresql_where=_OLD_KEPT)
Index("calls_dropped_unrecorded", calls.c.ended_at_ms, sqlite_where=_OLD_DROPPED, postgresql_where=_OLD_DROPPED)

# A call id is a hash that takes the tenant in, so (tenant, call_id) is as unique as the id, and serves the pages.
records = _table(
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
    _whole("tried_ms", optional=True),
    PrimaryKeyConstraint("tenant", "call_id"),
)
Index("records_opened", records.c.tenant, records.c.opened_at_ms)

breaches = _table(
    "breaches",
    _text("call_id", key=True),
    _small("n", key=True),
    _text("tenant"),
    _text("source"),
    _text("rule"),
    _whole("at_ms"),
    Column("limit_s", Float, nullable=True),
    Column("actual_s", Float, nullable=True),
    _text("agent", optional=True),
    _text("queue", optional=True),
)
Index("breaches_at", breaches.c.tenant, breaches.c.at_ms, breaches.c.call_id, breaches.c.n)

commands = _table(
    "commands",
    _text("id", key=True),
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
)
UNANSWERED = commands.c.state.in_([literal_column("'open'"), literal_column("'accepted'")])
CALLLESS = commands.c.call_id == literal_column("''")
Index("commands_no", commands.c.partition, commands.c.no)
Index("commands_call", commands.c.call_id)
Index("commands_due", commands.c.tenant, commands.c.due_at_ms)
Index("commands_open", commands.c.tenant, commands.c.source, sqlite_where=UNANSWERED, postgresql_where=UNANSWERED)
Index("commands_callless", commands.c.issued_at_ms, sqlite_where=CALLLESS, postgresql_where=CALLLESS)

agents = _table(
    "agents",
    _text("tenant", key=True),
    _text("source", key=True),
    _text("agent", key=True),
    _small("partition"),
    _text("state"),
    _whole("since_ms"),
    _text("device", optional=True),
    _text("reason", optional=True),
)

# Which facts a source has ever sent; by partition, because several engines may each see some of them.
source_kinds = _table(
    "source_kinds",
    _text("tenant", key=True),
    _text("source", key=True),
    _small("partition", key=True),
    _text("kinds"),
)

# What a partition keeps of its switches' snapshots. `calls`: the ids of its calls that a snapshot named, as JSON.
switch_snapshots = _table(
    "switch_snapshots",
    _text("tenant", key=True),
    _text("source", key=True),
    _small("partition", key=True),
    _text("event_id", key=True),
    _whole("at_ms"),
    _whole("appended_at_ms"),
    _text("calls"),
)
Index("switch_snapshots_appended", switch_snapshots.c.appended_at_ms)

dead_letters = _table(
    "dead_letters",
    _small("partition", key=True),
    _whole("position", key=True),
    _text("tenant"),
    _text("reason"),
    _text("detail"),
    _whole("at_ms"),
    Column("body", LargeBinary, nullable=False),
    _whole("replayed_at_ms", optional=True),
)
Index("dead_letters_at", dead_letters.c.at_ms)

api_keys = _table(
    "api_keys",
    _text("id", key=True),
    _text("digest"),
    _text("tenant"),
    _text("scopes"),
    _text("switches"),
    _text("label"),
    _whole("created_at_ms"),
    _whole("revoked_at_ms", optional=True),
    _whole("expires_at_ms", optional=True),
)

switches = _table(
    "switches",
    _text("tenant", key=True),
    _text("switch", key=True),
    _text("source"),
    _text("declaration"),
)

# Retention's own time; one row.
retention = _table("retention", _text("name", key=True), _whole("at_ms"))

# The outbox: rows for the topics that integrators read, until acknowledged; empty without Kafka.
outbox = _table(
    "copies",
    _small("partition", key=True),
    _whole("no", key=True),
    _text("kind"),
    _text("tenant"),
    _text("key"),
    _text("id"),
    Column("body", LargeBinary, nullable=False),
)
