"""The reasons to wait, in the order in which a person reads the first, and until when.

Of a later instant is known: the hours, the retry rules, the deadlines, and that another day has no calls yet. Whatever
else the moment knows is taken to hold; whether the switch will be there nobody knows, and it moves no instant.
"""

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import NamedTuple

from campaigns.core.calling_hours import Asked, Open, judge
from campaigns.core.campaign import CALLS_A_DAY_MAX, DIALS, Campaign
from campaigns.core.choice import Choice
from campaigns.core.contact import Contact, blocking, exempt, fallback_acts_ms, promise_open_ms, undecided
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.reasons import WRITTEN, Channel, Why
from campaigns.core.retries import due
from campaigns.core.zones import instant, local_day

GRACE_MS = 60 * MINUTE_MS  # for an attempt that is open at fallback_by
SWITCH_SILENT_MAX_MS = 15_000
STEPS_MAX = 64  # from one reason to wait to the next
TRY_1 = "TRY-1"


class World(NamedTuple):
    """What the moment knows. `calls_today`: of this person, all campaigns: rang, counted or unknown."""

    settled: bool = False
    do_not_call: bool = False
    frozen: bool = False
    calls_today: int = 0
    busy_numbers: frozenset[str] = frozenset()
    amount_known: bool = True
    switch_heard_ms: int | None = None
    stream_live: bool = True
    switch_clock_true: bool = True
    clock_steady: bool = True
    trunk_free: bool = True
    queue_free: bool = True
    live_messages: frozenset[Channel] = WRITTEN  # channels by which a message can be sent


class WaitUntil(NamedTuple):
    """`why` is None where a person works on the contact."""

    at_ms: int | None
    why: Why | None
    rule: str


class Asking(NamedTuple):
    contact: Contact
    campaign: Campaign
    world: World
    now_ms: int
    choice: Choice
    asked: Asked


def next_deadline(contact: Contact, campaign: Campaign, now_ms: int) -> int | None:
    """When a deadline will act on the contact next."""
    acting: list[int] = []
    by_ms = fallback_acts_ms(contact, campaign)
    if by_ms is not None and not contact.handed_over:
        acting.append(by_ms if now_ms < by_ms else by_ms + GRACE_MS)
    if campaign.expires_at_ms is not None:
        acting.append(campaign.expires_at_ms)
    return min((at_ms for at_ms in acting if at_ms > now_ms), default=None)


def notice_missed_ms(contact: Contact, by_ms: int) -> int:
    """When `notice_out_by` is missed by a contact that was not told: then, or later where a call was made before it
    whose outcome is still to come, as for an attempt that is open at `fallback_by`.
    """
    return by_ms + GRACE_MS if any(attempt.at_ms <= by_ms for attempt in undecided(contact)) else by_ms


def waiting(asking: Asking) -> WaitUntil | None:
    """The first reason to wait, and the first instant that all of them allow."""
    first = _first_reason(asking)
    if first is None or first.at_ms is None:
        return first
    deadline_ms = next_deadline(asking.contact, asking.campaign, asking.now_ms)
    at_ms = first.at_ms
    for _ in range(STEPS_MAX):
        if deadline_ms is not None and at_ms >= deadline_ms:
            return first._replace(at_ms=deadline_ms)
        later = _first_reason(asking._replace(now_ms=at_ms, world=_later_world(asking, at_ms)))
        if later is None or later.at_ms is None or later.at_ms <= at_ms:
            break
        at_ms = later.at_ms
    return first._replace(at_ms=at_ms)


def _later_world(asking: Asking, at_ms: int) -> World:
    """What is known of a later instant."""
    same_day = at_ms < _next_day_ms(asking)
    return asking.world._replace(calls_today=asking.world.calls_today if same_day else 0)


def _first_reason(asking: Asking) -> WaitUntil | None:
    return next((reason for check in _CHECKS if (reason := check(asking)) is not None), None)


def _deadline_ms(asking: Asking) -> int | None:
    return next_deadline(asking.contact, asking.campaign, asking.now_ms)


def _frozen(asking: Asking) -> WaitUntil | None:
    if asking.world.frozen:
        return WaitUntil(_deadline_ms(asking), Why.FROZEN, "")
    if asking.campaign.state not in DIALS:
        return WaitUntil(_deadline_ms(asking), asking.campaign.paused_why, "")
    return None


def _past_deadline(asking: Asking) -> WaitUntil | None:
    """The grace of an attempt that is open at the deadline: nothing more is dialled."""
    by = (fallback_acts_ms(asking.contact, asking.campaign), asking.campaign.expires_at_ms)
    handed_over = asking.contact.handed_over
    past = any(at_ms is not None and asking.now_ms >= at_ms for at_ms in (by[1:] if handed_over else by))
    return WaitUntil(_deadline_ms(asking), Why.DEADLINE_PAST, TRY_1) if past else None


def _hours(asking: Asking) -> WaitUntil | None:
    answer = judge(asking.campaign.hours, asking.asked, asking.now_ms)
    if isinstance(answer, Open):
        return None
    return WaitUntil(_or_deadline(asking, answer.until_ms), Why(answer.why), answer.rule)


def _or_deadline(asking: Asking, at_ms: int | None) -> int | None:
    return _deadline_ms(asking) if at_ms is None else at_ms


def _held(asking: Asking) -> WaitUntil | None:
    if asking.contact.held is None:
        return None
    return WaitUntil(_deadline_ms(asking), Why.UNKNOWN_PENDING, TRY_1)


def _in_progress(asking: Asking) -> WaitUntil | None:
    if blocking(asking.contact, asking.campaign) is None:
        return None
    return WaitUntil(_deadline_ms(asking), Why.NUMBER_BUSY, "")


def _cap(asking: Asking) -> WaitUntil | None:
    if asking.choice.channel in WRITTEN or exempt(asking.contact, asking.campaign):
        return None
    if asking.world.calls_today < CALLS_A_DAY_MAX:
        return None
    return WaitUntil(_next_day_ms(asking), Why.PERSON_CAP, TRY_1)


def _next_day_ms(asking: Asking) -> int:
    """The first instant of tomorrow, as a person's calls are counted."""
    zone = asking.campaign.days_in
    return instant(local_day(asking.now_ms, zone) + timedelta(days=1), 0, zone)


def _number_busy(asking: Asking) -> WaitUntil | None:
    if asking.choice.channel in WRITTEN or asking.choice.phone.number not in asking.world.busy_numbers:
        return None
    return WaitUntil(None, Why.NUMBER_BUSY, "")


def _retry(asking: Asking) -> WaitUntil | None:
    promised_ms = promise_open_ms(asking.contact, asking.campaign, asking.now_ms)
    if promised_ms is not None:
        return WaitUntil(promised_ms, Why.AGREED_TIME, TRY_1)
    due_at = due(asking.contact, asking.campaign, asking.asked, asking.now_ms)
    if due_at is None or (due_at.at_ms is not None and due_at.at_ms <= asking.now_ms):
        return None
    return WaitUntil(_or_deadline(asking, due_at.at_ms), due_at.why, TRY_1)


def _amount(asking: Asking) -> WaitUntil | None:
    return None if asking.world.amount_known else WaitUntil(_deadline_ms(asking), Why.NO_FORMULA, "ARR-1")


def _lane(asking: Asking) -> WaitUntil | None:
    world = asking.world
    if asking.choice.channel in WRITTEN:
        is_live = asking.choice.channel in world.live_messages
        return _unless(((world.clock_steady, Why.CLOCK_STEP), (is_live, Why.MESSAGE_GATEWAY_AWAY)))
    heard = world.switch_heard_ms is not None and asking.now_ms - world.switch_heard_ms <= SWITCH_SILENT_MAX_MS
    return _unless(
        (
            (heard and world.stream_live, Why.SWITCH_AWAY),
            (world.switch_clock_true, Why.SWITCH_CLOCK),
            (world.clock_steady, Why.CLOCK_STEP),
            (world.trunk_free, Why.TRUNK_FULL),
            (world.queue_free, Why.QUEUE_BUSY),
        )
    )


def _unless(ways: Sequence[tuple[bool, Why]]) -> WaitUntil | None:
    why = next((why for is_well, why in ways if not is_well), None)
    return None if why is None else WaitUntil(None, why, "")


_CHECKS: tuple[Callable[[Asking], WaitUntil | None], ...] = (
    _frozen,
    _past_deadline,
    _hours,
    _held,
    _in_progress,
    _cap,
    _number_busy,
    _retry,
    _amount,
    _lane,
)
