"""Zones that share no hour cost no search, and what is excluded is never open."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.calling_hours import Asked, Closed, _Daily, judge
from campaigns.core.daily_pattern import DailyHours, possible_from
from campaigns.core.hour_layers import LOOKAHEAD_MS, first_opening
from campaigns.core.zones import DAY_MS
from tests.campaigns.shipped import hours
from tests.steps import steps_of

ALL_AROUND = (
    "Pacific/Kiritimati", "Pacific/Niue", "America/New_York", "Europe/London", "Asia/Tokyo", "America/Los_Angeles",
    "Asia/Kolkata", "Africa/Cairo", "Pacific/Chatham", "Australia/Eucla", "America/St_Johns", "Asia/Kathmandu",
    "Pacific/Marquesas", "Asia/Tehran", "Pacific/Apia", "Atlantic/Azores", "Asia/Shanghai",
)  # fmt: skip
NOW_MS = 1_796_090_000_000  # 2026-12-01
STEPS_MAX = 30_000


def asked(*zones: str, closed_dates: frozenset[date] = frozenset(), agreed_at_ms: int | None = None) -> Asked:
    return Asked(
        "follow-up", "organisation", zones, 30_000, zone="Asia/Shanghai", closed_dates=closed_dates,
        agreed_at_ms=agreed_at_ms,
    )  # fmt: skip


def judged_steps(question: Asked) -> int:
    judge(hours(), question, NOW_MS)  # the zones are read
    hours().kept.clear()
    return steps_of(lambda: judge(hours(), question, NOW_MS), "campaigns")


def test_zones_that_are_never_open_together_are_not_searched_day_by_day() -> None:
    question = asked(*ALL_AROUND)
    assert judge(hours(), question, NOW_MS) == Closed(None, "quiet_hours", "CB-1")
    assert judged_steps(question) < STEPS_MAX


def test_nor_are_the_days_until_a_far_opening() -> None:
    near = ("Asia/Tokyo", "Asia/Shanghai", "Asia/Bangkok", "Asia/Manila")
    dates = frozenset(date(2026, 11, 25) + timedelta(days=day) for day in range(55))
    question = asked(*near, closed_dates=dates)
    answer = judge(hours(), question, NOW_MS)
    assert isinstance(answer, Closed)
    assert answer.until_ms is not None
    assert answer.until_ms > NOW_MS + 40 * DAY_MS
    assert judged_steps(question) < STEPS_MAX
    assert judged_steps(asked(*near, agreed_at_ms=NOW_MS + 50 * DAY_MS)) < STEPS_MAX


def test_a_closed_answer_is_not_searched_again_and_its_reason_is_that_of_the_instant() -> None:
    question = Asked("follow-up", "organisation", ("Asia/Shanghai", "Asia/Tokyo"), 30_000, zone="Asia/Shanghai")
    hours().kept.clear()
    answers = [judge(hours(), question, NOW_MS + half * 1_800_000) for half in range(48)]
    again = []
    for half in range(48):
        hours().kept.clear()
        again.append(judge(hours(), question, NOW_MS + half * 1_800_000))
    assert answers == again
    closed = next(half for half, answer in enumerate(answers) if isinstance(answer, Closed))
    hours().kept.clear()
    first = steps_of(lambda: judge(hours(), question, NOW_MS + closed * 1_800_000), "campaigns")
    assert steps_of(lambda: judge(hours(), question, NOW_MS + closed * 1_800_000 + 5), "campaigns") < first / 2


@given(
    st.lists(st.sampled_from(ALL_AROUND), min_size=1, max_size=5, unique=True),
    st.integers(0, 700),
    st.sampled_from(["resident", "organisation"]),
    st.sampled_from([40_000, 3_600_000, 5 * 3_600_000]),
)
def test_what_is_excluded_is_never_open(zones: list[str], day: int, customer_class: str, margin: int) -> None:
    now_ms = NOW_MS + day * DAY_MS + day * 5_000_000
    to_ms, own = now_ms + LOOKAHEAD_MS, hours().kinds["follow-up"][customer_class]
    assert own is not None
    layers = []
    for zone in zones:
        layers.append(_Daily("", "", zone, hours().rest, hours().rest, frozenset(), hours().calendar))
        layers.append(_Daily("", "", zone, own.working_days, own.other_days, frozenset(), hours().calendar))
    possible_ms = possible_from([layer.hours for layer in layers], now_ms, to_ms, margin)
    searched = first_opening(layers, now_ms, to_ms, margin)
    if possible_ms is None:
        assert searched is None
    else:
        assert first_opening(layers, possible_ms, to_ms, margin) == searched


# -- chosen examples ---------------------------------------------------------------------------------------------------

HOUR_MS = 3_600_000
SPRING_MS = 1_806_195_600_000  # 2027-03-28T01:00Z: London goes from UTC to UTC+1
AUTUMN_MS = 1_824_944_400_000  # 2027-10-31T01:00Z: and back
BEFORE_SPRING_MS, BEFORE_AUTUMN_MS = SPRING_MS - 27 * DAY_MS, AUTUMN_MS - 2 * DAY_MS
UTC, LONDON, SHANGHAI = "UTC", "Europe/London", "Asia/Shanghai"


def found_from(*layers: tuple[str, Sequence[tuple[float, float]]], margin: float, from_ms: int = NOW_MS) -> int | None:
    """Windows and margin in hours."""
    hours_of = [
        DailyHours(zone, tuple((int(opens * HOUR_MS), int(closes * HOUR_MS)) for opens, closes in windows))
        for zone, windows in layers
    ]
    return possible_from(hours_of, from_ms, from_ms + LOOKAHEAD_MS, int(margin * HOUR_MS))


@pytest.mark.parametrize(
    ("zone", "windows", "longest"),
    [
        (UTC, [(8, 12)], 4),
        (UTC, [(8, 10), (10, 12)], 4),
        (UTC, [(8, 12), (9, 10)], 4),
        (UTC, [(8, 10), (9, 12)], 4),
        (UTC, [(1, 2), (8, 10), (10, 12)], 4),
        (UTC, [(1, 2), (3, 4), (8, 12)], 4),
        (UTC, [(1, 2), (8, 12), (9, 10)], 4),
        (UTC, [(0, 2), (22, 24)], 4),
        (UTC, [(0, 1), (5, 6), (21, 24)], 4),
        (UTC, [(0, 3), (5, 6), (23, 24)], 4),
        (UTC, [(1, 4), (22, 24)], 3),
        (UTC, [(0, 3), (21, 23)], 3),
        (UTC, [(0, 2), (3, 5)], 2),
        (SHANGHAI, [(6, 12)], 6),
        (SHANGHAI, [(8, 12)], 4),
        (SHANGHAI, [(4, 8)], 4),
    ],
)
def test_the_longest_time_together_is_that_of_a_day(
    zone: str, windows: Sequence[tuple[float, float]], longest: float
) -> None:
    assert found_from((zone, windows), margin=longest - 0.01) == NOW_MS
    assert found_from((zone, windows), margin=longest) is None


def test_what_is_open_all_day_is_open_for_longer_than_any_margin() -> None:
    for windows in ([(0, 24)], [(0, 12), (12, 24)]):
        assert found_from((UTC, windows), margin=200) == NOW_MS
    assert found_from((UTC, [(0, 24)]), (SHANGHAI, [(8, 12)]), margin=3.99) == NOW_MS
    assert found_from((UTC, [(4, 8)]), (SHANGHAI, [(8, 12)]), margin=0) is None
    assert found_from(margin=200) == NOW_MS


def test_another_offset_may_open_what_was_closed() -> None:
    for window, other in ((8, 7), (2, 1), (4, 3)):
        layers = ((LONDON, [(window, window + 1)]), (UTC, [(other, other + 1)]))
        assert found_from(*layers, margin=0.9, from_ms=BEFORE_SPRING_MS) == SPRING_MS
        assert found_from(*layers, margin=1, from_ms=BEFORE_SPRING_MS) is None
    assert found_from((LONDON, [(8, 9)]), (UTC, [(8, 9)]), margin=0.9, from_ms=BEFORE_AUTUMN_MS) == AUTUMN_MS


def test_a_time_that_goes_on_over_the_change_is_longer() -> None:
    for window in ((0, 2), (0, 2.5), (1, 2.5), (1, 2)):
        length = window[1] - window[0]
        assert found_from((LONDON, [window]), margin=length, from_ms=BEFORE_AUTUMN_MS) == AUTUMN_MS - DAY_MS
        assert found_from((LONDON, [window]), margin=length, from_ms=AUTUMN_MS - HOUR_MS) == AUTUMN_MS - HOUR_MS
    assert found_from((LONDON, [(0, 1), (1.5, 2)]), margin=1, from_ms=BEFORE_AUTUMN_MS) is None
    for window in ((0, 1), (2, 3), (3, 5), (0.5, 1)):
        assert found_from((LONDON, [window]), margin=window[1] - window[0], from_ms=BEFORE_AUTUMN_MS) is None, window
