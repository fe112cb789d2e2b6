"""Which hours classes are open now. A closed class is judged once, and then not before it opens."""

from collections.abc import Iterable
from typing import NamedTuple

from campaigns.core.calling_hours import Open, judge
from campaigns.core.campaign import Campaign
from campaigns.ledger.compiled import class_asked
from campaigns.ledger.rows import HoursClassRow

AGAIN_MS = 3_600_000  # a class without a known opening is judged anew after so long
KEPT_MAX = 100_000  # judgements; beyond, all are made anew


class Hours(NamedTuple):
    """`until_ms`: when this may change. `why`, `rule`: of what closes it."""

    is_open: bool
    made_ms: int
    until_ms: int
    why: str = ""
    rule: str = ""


class Split(NamedTuple):
    """The hours classes of a campaign. `closed`: the class that opens first, of those that are closed."""

    open: list[str]
    closed: Hours | None
    all_closed: bool  # nobody who has a number may be called


class OpenHours:
    """What one process remembers of hours. Times of day are in milliseconds since the Unix epoch."""

    def __init__(self) -> None:
        self._kept: dict[tuple[str, int, str], Hours] = {}

    def split(self, campaign: Campaign, version: int, classes: Iterable[HoursClassRow], now_ms: int) -> Split:
        """Which of the classes are open."""
        open_, closed, callable_ = list[str](), list[Hours](), False
        for hours_class in classes:
            hours = self._judged(campaign, version, hours_class, now_ms)
            if hours.is_open:
                open_.append(hours_class.hours_class)
                callable_ = callable_ or bool(hours_class.zones)
            else:
                closed.append(hours)
        first = min(closed, key=lambda hours: hours.until_ms, default=None)
        return Split(open_, first, first is not None and not callable_)

    def _judged(self, campaign: Campaign, version: int, hours_class: HoursClassRow, now_ms: int) -> Hours:
        key = (hours_class.campaign, version, hours_class.hours_class)
        kept = self._kept.get(key)
        if kept is not None and kept.made_ms <= now_ms < kept.until_ms:
            return kept
        if len(self._kept) >= KEPT_MAX:
            self._kept.clear()
        made = self._kept[key] = _hours(campaign, hours_class, now_ms)
        return made


def _hours(campaign: Campaign, hours_class: HoursClassRow, now_ms: int) -> Hours:
    """Open where one of its channels is. A class without zones has no number: nobody is called, somebody must look."""
    if not hours_class.zones:
        return Hours(True, now_ms, now_ms + AGAIN_MS)
    asked = [
        class_asked(campaign, hours_class.customer_class, hours_class.zones, channel) for channel in campaign.channels
    ]
    answers = [judge(campaign.hours, each, now_ms) for each in asked]
    closing = [answer.dial_before_ms for answer in answers if isinstance(answer, Open)]
    if closing:
        return Hours(True, now_ms, min(closing))
    shut = [answer for answer in answers if not isinstance(answer, Open)]
    opening = [answer.until_ms for answer in shut if answer.until_ms is not None]
    until_ms = min(opening, default=now_ms + AGAIN_MS)
    return Hours(False, now_ms, until_ms, shut[0].why, shut[0].rule) if shut else Hours(False, now_ms, until_ms)
