"""Calling hours against a second judge that knows no arithmetic of zones: it looks at every minute by the clock.

Zones with summer time, from 2020 to 2037, most of all around the hours in which their clocks change.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.core.calling_hours import (
    Asked,
    CallingHours,
    Closed,
    Open,
    OwnHours,
    Window,
    judge,
    margin_ms,
    next_part_of_day,
    part_of_day,
)
from campaigns.core.zones import instant, spans
from tests.campaigns.shipped import DAY_MS, HOUR_MS, MINUTE_MS, SHANGHAI, hours

ZONES = (
    "America/New_York", "America/St_Johns", "America/Havana", "America/Asuncion", "America/Nuuk", "Europe/Berlin",
    "Europe/Dublin", "Africa/Casablanca", "Africa/Cairo", "Asia/Beirut", "Asia/Gaza", "Australia/Lord_Howe",
    "Pacific/Auckland", "Pacific/Chatham", "Antarctica/Troll", "Asia/Kathmandu", "Asia/Shanghai", "Asia/Urumqi",
)  # fmt: skip
FIRST, LAST = datetime(2020, 1, 1, tzinfo=UTC), datetime(2038, 1, 1, tzinfo=UTC)
LOOKED_AT_MS = 3 * DAY_MS
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def local(at_ms: int, zone: str) -> datetime:
    """Of the whole minute; offsets of these years are whole minutes."""
    return (EPOCH + timedelta(milliseconds=at_ms // MINUTE_MS * MINUTE_MS)).astimezone(ZoneInfo(zone))


def inside(windows: tuple[Window, ...], at: datetime) -> bool:
    midnight_ms = (at.hour * 60 + at.minute) * MINUTE_MS
    return any(one.opens_ms <= midnight_ms < one.closes_ms for one in windows)


def all_open(rules: CallingHours, asked: Asked, at_ms: int) -> bool:
    """By the clocks on the walls."""
    for zone in asked.zones:
        at = local(at_ms, zone)
        if not inside(rules.rest, at):
            return False
        own = rules.kinds[asked.kind][asked.customer_class]
        working = rules.calendar.is_working(at.date())
        if own is not None and not inside(own.working_days if working else own.other_days, at):
            return False
    here = local(at_ms, asked.zone)
    return here.date() not in asked.closed_dates and (not asked.windows or inside(asked.windows, here))


def stretches(rules: CallingHours, asked: Asked, now_ms: int, length_ms: int) -> list[tuple[int, int]]:
    """Every open stretch from now on, minute by minute."""
    found: list[tuple[int, int]] = []
    at_ms = now_ms
    while at_ms < now_ms + length_ms:
        next_ms = at_ms // MINUTE_MS * MINUTE_MS + MINUTE_MS
        if all_open(rules, asked, at_ms):
            if found and found[-1][1] == at_ms:
                found[-1] = (found[-1][0], next_ms)
            else:
                found.append((at_ms, next_ms))
        at_ms = next_ms
    return found


@cache
def changes(zone: str) -> list[int]:
    """The hours of FIRST..LAST in which a zone's offset changes."""
    found, at, known = [], FIRST, ZoneInfo(zone)
    while at < LAST:
        later = at + timedelta(hours=1)
        if at.astimezone(known).utcoffset() != later.astimezone(known).utcoffset():
            found.append(round(at.timestamp() * 1000))
        at = later
    return found


@st.composite
def windows(draw: st.DrawFn) -> tuple[Window, ...]:
    """Some windows of a day, on whole minutes, at night too."""
    edges = sorted(draw(st.sets(st.integers(0, 24 * 12), min_size=2, max_size=6)))
    pairs = zip(edges[::2], edges[1::2], strict=False)
    return tuple(Window(opens * 5 * MINUTE_MS, closes * 5 * MINUTE_MS) for opens, closes in pairs)


@st.composite
def instants(draw: st.DrawFn, zone: str) -> int:
    """Near a change of the zone's clock where it has one, else any time."""
    offset_ms = draw(st.integers(-2 * DAY_MS, DAY_MS) | st.integers(-6, 30).map(lambda tens: tens * 10 * MINUTE_MS))
    near = changes(zone)
    if near and draw(st.booleans()):
        return draw(st.sampled_from(near)) + offset_ms
    return round(FIRST.timestamp() * 1000) + draw(st.integers(0, 6_500)) * DAY_MS + 2 * DAY_MS + offset_ms


@st.composite
def questions(draw: st.DrawFn) -> tuple[CallingHours, Asked, int]:
    zones = draw(st.lists(st.sampled_from(ZONES), min_size=1, max_size=2, unique=True))
    own = draw(st.none() | st.builds(OwnHours, st.just("X-1"), windows(), windows()))
    now_ms = draw(instants(draw(st.sampled_from(zones))))
    rules = replace(
        hours(),
        rest=draw(windows() | st.just(hours().rest) | st.just((Window(0, DAY_MS),))),
        kinds={"billing": {"resident": own}},
    )
    here = local(now_ms, SHANGHAI).date()
    asked = Asked(
        "billing",
        "resident",
        tuple(zones),
        draw(st.sampled_from([0, 30_000, 45_000, 120_000, 90 * MINUTE_MS])),
        draw(st.sampled_from(["auto", "auto", "sms"])),
        draw(st.just(()) | windows()),
        draw(st.frozensets(st.integers(-1, 2).map(lambda day: here + timedelta(days=day)), max_size=2)),
        zone=draw(st.sampled_from([SHANGHAI, *zones])),
    )
    return rules, asked, now_ms


@settings(max_examples=150)
@given(questions())
def test_both_judges_agree(question: tuple[CallingHours, Asked, int]) -> None:
    rules, asked, now_ms = question
    margin = margin_ms(rules, asked)
    answer = judge(rules, asked, now_ms)
    seen = stretches(rules, asked, now_ms, LOOKED_AT_MS)
    if isinstance(answer, Open):
        start, end = seen[0]
        assert (start, now_ms < answer.dial_before_ms) == (now_ms, True)
        assert end == answer.ring_until_ms or end >= now_ms + LOOKED_AT_MS
        assert answer.dial_before_ms == answer.ring_until_ms - margin
        return
    first = next((start for start, end in seen if start < end - margin), None)
    assert first != now_ms
    if first is not None:
        assert answer.until_ms == first
    else:  # not within the days that were looked at; a stretch cut at their end may open in them
        assert answer.until_ms is None or answer.until_ms >= now_ms + LOOKED_AT_MS - margin - MINUTE_MS
    if answer.until_ms is not None:
        assert isinstance(judge(rules, asked, answer.until_ms), Open)
        assert isinstance(judge(rules, asked, answer.until_ms - 1), Closed)


@settings(max_examples=150)
@given(questions(), st.data())
def test_the_answer_holds_for_every_instant_up_to_its_end(
    question: tuple[CallingHours, Asked, int], data: st.DataObject
) -> None:
    rules, asked, now_ms = question
    answer = judge(rules, asked, now_ms)
    if isinstance(answer, Open):
        at_ms = data.draw(st.integers(now_ms, answer.dial_before_ms - 1))
        later = judge(rules, asked, at_ms)
        assert isinstance(later, Open)
        assert later == answer or later.ring_until_ms > answer.ring_until_ms  # beyond what was looked ahead
        assert all_open(rules, asked, data.draw(st.integers(now_ms, answer.ring_until_ms - 1)))
    elif answer.until_ms is not None:
        later = judge(rules, asked, data.draw(st.integers(now_ms, answer.until_ms - 1)))
        assert isinstance(later, Closed)
        assert later.until_ms == answer.until_ms


@settings(max_examples=100)
@given(questions(), st.integers(-2 * DAY_MS, 2 * DAY_MS), st.booleans())
def test_an_agreed_time_opens_nothing_but_its_own_span_and_the_ordinary_hours(
    question: tuple[CallingHours, Asked, int], distance_ms: int, prevails: bool
) -> None:
    rules, asked, now_ms = question
    rules = replace(rules, agreed_time_prevails=frozenset({"billing"} if prevails else ()))
    agreed = replace(asked, agreed_at_ms=now_ms + distance_ms)
    answer = judge(rules, agreed, now_ms)
    if isinstance(answer, Closed):
        assert answer.until_ms is None or isinstance(judge(rules, agreed, answer.until_ms), Open)
        return
    around = abs(distance_ms) <= rules.agreed_ms
    ordinary = judge(rules, asked, now_ms)
    assert isinstance(ordinary, Open) or (around and prevails)
    if around:
        assert answer.ring_until_ms <= now_ms + distance_ms + rules.agreed_ms
    else:
        assert local(now_ms, asked.zone).date() > local(now_ms + distance_ms, asked.zone).date()


@settings(max_examples=150)
@given(questions(), st.sampled_from(ZONES))
def test_the_next_part_of_the_day_is_the_first_opening_after_this_one(
    question: tuple[CallingHours, Asked, int], zone: str
) -> None:
    rules, asked, now_ms = question
    part = part_of_day(now_ms, zone)
    hour = local(now_ms, zone).hour
    assert part == ("morning" if hour < 14 else "afternoon" if hour < 18 else "evening")
    begins_ms = now_ms // MINUTE_MS * MINUTE_MS
    while part_of_day(begins_ms, zone) == part or begins_ms <= now_ms:
        begins_ms += MINUTE_MS
    answer = judge(rules, asked, begins_ms)
    expected = begins_ms if isinstance(answer, Open) else answer.until_ms
    assert next_part_of_day(now_ms, zone, rules, asked) == expected


@pytest.mark.parametrize("zone", ZONES)
def test_spans_have_the_offset_of_the_clock(zone: str) -> None:
    from_ms, to_ms = round(FIRST.timestamp() * 1000), round(LAST.timestamp() * 1000)
    before = None
    for span in spans(zone, from_ms, to_ms):
        assert span.start_ms < span.end_ms
        assert before is None or before == span.start_ms
        before = span.end_ms
        for at_ms in (span.start_ms, span.end_ms - 1):
            offset = (EPOCH + timedelta(milliseconds=at_ms)).astimezone(ZoneInfo(zone)).utcoffset()
            assert offset == timedelta(milliseconds=span.offset_ms)
    assert before is not None
    assert before >= to_ms
    for change_ms in changes(zone):
        assert len({span.offset_ms for span in spans(zone, change_ms, change_ms + HOUR_MS + 1)}) == 2


@settings(max_examples=200)
@given(st.sampled_from(ZONES), st.data())
def test_a_local_time_is_the_first_instant_that_has_it(zone: str, data: st.DataObject) -> None:
    day = local(data.draw(instants(zone)), zone).date()
    time_ms = data.draw(st.integers(0, 24 * 12 - 1)) * 5 * MINUTE_MS
    found = instant(day, time_ms, zone)
    wanted = (day.toordinal() - date(1970, 1, 1).toordinal()) * DAY_MS + time_ms

    def clock(at_ms: int) -> int:
        offset = local(at_ms, zone).utcoffset()
        assert offset is not None
        return at_ms + round(offset.total_seconds() * 1000)

    assert clock(found) >= wanted
    assert clock(found) == wanted or clock(found - MINUTE_MS) < wanted  # a gap: the instant at which it ends
    earlier = range(found - 3 * HOUR_MS, found, 5 * MINUTE_MS)
    assert [at for at in earlier if clock(at) == wanted] == []


@given(
    questions(),
    st.lists(st.integers(-DAY_MS, DAY_MS) | st.integers(-2, 2), max_size=8),
    st.none() | st.integers(-DAY_MS, DAY_MS),
)
def test_an_answer_that_is_kept_is_that_of_a_judge_who_keeps_none(
    question: tuple[CallingHours, Asked, int], offsets: list[int], agreed: int | None
) -> None:
    """In any order of the instants, and around the last one at which an answer held."""
    rules, asked, now_ms = question
    asked = replace(asked, agreed_at_ms=None if agreed is None else now_ms + agreed)
    for offset in (0, *offsets):
        for at_ms in (now_ms + offset, *last_instants(judge(rules, asked, now_ms))):
            assert judge(rules, asked, at_ms) == judge(replace(rules), asked, at_ms)


def last_instants(answer: Open | Closed) -> tuple[int, ...]:
    at_ms = answer.dial_before_ms if isinstance(answer, Open) else answer.until_ms
    return () if at_ms is None else (at_ms - 1, at_ms)
