"""Campaigns, their history, the freeze of a tenant, and the trunk groups they use."""

from sqlalchemy import ColumnClause, Index, Table, literal_column

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# Settings as they hold, defaults included. `version` rises with every change of state or settings: a turn that read
# another one is undone. Deadlines of None: each contact has its own, or the kind has none.
campaigns = Table(
    "campaigns",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("name"),
    text("kind"),
    text("switch"),
    text("trunk_group"),
    text("caller_id", optional=True),  # absent: the trunk group's own
    text("queue", optional=True),  # absent: key 0 is not offered
    text("language"),
    text("windows"),  # JSON [[opens_ms, closes_ms], ..] after midnight
    text("closed_dates"),  # JSON ["2026-03-01", ..]
    text("zone"),
    small("calls_per_second"),
    small("calls_at_once"),
    small("ring_timeout_s"),
    small("attempts_max"),
    text("retry"),  # JSON {disposition: minutes}
    text("channels"),  # JSON ["sms", "auto"]
    text("fallback"),
    small("priority"),  # 0 first
    whole("received_at_ms"),
    whole("notice_out_by_ms", optional=True),
    whole("fallback_by_ms", optional=True),
    whole("expires_at_ms", optional=True),
    small("deadlines_given"),  # 1: asked for, so they hold for every contact
    small("provisional"),  # 1: a deadline counts days of a year that nobody has announced
    text("state"),
    text("paused_why", optional=True),  # campaign_paused | failure_spike | cannot_dial | queue_busy
    text("live", optional=True),  # of a stop: finish | clear
    whole("version"),
    whole("made_at_ms"),
    whole("started_at_ms", optional=True),
    whole("resumed_at_ms", optional=True),  # attempts before do not count for the automatic pause
    whole("ended_at_ms", optional=True),
    text("made_by"),  # the key's label and id
    text("profile"),  # name@version of the operator's hours
    # What processes of the release before leave empty.
    whole("start_at_ms", optional=True),  # of one that is scheduled: when it starts by itself,
    whole("start_contacts", optional=True),  # with how many contacts,
    whole("start_overlap", optional=True),  # and 1: beside another campaign of the same accounts and items
    whole("draining", optional=True),  # 1: nobody new is called, in a pause too
    whole("emergency_from_ms", optional=True),  # the exception to the quiet hours that was approved
    whole("emergency_until_ms", optional=True),
    sqlite_with_rowid=False,
)
Index("campaigns_of_tenant", campaigns.c.tenant, campaigns.c.made_at_ms, campaigns.c.id)
_ENDED: list[ColumnClause[str]] = [literal_column(f"'{state}'") for state in ("stopped", "done", "expired")]
UNDER_WAY = campaigns.c.state.not_in(_ENDED)
NOT_ENDED = f"state NOT IN ({', '.join(state.name for state in _ENDED)})"  # the same, word for word as in the index
Index(
    "campaigns_under_way", campaigns.c.tenant, campaigns.c.switch, campaigns.c.trunk_group,
    sqlite_where=UNDER_WAY, postgresql_where=UNDER_WAY,
)  # fmt: skip

# What happened to a campaign as a whole: states, automatic pauses, hours that closed for all. `no` rises by one.
history = Table(
    "campaign_history",
    metadata,
    text("campaign", key=True),
    whole("no", key=True),
    whole("at_ms"),
    text("what"),  # created, approved, approval_void, scheduled, not_started, started, paused, resumed, draining, ..
    text("why", optional=True),
    text("rule", optional=True),
    whole("until_ms", optional=True),
    text("who"),  # a key, or "dialler"
    sqlite_with_rowid=False,
)

# The freeze, a row a tenant. A turn locks it, so that nothing is made after a freeze is acknowledged.
outbound = Table(
    "campaign_outbound",
    metadata,
    text("tenant", key=True),
    small("frozen"),
    text("reason", optional=True),
    text("who", optional=True),
    whole("at_ms", optional=True),
    whole("version"),
    whole("settlements_heard_ms", optional=True),  # when payments were last told; absent: never
    sqlite_with_rowid=False,
)

# Trunk groups that campaigns have used. `id` is the resource of the lease group: JSON [tenant, switch, trunk group].
lanes = Table(
    "campaign_lanes",
    metadata,
    text("id", key=True),
    text("tenant"),
    text("switch"),
    text("trunk_group"),
    sqlite_with_rowid=False,
)
