"""Whether a telephone rang outside of the hours that its order was made in: the alarm that must never sound. Pure."""

from dataclasses import replace

from campaigns.core.calling_hours import EMERGENCY_RULE, Asked, Emergency, is_too_late
from campaigns.core.retries import agreed_at_ms
from campaigns.dialler.case import Case, zones_of
from campaigns.ledger.rows import AttemptRow


def rang_quietly(case: Case, row: AttemptRow, rang_at_ms: int) -> bool:
    """In the zones of the number that was called. What was allowed by an exception is judged by it: the time that was
    agreed before this attempt, the emergency in which it was decided, though somebody has ended that since.
    """
    campaign, contact = case.campaign, case.contact
    before = replace(contact, attempts=tuple(attempt for attempt in contact.attempts if attempt.n < row.n))
    excepted = row.rule == EMERGENCY_RULE and row.ring_until_ms is not None
    asked = Asked(
        campaign.kind, contact.customer_class, zones_of(row), 0, row.channel, campaign.windows, campaign.closed_dates,
        agreed_at_ms(before), Emergency(row.decided_at_ms, row.ring_until_ms or 0) if excepted else None,
        zone=campaign.zone,
    )  # fmt: skip
    return not is_too_late(campaign.hours, asked, rang_at_ms)
