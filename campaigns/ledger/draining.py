"""Contacts of a campaign that drains: those with whom nothing was begun are cancelled."""

from sqlalchemy import Connection, and_, exists, or_, select, update

from campaigns.core.contact import Step
from campaigns.core.reasons import WRITTEN, State, Why
from campaigns.ledger.tables import FAR, attempts, contacts
from campaigns.ledger.withdrawing import hold
from cti.sql.bulk import slices

_STEP = attempts.c.step
_SPOKEN_TO = or_(attempts.c.counted == 1, attempts.c.rang == 1, attempts.c.channel.in_(sorted(WRITTEN)))
_OVER = and_(_STEP.in_((Step.OVER.value,)), _SPOKEN_TO)
BEGUN = exists().where(  # the same as `campaigns.core.contact.begun`
    attempts.c.contact == contacts.c.id, or_(_STEP.in_((Step.OPEN.value, Step.HELD.value)), _OVER)
)
# A person works on `person`; `unknown` and `in_progress` have an attempt.
NEVER_BEGUN = and_(contacts.c.state == State.WAITING.value, ~BEGUN)
CANCELLED = {
    "state": State.CANCELLED.value, "why": Why.CAMPAIGN_DRAINING.value, "next_at_ms": FAR, "deadline_at_ms": FAR,
    "waits_for": None,
}  # fmt: skip


def cancel_some(connection: Connection, campaign: str, limit: int) -> int:
    """At most so many; how many. The campaign's row is locked: no turn begins with one of them meanwhile."""
    found = select(contacts.c.id).where(contacts.c.campaign == campaign, NEVER_BEGUN).limit(limit)
    ids = [row.id for row in hold(connection, list(connection.scalars(found)))]
    for some in slices(ids):
        values = {**CANCELLED, "version": contacts.c.version + 1}
        connection.execute(update(contacts).where(contacts.c.id.in_(some), NEVER_BEGUN).values(values))
    return len(ids)
