"""The tables of dial orders. They belong to the call side's chain of migrations.

Apart from `commands`: processes of the release before send every open command that they find there.
"""

from sqlalchemy import BigInteger, Column, ColumnClause, Index, Integer, MetaData, Table, literal_column

from cti.sql.columns import small, text, whole

metadata = MetaData()

# `no` is given by the database, in the order of making, and never given twice.
orders = Table(
    "dial_orders",
    metadata,
    Column("no", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    text("id"),
    text("tenant"),
    text("switch"),
    text("source"),
    text("lane"),
    text("command"),
    text("about", optional=True),
    text("body"),
    whole("made_at_ms"),
    whole("expires_at_ms"),
    whole("sent_at_ms", optional=True),
    whole("epoch", optional=True),
    text("state"),
    text("result", optional=True),
    text("reason", optional=True),
    text("answer", optional=True),
    text("cause", optional=True),
    whole("q850", optional=True),
    text("tone", optional=True),
    whole("ended_at_ms", optional=True),
    whole("result_at_ms", optional=True),
    sqlite_autoincrement=True,
)
# Conditions with literals: a partial index serves only queries that repeat its condition, word for word.
_OPEN: ColumnClause[str] = literal_column("'open'")
_CALLS: ColumnClause[str] = literal_column("'makeCall'")
PACED = (orders.c.state == _OPEN) & (orders.c.command == _CALLS)
UNPACED = (orders.c.state == _OPEN) & (orders.c.command != _CALLS)
UNSETTLED = orders.c.state.in_([literal_column("'open'"), literal_column("'sent'")])
SETTLED = orders.c.state.in_([literal_column("'withdrawn'"), literal_column("'done'")])
SENT = orders.c.sent_at_ms.is_not(None)
_LANE = (orders.c.tenant, orders.c.switch, orders.c.lane)
Index("dial_orders_id", orders.c.id, unique=True)
Index("dial_orders_paced", *_LANE, orders.c.no, sqlite_where=PACED, postgresql_where=PACED)
Index("dial_orders_unpaced", *_LANE[:2], orders.c.no, sqlite_where=UNPACED, postgresql_where=UNPACED)
Index("dial_orders_unsettled", *_LANE, orders.c.no, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)
Index("dial_orders_sent", *_LANE, orders.c.sent_at_ms, sqlite_where=SENT, postgresql_where=SENT)
Index("dial_orders_settled", orders.c.expires_at_ms, sqlite_where=SETTLED, postgresql_where=SETTLED)

# `switch` and `lane` are those of the order: the owner of a lane reads its own.
facts = Table(
    "dial_facts",
    metadata,
    text("tenant", key=True),
    text("source"),
    text("commandid", key=True),
    text("call_id", key=True),
    whole("incarnation"),
    whole("revision"),
    whole("opened_at_ms"),
    whole("rang_at_ms", optional=True),
    whole("answered_at_ms", optional=True),
    whole("ended_at_ms", optional=True),
    text("record", optional=True),
    whole("appended_at_ms"),
    text("switch"),
    text("lane"),
    sqlite_with_rowid=False,
)
Index("dial_facts_lane", facts.c.tenant, facts.c.switch, facts.c.lane, facts.c.appended_at_ms)
Index("dial_facts_appended", facts.c.appended_at_ms)

# The newest subscription of each switch; locked by every claim, which makes the pace of a switch a matter of turns.
streams = Table(
    "dial_streams",
    metadata,
    text("tenant", key=True),
    text("switch", key=True),
    whole("epoch"),
    whole("alive_until_ms"),
    sqlite_with_rowid=False,
)

words = Table(
    "source_words",
    metadata,
    text("tenant", key=True),
    text("source", key=True),
    small("partition", key=True),
    whole("appended_at_ms"),
    whole("lag_ms"),
    small("trusted"),
    whole("word_at_ms"),
    sqlite_with_rowid=False,
)

# One row, made by the migration. `allowed_at_ms` is empty until an operator says that no older release runs.
allowed = Table(
    "dial_allowed",
    metadata,
    text("name", key=True),
    whole("upgraded_at_ms"),
    whole("allowed_at_ms", optional=True),
    text("allowed_by", optional=True),
    sqlite_with_rowid=False,
)
