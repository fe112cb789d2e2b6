"""Calling hours: may an order be made now, until when, and if not, when and why not.

1. Hours are layers, and an instant is open where every layer is: the rest hours of CB-1 in each candidate zone of the
   callee, the hours of the kind and customer class in each candidate zone, the closed dates and windows of the campaign
   in the campaign's zone. A layer can only take away. Windows are half open: the first millisecond is inside, the last
   is the one before `closes_ms`.
2. An order is made only while now < end - (ring-out + set-up), `end` being the end of the span in which all layers are
   open; what adjoins is one span. A span that is not longer than that margin never opens. A message does not ring: it
   has no margin.
3. An agreed time narrows to +/- `agreed_ms`. For a kind whose agreed time prevails it takes the place of the rest
   hours and of the kind's hours; closed dates and campaign windows still hold. It stands for one attempt: the caller
   leaves it out once that was made. Missed, the ordinary hours of the next day hold.
4. An emergency of an outage is an exception to the quiet hours, from one instant to another: where the ordinary hours
   are closed, the rest hours and the kind's are taken to be open between these. Closed dates and campaign windows still
   hold, the margin too: nothing rings beyond its end. Of any other kind of call it is nothing.
5. Local time is that of the instant: in a gap or an overlap of summer time no instant is judged twice or not at all.
6. In doubt closed: a kind, class or zone that is not known, no zone at all, an instant out of range. `until` is looked
   for `LOOKAHEAD_MS` ahead, and None beyond; what is open without an end is said to end there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import NamedTuple

from campaigns.core.daily_pattern import DailyHours, possible_from
from campaigns.core.hour_layers import LOOKAHEAD_MS, Excepted, Layer, Once, Stretch, first, first_opening
from campaigns.core.workdays import WorkCalendar
from campaigns.core.zones import (
    DAY_MS,
    EARLIEST_MS,
    EPOCH_DAY,
    LATEST_MS,
    instant,
    local_day,
    local_time,
    spans,
    zone_named,
)

ANSWERS_KEPT = 10_000
HOUR_MS = 3_600_000
SMS = "sms"

QUIET_HOURS = "quiet_hours"
CAMPAIGN_HOURS = "campaign_hours"
CLOSED_DATE = "closed_date"
AGREED_TIME = "agreed_time"
REST_RULE = "CB-1"
EMERGENCY_KIND = "outage"
EMERGENCY_RULE = "emergency"
"""Of what an approved exception alone allows."""
NO_RULE = ""
"""What the campaign itself asks for is no rule of the service standard."""


class Window(NamedTuple):
    """A part of a local day, in milliseconds after midnight, 0 <= opens_ms < closes_ms <= DAY_MS."""

    opens_ms: int
    closes_ms: int


class Emergency(NamedTuple):
    """An approved exception to the quiet hours: it holds in [from_ms, until_ms)."""

    from_ms: int
    until_ms: int


ALL_DAY = (Window(0, DAY_MS),)
PARTS_OF_THE_DAY: Mapping[str, Window] = {
    "morning": Window(0, 14 * HOUR_MS),
    "afternoon": Window(14 * HOUR_MS, 18 * HOUR_MS),
    "evening": Window(18 * HOUR_MS, DAY_MS),
}
"""The rest hours cut them to 07:30-12:30, 14:00-18:00 and 18:00-21:00."""


class OwnHours(NamedTuple):
    """The hours of a kind for a customer class, in order of time, and the rule that asks for them."""

    rule: str
    working_days: tuple[Window, ...]
    other_days: tuple[Window, ...]


@dataclass(frozen=True, slots=True)
class CallingHours:
    """An operator's hours. `kinds`: kind, then customer class; None for a class that has the rest hours alone."""

    rest: tuple[Window, ...]
    kinds: Mapping[str, Mapping[str, OwnHours | None]]
    agreed_time_prevails: frozenset[str]
    agreed_ms: int
    set_up_ms: int
    sms_in_quiet_hours: bool
    calendar: WorkCalendar
    kept: dict["Asked", "_Kept"] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Answers, as long as they hold: a turn asks the same for each of its contacts."""


@dataclass(frozen=True, slots=True)
class Asked:
    """Whom a question is about. `zones`: where the callee may be; `zone`: the campaign's own."""

    kind: str
    customer_class: str
    zones: tuple[str, ...]
    ring_timeout_ms: int
    channel: str = "auto"
    windows: tuple[Window, ...] = ()
    closed_dates: frozenset[date] = frozenset()
    agreed_at_ms: int | None = None
    emergency: Emergency | None = None
    zone: str = field(kw_only=True)


class Open(NamedTuple):
    """An order may be made before `dial_before_ms`, its latest expiry; nothing rings from `ring_until_ms` on. `rule`:
    of the exception by which it is open; empty where the ordinary hours are.
    """

    dial_before_ms: int
    ring_until_ms: int
    rule: str = NO_RULE


class Closed(NamedTuple):
    """`until_ms`: the first instant that is open. `rule` is empty where the campaign's own settings close."""

    until_ms: int | None
    why: str
    rule: str


class _Kept(NamedTuple):
    """An answer, and from when to when it would be the same."""

    from_ms: int
    to_ms: int
    answer: Open | Closed


class _Daily(NamedTuple):
    """A layer of local days."""

    why: str
    rule: str
    zone: str
    working_days: tuple[Window, ...]
    other_days: tuple[Window, ...]
    closed_dates: frozenset[date]
    calendar: WorkCalendar

    @property
    def hours(self) -> DailyHours:
        """Every window that some day has."""
        if self.working_days == self.other_days:
            return DailyHours(self.zone, self.working_days)
        return DailyHours(self.zone, (*self.working_days, *self.other_days))

    def windows(self, day: int) -> tuple[Window, ...]:
        """Those of a day, counted from the epoch."""
        if not self.closed_dates and self.working_days == self.other_days:
            return self.working_days
        its_date = date.fromordinal(day + EPOCH_DAY)
        if its_date in self.closed_dates:
            return ()
        return self.working_days if self.calendar.is_working(its_date) else self.other_days

    def stretches(self, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        for span in spans(self.zone, from_ms, to_ms):
            first = (span.start_ms + span.offset_ms) // DAY_MS
            for day in range(first, -(-(span.end_ms + span.offset_ms) // DAY_MS)):
                midnight = day * DAY_MS - span.offset_ms
                for window in self.windows(day):
                    start = max(midnight + window.opens_ms, span.start_ms)
                    close = min(midnight + window.closes_ms, span.end_ms)
                    if start < close:
                        yield Stretch(start, close)


def judge(hours: CallingHours, asked: Asked, now_ms: int) -> Open | Closed:
    """Whether an order for a call (or a message) may be made at this instant."""
    kept = hours.kept.get(asked)
    if kept is not None and kept.from_ms <= now_ms < kept.to_ms:
        if isinstance(kept.answer, Open) or now_ms == kept.from_ms:
            return kept.answer
        return _closed(_ordinary(hours, asked), now_ms, margin_ms(hours, asked), kept.answer.until_ms)
    if len(hours.kept) >= ANSWERS_KEPT:
        hours.kept.clear()
    answer = _judged_with(margin_ms(hours, asked), hours, asked, now_ms)
    hours.kept[asked] = _Kept(now_ms, _holds_until(asked, answer, now_ms), answer)
    return answer


def _holds_until(asked: Asked, answer: Open | Closed, now_ms: int) -> int:
    """From when on the answer may be another. What is open stays so until the margin before its end, where that end is
    not merely how far was looked. What is closed stays so until it opens, if perhaps for another reason.
    """
    if isinstance(answer, Closed):
        is_ordinary = asked.agreed_at_ms is None and asked.emergency is None
        return answer.until_ms if is_ordinary and answer.until_ms is not None else now_ms + 1
    is_excepted = asked.agreed_at_ms is not None or answer.rule != NO_RULE
    if is_excepted or answer.ring_until_ms >= now_ms + LOOKAHEAD_MS:
        return now_ms + 1
    return min(answer.dial_before_ms, LATEST_MS + 1)


def _judged_with(margin: int, hours: CallingHours, asked: Asked, now_ms: int) -> Open | Closed:
    if not can_be_judged(hours, asked, now_ms):
        return Closed(None, QUIET_HOURS, REST_RULE)
    if asked.agreed_at_ms is None:
        ordinary = _judged(_ordinary(hours, asked), now_ms, margin)
    else:
        ordinary = _by_agreement(hours, asked, asked.agreed_at_ms, now_ms, margin)
    if isinstance(ordinary, Open) or asked.emergency is None or asked.kind != EMERGENCY_KIND:
        return ordinary
    if asked.agreed_at_ms is not None:  # with the person, who knows better
        return ordinary
    return _in_emergency(hours, asked, asked.emergency, ordinary, now_ms, margin)


def margin_ms(hours: CallingHours, asked: Asked) -> int:
    """How long before the end of the hours an order is made at the latest."""
    return 0 if asked.channel == SMS else max(asked.ring_timeout_ms, 0) + hours.set_up_ms


def is_too_late(hours: CallingHours, asked: Asked, now_ms: int) -> bool:
    """Whether nothing but the margin keeps it closed."""
    return isinstance(_judged_with(0, hours, asked, now_ms), Open)


def part_of_day(at_ms: int, zone: str) -> str:
    """morning, afternoon or evening, by the local time of the zone."""
    hour = local_time(at_ms, zone).hour
    return next(part for part, window in PARTS_OF_THE_DAY.items() if hour * HOUR_MS < window.closes_ms)


def next_part_of_day(after_ms: int, zone: str, hours: CallingHours, asked: Asked) -> int | None:
    """The first open instant after the part of the day (in `zone`) in which `after_ms` lies has ended."""
    if zone_named(zone) is None or not EARLIEST_MS <= after_ms <= LATEST_MS:
        return None
    this = part_of_day(after_ms, zone)
    parts = _daily(hours, NO_RULE, NO_RULE, zone, tuple(PARTS_OF_THE_DAY.values()))
    starts = (stretch.start_ms for stretch in parts.stretches(after_ms, after_ms + LOOKAHEAD_MS))
    begins_ms = next(start for start in starts if part_of_day(start, zone) != this)
    answer = judge(hours, asked, begins_ms)
    return begins_ms if isinstance(answer, Open) else answer.until_ms


def zone_is_open(hours: CallingHours, asked: Asked, zone: str, now_ms: int) -> bool:
    """Whether this candidate zone lies inside its own windows, whatever rings how long and whatever the others say."""
    if zone_named(zone) is None or not can_be_judged(hours, asked, now_ms):
        return False
    return all(first(layer, now_ms, now_ms + 1) is not None for layer in _of_the_callee(hours, asked, (zone,)))


def can_be_judged(hours: CallingHours, asked: Asked, now_ms: int) -> bool:
    """Else it is closed, and stays so."""
    return (
        EARLIEST_MS <= now_ms <= LATEST_MS
        and asked.customer_class in hours.kinds.get(asked.kind, {})
        and len(asked.zones) > 0
        and all(zone_named(zone) is not None for zone in (*asked.zones, asked.zone))
        and (asked.agreed_at_ms is None or EARLIEST_MS <= asked.agreed_at_ms <= LATEST_MS)
    )


def _ordinary(hours: CallingHours, asked: Asked) -> list[Layer]:
    """All layers, in the order in which a person reads the reasons."""
    dates, windows = _of_the_campaign(hours, asked)
    return [*dates, *_of_the_callee(hours, asked, asked.zones), *windows]


def _of_the_callee(hours: CallingHours, asked: Asked, zones: Sequence[str]) -> list[_Daily]:
    layers: list[_Daily] = []
    if asked.channel != SMS or not hours.sms_in_quiet_hours:
        layers += [_daily(hours, QUIET_HOURS, REST_RULE, zone, hours.rest) for zone in zones]
    own = hours.kinds[asked.kind][asked.customer_class]
    if own is not None:
        layers += [_daily(hours, QUIET_HOURS, own.rule, zone, own.working_days, own.other_days) for zone in zones]
    return layers


def _of_the_campaign(hours: CallingHours, asked: Asked) -> tuple[list[Layer], list[Layer]]:
    """Its closed dates, its windows."""
    dates: list[Layer] = []
    windows: list[Layer] = []
    if asked.closed_dates:
        dates = [_daily(hours, CLOSED_DATE, NO_RULE, asked.zone, ALL_DAY, closed_dates=asked.closed_dates)]
    if asked.windows:
        windows = [_daily(hours, CAMPAIGN_HOURS, NO_RULE, asked.zone, tuple(sorted(asked.windows)))]
    return dates, windows


def _daily(
    hours: CallingHours,
    why: str,
    rule: str,
    zone: str,
    windows: tuple[Window, ...],
    other_days: tuple[Window, ...] | None = None,
    closed_dates: frozenset[date] = frozenset(),
) -> _Daily:
    other_days = windows if other_days is None else other_days
    return _Daily(why, rule, zone, windows, other_days, closed_dates, hours.calendar)


def _by_agreement(hours: CallingHours, asked: Asked, agreed_ms: int, now_ms: int, margin: int) -> Open | Closed:
    """Around the agreed time; after a missed one from the next day on by the ordinary hours."""
    ordinary = _ordinary(hours, asked)
    dates, windows = _of_the_campaign(hours, asked)
    around = Once(AGREED_TIME, REST_RULE, agreed_ms - hours.agreed_ms, agreed_ms + hours.agreed_ms)
    prevails = asked.kind in hours.agreed_time_prevails
    then = _judged([*([*dates, *windows] if prevails else ordinary), around], now_ms, margin)
    if isinstance(then, Open):
        return then
    next_day_ms = instant(local_day(agreed_ms, asked.zone) + timedelta(days=1), 0, asked.zone)
    missed = Once(AGREED_TIME, REST_RULE, max(next_day_ms, around.end_ms), now_ms + LOOKAHEAD_MS)
    later = _judged([*ordinary, missed], now_ms, margin)
    if isinstance(later, Open) or then.until_ms is None:
        return later
    return then


def _in_emergency(
    hours: CallingHours, asked: Asked, emergency: Emergency, ordinary: Closed, now_ms: int, margin: int
) -> Open | Closed:
    """Judge by the emergency, once the ordinary hours are closed. It stays closed until the sooner of both openings;
    the reason is that of the ordinary hours.
    """
    dates, windows = _of_the_campaign(hours, asked)
    quiet = [Excepted(layer, *emergency) for layer in _of_the_callee(hours, asked, asked.zones)]
    answer = _judged([*dates, *quiet, *windows], now_ms, margin)
    if isinstance(answer, Open):
        return answer._replace(rule=EMERGENCY_RULE)
    instants = [at_ms for at_ms in (ordinary.until_ms, answer.until_ms) if at_ms is not None]
    return ordinary._replace(until_ms=min(instants, default=None))


def _judged(layers: Sequence[Layer], now_ms: int, margin: int) -> Open | Closed:
    opening = _first_opening(layers, now_ms, margin)
    if opening is not None and opening.start_ms == now_ms:
        return Open(opening.end_ms - margin, opening.end_ms)
    return _closed(layers, now_ms, margin, None if opening is None else opening.start_ms)


def _closed(layers: Sequence[Layer], now_ms: int, margin: int, until_ms: int | None) -> Closed:
    """Closed until then, for the first reason that there is now."""
    why = next(layer for layer in layers if _keeps_closed(layer, now_ms, margin))
    return Closed(until_ms, why.why, why.rule)


def _first_opening(layers: Sequence[Layer], now_ms: int, margin: int) -> Stretch | None:
    to_ms = now_ms + LOOKAHEAD_MS
    daily = [layer.hours for layer in layers if isinstance(layer, _Daily)]
    from_ms = possible_from(daily, now_ms, to_ms, margin)
    return None if from_ms is None else first_opening(layers, from_ms, to_ms, margin)


def _keeps_closed(layer: Layer, now_ms: int, margin: int) -> bool:
    """Whether this layer alone would not let an order be made now."""
    opening = first(layer, now_ms, now_ms + LOOKAHEAD_MS)
    return opening is None or not opening.start_ms <= now_ms < opening.end_ms - margin
