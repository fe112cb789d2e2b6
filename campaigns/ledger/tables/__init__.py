"""The tables of campaigns: their own chain of migrations, in the database of the call side.

All times are integer milliseconds since the Unix epoch. JSON is text. A yes or no is 0 or 1.
"""

from campaigns.ledger.tables.approvals import approvals, emergencies
from campaigns.ledger.tables.callbacks import callbacks
from campaigns.ledger.tables.callers import callers, numbers
from campaigns.ledger.tables.campaigns import NOT_ENDED, UNDER_WAY, campaigns, history, lanes, outbound
from campaigns.ledger.tables.contacts import (
    FAR,
    OPEN,
    OPEN_STATES,
    UNENDED,
    WAITS,
    attempts,
    contacts,
    hours_classes,
    refusals,
)
from campaigns.ledger.tables.imports import (
    RUNNING_IMPORT,
    import_additions,
    import_chunks,
    import_rejected,
    import_rows,
    imports,
)
from campaigns.ledger.tables.interface import audit, audit_heads, idempotency
from campaigns.ledger.tables.metadata import metadata
from campaigns.ledger.tables.notices import notice_batches, notices
from campaigns.ledger.tables.people import erasures, live_numbers, person_days
from campaigns.ledger.tables.revisions import APPLYING, revisions
from campaigns.ledger.tables.settlements import do_not_call, settlements
from campaigns.ledger.tables.topics import WAITS_FOR_TOPIC, outbox, topic_positions

__all__ = (
    "APPLYING",
    "FAR",
    "NOT_ENDED",
    "OPEN",
    "OPEN_STATES",
    "RUNNING_IMPORT",
    "UNDER_WAY",
    "UNENDED",
    "WAITS",
    "WAITS_FOR_TOPIC",
    "approvals",
    "attempts",
    "audit",
    "audit_heads",
    "callbacks",
    "callers",
    "campaigns",
    "contacts",
    "do_not_call",
    "emergencies",
    "erasures",
    "history",
    "hours_classes",
    "idempotency",
    "import_additions",
    "import_chunks",
    "import_rejected",
    "import_rows",
    "imports",
    "lanes",
    "live_numbers",
    "metadata",
    "notice_batches",
    "notices",
    "numbers",
    "outbound",
    "outbox",
    "person_days",
    "refusals",
    "revisions",
    "settlements",
    "topic_positions",
)
