"""Zones that share no hour cost no search, and what is excluded is never open."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.calling_hours import Asked, Closed, _Daily, judge
from campaigns.core.daily_pattern import possible_from
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
