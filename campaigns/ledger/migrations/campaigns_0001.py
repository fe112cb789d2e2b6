"""Campaigns, contacts, attempts, and what all campaigns know of a person."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

CAMPAIGNS_UNDER_WAY = "state NOT IN ('stopped', 'done', 'expired')"
CONTACTS_DEADLINE = "state IN ('waiting', 'in_progress', 'unknown', 'person')"
CONTACTS_DUE = "state IN ('waiting', 'in_progress', 'unknown', 'person')"
CONTACTS_WAITS = "waits_for IS NOT NULL"
ATTEMPTS_UNENDED = "step IN ('open', 'held')"


def _text(name: str, *, optional: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=optional)


def _whole(name: str, *, optional: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=optional, autoincrement=False)


def _small(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False, autoincrement=False)


def _index(name: str, table: str, columns: list[str], where: str | None = None, unique: bool = False) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=only, postgresql_where=only)


def _make_campaigns() -> None:
    op.create_table(
        "campaigns",
        _text("id"),
        _text("tenant"),
        _text("name"),
        _text("kind"),
        _text("switch"),
        _text("trunk_group"),
        _text("caller_id", optional=True),
        _text("queue", optional=True),
        _text("language"),
        _text("windows"),
        _text("closed_dates"),
        _text("zone"),
        _small("calls_per_second"),
        _small("calls_at_once"),
        _small("ring_timeout_s"),
        _small("attempts_max"),
        _text("retry"),
        _text("channels"),
        _text("fallback"),
        _small("priority"),
        _whole("received_at_ms"),
        _whole("notice_out_by_ms", optional=True),
        _whole("fallback_by_ms", optional=True),
        _whole("expires_at_ms", optional=True),
        _small("deadlines_given"),
        _small("provisional"),
        _text("state"),
        _text("paused_why", optional=True),
        _text("live", optional=True),
        _whole("version"),
        _whole("made_at_ms"),
        _whole("started_at_ms", optional=True),
        _whole("resumed_at_ms", optional=True),
        _whole("ended_at_ms", optional=True),
        _text("made_by"),
        _text("profile"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    _index("campaigns_of_tenant", "campaigns", ["tenant", "made_at_ms", "id"])
    _index("campaigns_under_way", "campaigns", ["tenant", "switch", "trunk_group"], CAMPAIGNS_UNDER_WAY)


def _make_history() -> None:
    op.create_table(
        "campaign_history",
        _text("campaign"),
        _whole("no"),
        _whole("at_ms"),
        _text("what"),
        _text("why", optional=True),
        _text("rule", optional=True),
        _whole("until_ms", optional=True),
        _text("who"),
        sa.PrimaryKeyConstraint("campaign", "no"),
        sqlite_with_rowid=False,
    )


def _make_outbound() -> None:
    op.create_table(
        "campaign_outbound",
        _text("tenant"),
        _small("frozen"),
        _text("reason", optional=True),
        _text("who", optional=True),
        _whole("at_ms", optional=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("tenant"),
        sqlite_with_rowid=False,
    )


def _make_lanes() -> None:
    op.create_table(
        "campaign_lanes",
        _text("id"),
        _text("tenant"),
        _text("switch"),
        _text("trunk_group"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )


def _make_contacts() -> None:
    op.create_table(
        "campaign_contacts",
        _text("id"),
        _text("campaign"),
        _text("tenant"),
        _whole("no"),
        _text("account"),
        _text("name"),
        _text("address"),
        _text("customer_class"),
        _small("important"),
        _text("phones"),
        _text("items"),
        _text("kept"),
        _text("state"),
        _small("round"),
        _small("decided_upto"),
        _small("handed_over"),
        _text("promise_date", optional=True),
        _text("hours_class"),
        _whole("next_at_ms"),
        _whole("deadline_at_ms"),
        _whole("notice_out_by_ms", optional=True),
        _whole("fallback_by_ms", optional=True),
        _whole("expires_at_ms", optional=True),
        _whole("notice_out_ms", optional=True),
        _small("notice_missed"),
        _text("waits_for", optional=True),
        _text("why", optional=True),
        _whole("version"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    _index("campaign_contacts_account", "campaign_contacts", ["campaign", "account"], unique=True)
    _index("campaign_contacts_deadline", "campaign_contacts", ["campaign", "deadline_at_ms"], CONTACTS_DEADLINE)
    _index("campaign_contacts_due", "campaign_contacts", ["campaign", "hours_class", "next_at_ms", "no"], CONTACTS_DUE)
    _index(
        "campaign_contacts_state",
        "campaign_contacts",
        ["campaign", "state", "no", "notice_missed", "notice_out_ms", "notice_out_by_ms"],
    )
    _index("campaign_contacts_waits", "campaign_contacts", ["tenant", "waits_for"], CONTACTS_WAITS)


def _make_hours_classes() -> None:
    op.create_table(
        "campaign_hours_classes",
        _text("campaign"),
        _text("hours_class"),
        _whole("import_no"),
        _text("customer_class"),
        _text("zones"),
        sa.PrimaryKeyConstraint("campaign", "hours_class"),
        sqlite_with_rowid=False,
    )


def _make_attempts() -> None:
    op.create_table(
        "campaign_attempts",
        _text("contact"),
        _small("n"),
        _text("campaign"),
        _text("tenant"),
        _small("round"),
        _text("channel"),
        _text("number"),
        _whole("decided_at_ms"),
        _text("step"),
        _text("decision"),
        _text("why", optional=True),
        _text("rule", optional=True),
        _text("command", optional=True),
        _text("call", optional=True),
        _whole("sent_at_ms", optional=True),
        _whole("rang_at_ms", optional=True),
        _whole("answered_at_ms", optional=True),
        _whole("ended_at_ms", optional=True),
        _text("disposition", optional=True),
        _small("counted"),
        _small("rang"),
        _small("confirmed"),
        _whole("agreed_at_ms", optional=True),
        _whole("q850", optional=True),
        _text("tone", optional=True),
        _text("machine", optional=True),
        _text("digits", optional=True),
        _text("amount_spoken", optional=True),
        _text("template", optional=True),
        _text("sha256", optional=True),
        _text("caller_id", optional=True),
        _text("profile"),
        _text("zones"),
        _whole("dial_before_ms", optional=True),
        _whole("ring_until_ms", optional=True),
        _text("note", optional=True),
        _small("revised"),
        sa.PrimaryKeyConstraint("contact", "n"),
        sqlite_with_rowid=False,
    )
    _index("campaign_attempts_command", "campaign_attempts", ["command"], unique=True)
    _index("campaign_attempts_ended", "campaign_attempts", ["campaign", "ended_at_ms"])
    _index(
        "campaign_attempts_of_campaign",
        "campaign_attempts",
        ["campaign", "decided_at_ms", "contact", "n", "decision", "channel", "disposition", "counted"],
    )
    _index("campaign_attempts_unended", "campaign_attempts", ["campaign"], ATTEMPTS_UNENDED)


def _make_refusals() -> None:
    op.create_table(
        "campaign_refusals",
        _text("contact"),
        _whole("at_ms"),
        _text("why"),
        _text("campaign"),
        _small("n"),
        _small("round"),
        _text("rule"),
        _whole("until_ms", optional=True),
        sa.PrimaryKeyConstraint("contact", "at_ms", "why"),
        sqlite_with_rowid=False,
    )
    _index("campaign_refusals_of_campaign", "campaign_refusals", ["campaign", "at_ms", "contact", "why"])


def _make_live_numbers() -> None:
    op.create_table(
        "campaign_live_numbers",
        _text("tenant"),
        _text("number"),
        _text("contact"),
        _text("command"),
        _whole("since_ms"),
        sa.PrimaryKeyConstraint("tenant", "number"),
        sqlite_with_rowid=False,
    )


def _make_person_days() -> None:
    op.create_table(
        "campaign_person_days",
        _text("tenant"),
        _text("person"),
        _text("day"),
        _small("calls"),
        sa.PrimaryKeyConstraint("tenant", "person", "day"),
        sqlite_with_rowid=False,
    )
    _index("campaign_person_days_day", "campaign_person_days", ["day"])


def upgrade() -> None:
    _make_campaigns()
    _make_history()
    _make_outbound()
    _make_lanes()
    _make_contacts()
    _make_hours_classes()
    _make_attempts()
    _make_refusals()
    _make_live_numbers()
    _make_person_days()
