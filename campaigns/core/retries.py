"""When the next attempt is due.

1. The delay of a disposition runs from the end of its attempt and holds for the contact, whatever number comes next. It
   is the profile's, or longer by the campaign's wish.
2. `rejected` waits for the next window, `notConvenient` for the next part of the day, `callbackAsked` for the agreed
   time; a number that is retired makes way for the next at once. A call that the network cut off while people talked
   is made again at once, where the kind asks for that (CB-5).
3. The third attempt goes into another part of the day than the first two, where an open instant allows it whose call
   is over before the contact is handed over or given up; one that was kept back is placed anew. What goes on at once,
   was agreed, or goes before others is not moved.
4. An order that rang nowhere is decided anew at once. After three of them in a row the next waits 10 s, then twice as
   long each time, 5 min at the most: a switch that takes nothing is not flooded.
5. The first call of a callback is made at the time that was promised (`campaigns.core.promises`).
6. A due time may lie in closed hours: whoever decides moves it to the next opening.
"""

from itertools import takewhile
from typing import NamedTuple

from campaigns.core.calling_hours import Asked, CallingHours, Open, judge, margin_ms, next_part_of_day, part_of_day
from campaigns.core.campaign import THIRD, Campaign
from campaigns.core.contact import Attempt, Contact, Step, exempt, fallback_acts_ms
from campaigns.core.dispositions import MINUTE_MS, TABLE, Followup
from campaigns.core.reasons import WRITTEN, Disposition, Why

PARTS_TRIED_MAX = 3  # morning, afternoon, evening
NOWHERE_AT_ONCE_MAX = 3
NOWHERE_WAIT_MS = 10_000
NOWHERE_WAIT_MAX_MS = 5 * MINUTE_MS
DOUBLINGS_MAX = 5


class Due(NamedTuple):
    """`at_ms`: None where no opening is known."""

    at_ms: int | None
    why: Why


def due(contact: Contact, campaign: Campaign, asked: Asked, now_ms: int) -> Due | None:
    """When the retry rules allow the next call or message; None: they ask for no wait."""
    written = asked.channel in WRITTEN
    by_rule = None if written else _after_last(contact, campaign, asked, now_ms)
    nowhere_ms = _after_nowhere(contact, written)
    if nowhere_ms is None:
        return by_rule
    if by_rule is None:
        return Due(nowhere_ms, Why.RETRY_WAIT)
    return by_rule if by_rule.at_ms is None else Due(max(by_rule.at_ms, nowhere_ms), by_rule.why)


def _after_nowhere(contact: Contact, written: bool) -> int | None:
    """When to try again after too many orders in a row that rang nowhere."""
    orders = [attempt for attempt in contact.this_round if attempt.written is written]
    in_row = list(takewhile(lambda attempt: attempt.step is Step.NOT_DIALLED, reversed(orders)))
    beyond = len(in_row) - NOWHERE_AT_ONCE_MAX
    ended_ms = in_row[0].ended_ms if beyond >= 0 else None
    if ended_ms is None:
        return None
    return ended_ms + min(NOWHERE_WAIT_MS << min(beyond, DOUBLINGS_MAX), NOWHERE_WAIT_MAX_MS)


def _after_last(contact: Contact, campaign: Campaign, asked: Asked, now_ms: int) -> Due | None:
    last = last_call(contact)
    if last is None:
        return None if contact.call_at_ms is None else Due(contact.call_at_ms, Why.AGREED_TIME)
    if last.disposition is None or last.ended_ms is None:
        return None
    if campaign.redials_cut and last.cut:
        return Due(last.ended_ms, Why.RETRY_WAIT)
    row = TABLE[last.disposition]
    if row.then is Followup.NEXT_NUMBER:
        return None
    if asked.agreed_at_ms is not None:
        return Due(asked.agreed_at_ms, Why.AGREED_TIME) if _agreed_is_open(campaign, asked) else None
    at_ms = _by_rule(row.then, last.ended_ms, campaign, asked)
    if at_ms is None:
        return Due(None, Why.RETRY_WAIT)
    at_ms = max(at_ms, last.ended_ms + _delay_ms(last.disposition, campaign))
    return Due(at_ms if row.first else _in_another_part(contact, campaign, asked, at_ms, now_ms), Why.RETRY_WAIT)


def last_call(contact: Contact) -> Attempt | None:
    """The latest attempt of the round that came to something, messages left out."""
    over = [attempt for attempt in contact.this_round if attempt.step is Step.OVER and not attempt.written]
    return max(over, key=lambda attempt: attempt.n, default=None)


def agreed_at_ms(contact: Contact) -> int | None:
    """The time that a person agreed to, for the one attempt that it stands for."""
    last = last_call(contact)
    if last is None:
        return contact.agreed_at_ms
    return last.agreed_at_ms if last.disposition is Disposition.CALLBACK_ASKED else None


def goes_first(contact: Contact) -> bool:
    """Whether its next attempt goes before those of others: it asked for an agent and none came."""
    last = last_call(contact)
    return last is not None and last.disposition is not None and TABLE[last.disposition].first


def _delay_ms(disposition: Disposition, campaign: Campaign) -> int:
    """An important contact who heard all and did not confirm is called again like one who hung up."""
    if disposition is Disposition.REACHED:
        disposition = Disposition.ANSWERED_INCOMPLETE
    return campaign.delays_ms.get(disposition, 0)


def _by_rule(then: Followup, ended_ms: int, campaign: Campaign, asked: Asked) -> int | None:
    if then is Followup.NEXT_WINDOW:
        return _next_window(campaign.hours, asked, ended_ms)
    if then in {Followup.NEXT_PART, Followup.AGREED}:
        return next_part_of_day(ended_ms, asked.zones[0], campaign.hours, asked) if asked.zones else None
    return ended_ms


def _next_window(hours: CallingHours, asked: Asked, at_ms: int) -> int | None:
    """The first opening after the window in which this instant lies."""
    here = judge(hours, asked, at_ms)
    return opening(hours, asked, here.ring_until_ms) if isinstance(here, Open) else here.until_ms


def opening(hours: CallingHours, asked: Asked, from_ms: int) -> int | None:
    """The first open instant from this one on."""
    answer = judge(hours, asked, from_ms)
    return from_ms if isinstance(answer, Open) else answer.until_ms


def _agreed_is_open(campaign: Campaign, asked: Asked) -> bool:
    return asked.agreed_at_ms is not None and isinstance(judge(campaign.hours, asked, asked.agreed_at_ms), Open)


def _in_another_part(contact: Contact, campaign: Campaign, asked: Asked, due_ms: int, now_ms: int) -> int:
    if exempt(contact, campaign) or contact.counted != THIRD - 1 or not asked.zones:
        return due_ms
    zone = asked.zones[0]
    used = {part_of_day(attempt.at_ms, zone) for attempt in contact.this_round if attempt.counted}
    by_ms = _last_ms(contact, campaign, asked)
    at_ms = opening(campaign.hours, asked, max(due_ms, now_ms))
    for _ in range(PARTS_TRIED_MAX):
        if at_ms is None or (by_ms is not None and at_ms > by_ms):
            return due_ms
        if part_of_day(at_ms, zone) not in used:
            return at_ms
        at_ms = next_part_of_day(at_ms, zone, campaign.hours, asked)
    return due_ms


def _last_ms(contact: Contact, campaign: Campaign, asked: Asked) -> int | None:
    """The last instant of a call that has rung out before a deadline ends the contact."""
    acting = (fallback_acts_ms(contact, campaign), campaign.expires_at_ms)
    first = min((at_ms for at_ms in acting if at_ms is not None), default=None)
    return None if first is None else first - margin_ms(campaign.hours, asked)
