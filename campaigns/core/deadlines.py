"""By when a customer must have been told, when the fallback is due, and when nothing is done any more.

Receipt is day 0; the deadlines are a local time of the n-th working day after it. An outage counts from when the power
goes off. A deadline that counts days of a year that has not been announced is provisional.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from campaigns.core.workdays import WorkCalendar
from campaigns.core.zones import instant, local_day

BY_WORKING_DAYS = frozenset({"billing", "arrears", "follow-up"})
OUTAGE = "outage"


class DeadlineRules(NamedTuple):
    """`time_ms`: after midnight."""

    time_ms: int
    notice_working_days: int
    fallback_working_days: int
    expires_after_days: int
    outage_notice_ms: int


class Deadlines(NamedTuple):
    """None: the kind has no such deadline of its own."""

    notice_out_by_ms: int | None
    fallback_by_ms: int | None
    expires_at_ms: int | None
    provisional: bool


NO_DEADLINES = Deadlines(None, None, None, provisional=False)


def default_deadlines(
    rules: DeadlineRules,
    calendar: WorkCalendar,
    kind: str,
    received_at_ms: int,
    zone: str,
    starts_at_ms: int | None = None,
    restores_at_ms: int | None = None,
) -> Deadlines:
    """Those of a kind, where the campaign asks for no other."""
    if kind in BY_WORKING_DAYS:
        return by_working_days(rules, calendar, received_at_ms, zone)
    if kind == OUTAGE and starts_at_ms is not None:
        ahead = starts_at_ms > received_at_ms
        return Deadlines(starts_at_ms - rules.outage_notice_ms, None, starts_at_ms if ahead else restores_at_ms, False)
    return NO_DEADLINES


def of_all(each: Sequence[Deadlines]) -> Deadlines:
    """The deadlines of several outages together: notice before the first of them, expiry after the last."""
    notices = [deadlines.notice_out_by_ms for deadlines in each if deadlines.notice_out_by_ms is not None]
    ends = [deadlines.expires_at_ms for deadlines in each if deadlines.expires_at_ms is not None]
    return Deadlines(
        min(notices, default=None), None, max(ends, default=None), any(deadlines.provisional for deadlines in each)
    )


def by_working_days(rules: DeadlineRules, calendar: WorkCalendar, received_at_ms: int, zone: str) -> Deadlines:
    received = local_day(received_at_ms, zone)
    notice = calendar.working_day_after(received, rules.notice_working_days)
    fallback = calendar.working_day_after(received, rules.fallback_working_days)
    expires = fallback.day + timedelta(days=rules.expires_after_days)
    return Deadlines(
        instant(notice.day, rules.time_ms, zone),
        instant(fallback.day, rules.time_ms, zone),
        instant(expires, rules.time_ms, zone),
        notice.provisional or fallback.provisional,
    )
