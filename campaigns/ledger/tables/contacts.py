"""Contacts, their attempts, and why they were not dialled."""

from sqlalchemy import ColumnClause, Index, Table, literal_column

from campaigns.ledger.tables.metadata import metadata
from cti.sql.columns import small, text, whole

# An account in a campaign. `id` is CAMPAIGN-NO, `no` in the order of the file. `version` rises with every change.
# `hours_class` names what decides about the hours of the next call, and the import that brought the contact:
# a turn looks only at classes that are open, of imports that are done. `next_at_ms`: not to be looked at before.
contacts = Table(
    "campaign_contacts",
    metadata,
    text("id", key=True),
    text("campaign"),
    text("tenant"),
    whole("no"),
    text("account"),
    text("name"),
    text("address"),
    text("customer_class"),
    small("important"),
    text("phones"),  # JSON [[number, [zone, ..]], ..]
    text("items"),  # JSON [{field: value}, ..]
    text("kept"),  # JSON {column: value}: other columns that `keep` named
    text("state"),
    small("round"),
    small("decided_upto"),
    small("handed_over"),
    text("promise_date", optional=True),
    text("hours_class"),
    whole("next_at_ms"),
    whole("deadline_at_ms"),  # the next deadline that acts or is missed; FAR: none
    whole("notice_out_by_ms", optional=True),
    whole("fallback_by_ms", optional=True),
    whole("expires_at_ms", optional=True),
    whole("notice_out_ms", optional=True),  # when `notice_out_by` was met
    small("notice_missed"),
    text("waits_for", optional=True),  # a number that is busy; its leaving wakes the contact
    text("why", optional=True),  # of the last refusal that was written
    whole("version"),
    text("settled", optional=True),  # JSON: the months or readings of it that are paid; absent: none
    whole("outdated_upto", optional=True),  # what attempts up to this one say is right no more; absent: all is
    whole("call_at_ms", optional=True),  # of a callback: not to be called before; absent: no time was promised
    whole("keep_by_ms", optional=True),  # by then the promise is kept
    whole("agreed_at_ms", optional=True),  # the customer asked for this time
    text("promise", optional=True),  # kept | missed; absent: not known yet, or nothing was promised
    sqlite_with_rowid=False,
)
FAR = 1 << 62
OPEN_STATES = ("waiting", "in_progress", "unknown", "person")
_OPEN: list[ColumnClause[str]] = [literal_column(f"'{state}'") for state in OPEN_STATES]
OPEN = contacts.c.state.in_(_OPEN)
WAITS = contacts.c.waits_for.is_not(None)
Index("campaign_contacts_account", contacts.c.campaign, contacts.c.account, unique=True)
# With what the figures of a campaign are counted from, so that they are read from the index alone.
Index(
    "campaign_contacts_state", contacts.c.campaign, contacts.c.state, contacts.c.no, contacts.c.notice_missed,
    contacts.c.notice_out_ms, contacts.c.notice_out_by_ms,
)  # fmt: skip
Index(
    "campaign_contacts_due", contacts.c.campaign, contacts.c.hours_class, contacts.c.next_at_ms, contacts.c.no,
    sqlite_where=OPEN, postgresql_where=OPEN,
)  # fmt: skip
Index(
    "campaign_contacts_deadline", contacts.c.campaign, contacts.c.deadline_at_ms,
    sqlite_where=OPEN, postgresql_where=OPEN,
)  # fmt: skip
Index(
    "campaign_contacts_waits", contacts.c.tenant, contacts.c.waits_for, sqlite_where=WAITS, postgresql_where=WAITS
)  # fmt: skip

# The classes of hours that a campaign's contacts have: import, customer class, zones.
hours_classes = Table(
    "campaign_hours_classes",
    metadata,
    text("campaign", key=True),
    text("hours_class", key=True),
    whole("import_no"),
    text("customer_class"),
    text("zones"),  # ;-separated, sorted
    sqlite_with_rowid=False,
)

# `step`, `disposition`, `counted`, `rang`, `confirmed`, `agreed_at_ms` as in campaigns.core.contact.Attempt.
attempts = Table(
    "campaign_attempts",
    metadata,
    text("contact", key=True),
    small("n", key=True),
    text("campaign"),
    text("tenant"),
    small("round"),
    text("channel"),
    text("number"),
    whole("decided_at_ms"),
    text("step"),
    text("decision"),  # dialled | withdrawn | not_dialled
    text("why", optional=True),
    text("rule", optional=True),
    text("command", optional=True),  # the dial order; None: a person's word
    text("call", optional=True),
    whole("sent_at_ms", optional=True),
    whole("rang_at_ms", optional=True),
    whole("answered_at_ms", optional=True),
    whole("ended_at_ms", optional=True),  # of the call; of a held one since when it is held
    text("disposition", optional=True),
    small("counted"),
    small("rang"),
    small("confirmed"),
    whole("agreed_at_ms", optional=True),
    whole("q850", optional=True),
    text("tone", optional=True),
    text("machine", optional=True),
    text("digits", optional=True),
    text("amount_spoken", optional=True),
    text("template", optional=True),
    text("sha256", optional=True),
    text("caller_id", optional=True),
    text("profile"),
    text("zones"),  # JSON: candidate zones
    whole("dial_before_ms", optional=True),
    whole("ring_until_ms", optional=True),
    text("note", optional=True),
    small("revised"),
    whole("cut", optional=True),  # 1: the network released the call while people talked
    text("promise_date", optional=True),
    whole("by_person", optional=True),  # 1: a person said what became of it
    sqlite_with_rowid=False,
)
Index("campaign_attempts_command", attempts.c.command, unique=True)
Index(
    "campaign_attempts_of_campaign", attempts.c.campaign, attempts.c.decided_at_ms, attempts.c.contact, attempts.c.n,
    attempts.c.decision, attempts.c.channel, attempts.c.disposition, attempts.c.counted,
)  # fmt: skip
UNENDED = attempts.c.step.in_([literal_column("'open'"), literal_column("'held'")])
Index("campaign_attempts_unended", attempts.c.campaign, sqlite_where=UNENDED, postgresql_where=UNENDED)
Index("campaign_attempts_ended", attempts.c.campaign, attempts.c.ended_at_ms)

# A due contact that was looked at and not dialled, where `why` is not that of its last refusal. `n`: the attempt that
# was not made.
refusals = Table(
    "campaign_refusals",
    metadata,
    text("contact", key=True),
    whole("at_ms", key=True),
    text("why", key=True),
    text("campaign"),
    small("n"),
    small("round"),
    text("rule"),
    whole("until_ms", optional=True),
    sqlite_with_rowid=False,
)
Index("campaign_refusals_of_campaign", refusals.c.campaign, refusals.c.at_ms, refusals.c.contact, refusals.c.why)
