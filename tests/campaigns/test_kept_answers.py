"""Answers of the calling hours are kept while they hold: whoever asks again gets what he would get anew."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from campaigns.core.calling_hours import Asked, Closed, Emergency, Open, judge
from campaigns.core.zones import LATEST_MS
from tests.campaigns.shipped import HOUR_MS, MARGIN_MS, NEW_YORK, URUMQI, asked, hours, ms

DAY = ms("2026-03-04 00:00")
EDGES = [ms(f"2026-03-04 {time}") for time in ("07:30", "09:00", "12:30", "14:00", "18:00", "21:00")]
NIGHT = Emergency(ms("2026-03-04 01:00"), ms("2026-03-04 09:00"))


def instants() -> Iterator[int]:
    """Those of two days, an hour apart, and around every edge."""
    around = (edge + off - margin for edge in EDGES for off in (-1, 0, 1) for margin in (0, MARGIN_MS))
    return iter(sorted({*range(DAY, DAY + 48 * HOUR_MS, HOUR_MS), *around}))


QUESTIONS = {
    "ordinary": asked(),
    "two zones": asked("arrears", "resident", URUMQI),
    "never": asked("billing", "resident", URUMQI, NEW_YORK),
    "windows": asked(windows=["09:00-11:00", "19:00-20:00"]),
    "agreed": asked(agreed_at_ms="2026-03-04 16:00"),
    "agreed in the rest hours": asked("callback", agreed_at_ms="2026-03-04 13:00"),
    "in an emergency": asked("outage", emergency=NIGHT),
    "a message": asked("outage", channel="sms"),
}


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_an_answer_that_is_kept_is_what_is_found_anew(question: Asked) -> None:
    kept = replace(hours())
    for now_ms in instants():
        assert judge(kept, question, now_ms) == judge(replace(hours()), question, now_ms), now_ms


@pytest.mark.parametrize("question", QUESTIONS.values(), ids=QUESTIONS)
def test_whatever_was_asked_before(question: Asked) -> None:
    kept = replace(hours())
    for now_ms in sorted(instants(), reverse=True):
        assert judge(kept, question, now_ms) == judge(replace(hours()), question, now_ms), now_ms


def test_after_the_last_instant_nothing_is_open() -> None:
    kept = replace(hours())
    assert isinstance(judge(kept, asked(), LATEST_MS), Open), "it is eight in the morning"
    assert isinstance(judge(kept, asked(), LATEST_MS + 1), Closed)


def test_what_is_kept_makes_no_other_hours() -> None:
    before, after = replace(hours()), replace(hours())
    judge(after, asked(), DAY)
    assert after.kept
    assert before == after
    assert "kept" not in repr(after)
