"""The answer for people says what the answer for the dialler says."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from campaigns.core.calling_hours import Asked, CallingHours, Closed, Open, judge
from campaigns.core.explain import explain_hours, rfc3339
from tests.campaigns.shipped import SHANGHAI, URUMQI, asked, hours, ms
from tests.campaigns.test_hours_properties import questions
from tests.replay.cases import ms_of


def test_open() -> None:
    assert explain_hours(hours(), asked("billing", "resident", URUMQI, SHANGHAI), ms("2026-03-04 11:00")) == {
        "may_dial": True,
        "at": "2026-03-04T03:00:00.000Z",
        "dial_before": "2026-03-04T04:29:20.000Z",
        "text": {
            "en": "A call may be made now; the order leaves before 2026-03-04 12:29:20 (Asia/Shanghai)",
            "zh": "现在可以外呼，须在 2026-03-04 12:29:20（Asia/Shanghai）之前发出",
        },
        "zones": [URUMQI, SHANGHAI],
        "local": [
            {"zone": URUMQI, "time": "2026-03-04T09:00:00.000+06:00", "open": True},
            {"zone": SHANGHAI, "time": "2026-03-04T11:00:00.000+08:00", "open": True},
        ],
    }


def test_closed() -> None:
    assert explain_hours(hours(), asked("billing", "resident", URUMQI, SHANGHAI), ms("2026-03-04 13:00:00.001")) == {
        "may_dial": False,
        "at": "2026-03-04T05:00:00.001Z",
        "until": "2026-03-04T06:00:00.000Z",
        "rule": "CB-1",
        "why": "quiet_hours",
        "text": {
            "en": "Rest hours, in which nobody is disturbed (CB-1); open again at 2026-03-04 14:00:00 (Asia/Shanghai)",
            "zh": "休息时段，不打扰客户（CB-1）；下次开放时间 2026-03-04 14:00:00（Asia/Shanghai）",
        },
        "zones": [URUMQI, SHANGHAI],
        "local": [
            {"zone": URUMQI, "time": "2026-03-04T11:00:00.001+06:00", "open": True},
            {"zone": SHANGHAI, "time": "2026-03-04T13:00:00.001+08:00", "open": False},
        ],
    }


@pytest.mark.parametrize(
    ("question", "at", "english", "chinese"),
    [
        (
            asked(),
            "2026-03-04 12:29:20",
            "Too close to the end of the hours: set-up and ringing take 40 s; ",
            "40 秒；",
        ),
        (asked(), "2026-03-04 12:30", "Rest hours, in which nobody is disturbed (CB-1); ", "不打扰客户（CB-1）；"),
        (asked("arrears"), "2026-03-04 07:45", "Outside the hours of this kind of call (ARR-1); ", "（ARR-1）；"),
        (asked(windows=["09:00-10:00"]), "2026-03-04 11:00", "Outside the campaign's own hours; ", "本活动设定"),
        (
            asked(closed_dates=["2026-03-04"]),
            "2026-03-04 11:00",
            "A date on which the campaign is closed; ",
            "停呼日；",
        ),
        (
            asked("callback", agreed_at_ms="2026-03-04 11:00"),
            "2026-03-04 10:00",
            "Not the agreed time (CB-1); ",
            "约定",
        ),
        (
            asked("sales"),
            "2026-03-04 11:00",
            "The kind, the customer class or a zone is not known; no opening",
            "未知；",
        ),
    ],
)
def test_every_reason_has_its_words(question: Asked, at: str, english: str, chinese: str) -> None:
    text = explain_hours(hours(), question, ms(at))["text"]
    assert text["en"].startswith(english)
    assert chinese in text["zh"]


def test_a_message_is_sent_and_not_called() -> None:
    text = explain_hours(hours(), asked(channel="sms"), ms("2026-03-04 12:29:59"))["text"]
    assert text["en"] == "A message may be sent now, before 2026-03-04 12:30:00 (Asia/Shanghai)"
    assert text["zh"].startswith("现在可以发送短信")


def test_no_opening_in_sight_is_said() -> None:
    found = explain_hours(hours(), replace(asked(windows=["00:00-07:00"])), ms("2026-03-04 11:00"))
    assert "until" not in found
    assert found["text"]["en"].endswith("; no opening within 60 days")
    assert found["text"]["zh"].endswith("；60 天内无开放时间")


def test_a_zone_that_is_not_known_has_no_time() -> None:
    found = explain_hours(hours(), asked("billing", "resident", SHANGHAI, "Mars/Olympus", zone="Mars/Olympus"), 0)
    assert [one["zone"] for one in found["local"]] == [SHANGHAI]
    assert found["zones"] == [SHANGHAI, "Mars/Olympus"]
    assert not found["may_dial"]


@pytest.mark.parametrize("at", [0, 1, 999, 1000, 1_772_600_400_123])
def test_instants_are_written_in_utc(at: int) -> None:
    assert ms_of(rfc3339(at)) == at


@settings(max_examples=100)
@given(questions())
def test_it_is_the_answer_of_the_judge(question: tuple[CallingHours, Asked, int]) -> None:
    rules, asked_, now_ms = question
    answer, found = judge(rules, asked_, now_ms), explain_hours(rules, asked_, now_ms)
    instants = {key: ms_of(str(value)) for key, value in found.items() if key in ("at", "until", "dial_before")}
    if isinstance(answer, Open):
        assert (found["may_dial"], instants) == (True, {"at": now_ms, "dial_before": answer.dial_before_ms})
        assert all(one["open"] for one in found["local"])
        assert found.keys() & {"why", "rule"} == set()
        return
    assert isinstance(answer, Closed)
    until = {} if answer.until_ms is None else {"until": answer.until_ms}
    assert (found["may_dial"], instants) == (False, {"at": now_ms, **until})
    assert (found["why"], found.get("rule", "")) == (answer.why, answer.rule)
