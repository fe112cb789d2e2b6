"""A closed class is judged once until it opens."""

from typing import Any

import pytest

from campaigns.core import calling_hours
from campaigns.dialler import open_hours
from campaigns.dialler.open_hours import OpenHours, Split
from campaigns.ledger.compiled import campaign_of
from campaigns.ledger.rows import HoursClassRow
from tests.campaigns.dialler.made import CAMPAIGN, campaign
from tests.campaigns.shipped import DAY_MS, HOUR_MS, MARGIN_MS, SHANGHAI, URUMQI, ms, rules

NOON = ms("2026-03-02 13:00")


def a_class(zones: str = SHANGHAI, *, first: bool = False) -> HoursClassRow:
    name = f"1|resident|{zones}" + ("|first" if first else "")
    return HoursClassRow(CAMPAIGN, name, 1, "resident", zones)


def split(hours: OpenHours, now_ms: int, *classes: HoursClassRow, version: int = 1, **more: Any) -> Split:
    return hours.split(campaign_of(campaign(**more), rules()), version, classes, now_ms)


def test_open_classes_and_the_first_opening_of_the_others() -> None:
    """09:30 in Shanghai, when it is 07:30 by Urumqi's own time less two hours: closed there."""
    made = split(OpenHours(), ms("2026-03-02 09:00"), a_class(), a_class(URUMQI))
    assert made.open == [a_class().hours_class]
    assert made.closed is not None
    assert made.closed.until_ms == ms("2026-03-02 09:30")
    assert not made.all_closed


def test_closed_for_all_says_why_and_until_when() -> None:
    made = split(OpenHours(), NOON, a_class(), a_class(""))
    assert made.open == ["1|resident|"], "who has no number is looked at"
    assert made.all_closed
    assert made.closed is not None
    assert (made.closed.why, made.closed.rule, made.closed.until_ms) == ("quiet_hours", "CB-1", NOON + HOUR_MS)


def test_a_message_has_no_margin() -> None:
    at_ms = ms("2026-03-02 21:00") - MARGIN_MS
    assert split(OpenHours(), at_ms, a_class()).open == []
    assert split(OpenHours(), at_ms, a_class(), channels='["sms", "auto"]').open == [a_class().hours_class]


def test_a_closed_class_is_judged_once_until_it_opens(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def judge(*asked: Any) -> Any:
        judged.append(asked[2])
        return calling_hours.judge(*asked)

    monkeypatch.setattr(open_hours, "judge", judge)
    hours = OpenHours()
    for at_ms in range(NOON, NOON + HOUR_MS, 30_000):
        assert split(hours, at_ms, a_class()).open == []
    assert judged == [NOON]
    assert split(hours, NOON + HOUR_MS, a_class()).open != []
    assert judged == [NOON, NOON + HOUR_MS]


def test_other_settings_or_an_earlier_time_are_judged_anew() -> None:
    hours = OpenHours()
    assert split(hours, NOON, a_class()).open == []
    assert split(hours, ms("2026-03-02 10:00"), a_class()).open != [], "the clock was set back"
    windows = f"[[{10 * HOUR_MS}, {11 * HOUR_MS}]]"
    assert split(hours, ms("2026-03-02 09:00"), a_class(), version=2, windows=windows).open == []
    assert split(hours, NOON + DAY_MS - 2 * HOUR_MS - HOUR_MS, a_class(), version=2, windows=windows).open != []
