"""Why a call may be made now, or not, and when: the answer of `judge` in the words of the contract ("Explain").

Nothing is decided here: a dialler that asks `judge` and a person who reads this get the same answer.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NotRequired, TypedDict

from campaigns.core.calling_hours import (
    AGREED_TIME,
    CAMPAIGN_HOURS,
    CLOSED_DATE,
    QUIET_HOURS,
    REST_RULE,
    Asked,
    CallingHours,
    Closed,
    Open,
    can_be_judged,
    is_too_late,
    judge,
    margin_ms,
    zone_is_open,
)
from campaigns.core.hour_layers import LOOKAHEAD_MS
from campaigns.core.reasons import WRITTEN
from campaigns.core.zones import DAY_MS, local_time, zone_named


class Text(TypedDict):
    zh: str
    en: str


class Local(TypedDict):
    zone: str
    time: str
    open: bool


class Explanation(TypedDict):
    """Instants are RFC 3339 in UTC; `local` has the time in each candidate zone, and whether its windows are open."""

    may_dial: bool
    at: str
    until: NotRequired[str]
    dial_before: NotRequired[str]
    rule: NotRequired[str]
    why: NotRequired[str]
    text: Text
    zones: list[str]
    local: list[Local]


REASONS: Mapping[str, Text] = {
    QUIET_HOURS: {"en": "Outside the hours of this kind of call", "zh": "不在此类外呼的允许时段内"},
    CAMPAIGN_HOURS: {"en": "Outside the campaign's own hours", "zh": "不在本活动设定的外呼时段内"},
    CLOSED_DATE: {"en": "A date on which the campaign is closed", "zh": "本活动停呼日"},
    AGREED_TIME: {"en": "Not the agreed time", "zh": "不在约定时间内"},
}
REST: Text = {"en": "Rest hours, in which nobody is disturbed", "zh": "休息时段，不打扰客户"}
UNKNOWN: Text = {"en": "The kind, the customer class or a zone is not known", "zh": "外呼类型、客户类别或时区未知"}
TOO_LATE: Text = {
    "en": "Too close to the end of the hours: set-up and ringing take {seconds} s",
    "zh": "距时段结束不足：接续与振铃需 {seconds} 秒",
}
MAY_CALL: Text = {
    "en": "A call may be made now; the order leaves before {time} ({zone})",
    "zh": "现在可以外呼，须在 {time}（{zone}）之前发出",
}
MAY_SEND: Text = {
    "en": "A message may be sent now, before {time} ({zone})",
    "zh": "现在可以发送短信，须在 {time}（{zone}）之前发出",
}
NEXT: Text = {"en": "open again at {time} ({zone})", "zh": "下次开放时间 {time}（{zone}）"}
NO_NEXT: Text = {"en": "no opening within {days} days", "zh": "{days} 天内无开放时间"}


def explain_hours(hours: CallingHours, asked: Asked, now_ms: int) -> Explanation:
    """By the hours alone."""
    answer = judge(hours, asked, now_ms)
    explanation: Explanation = {
        "may_dial": isinstance(answer, Open),
        "at": rfc3339(now_ms),
        "text": _text(hours, asked, now_ms, answer),
        "zones": list(asked.zones),
        "local": [_local(hours, asked, zone, now_ms) for zone in asked.zones if zone_named(zone) is not None],
    }
    if isinstance(answer, Open):
        explanation["dial_before"] = rfc3339(answer.dial_before_ms)
        if answer.rule:
            explanation["rule"] = answer.rule
        return explanation
    explanation["why"] = answer.why
    if answer.rule:
        explanation["rule"] = answer.rule
    if answer.until_ms is not None:
        explanation["until"] = rfc3339(answer.until_ms)
    return explanation


def rfc3339(ms: int) -> str:
    """2026-03-02T01:00:12.000Z"""
    return f"{datetime.fromtimestamp(ms // 1000, UTC):%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"


def _local(hours: CallingHours, asked: Asked, zone: str, now_ms: int) -> Local:
    time = local_time(now_ms, zone).isoformat(timespec="milliseconds")
    return {"zone": zone, "time": time, "open": zone_is_open(hours, asked, zone, now_ms)}


def _text(hours: CallingHours, asked: Asked, now_ms: int, answer: Open | Closed) -> Text:
    if isinstance(answer, Open):
        may = _filled(MAY_SEND if asked.channel in WRITTEN else MAY_CALL, **_when(answer.dial_before_ms, asked.zone))
        return by_exception(may) if answer.rule else may
    reason = _reason(hours, asked, now_ms, answer)
    if answer.until_ms is None:
        then = _filled(NO_NEXT, days=str(LOOKAHEAD_MS // DAY_MS))
    else:
        then = _filled(NEXT, **_when(answer.until_ms, asked.zone))
    return {"en": f"{reason['en']}; {then['en']}", "zh": f"{reason['zh']}；{then['zh']}"}


def by_exception(text: Text) -> Text:
    """What is allowed by an approved emergency alone."""
    return {"en": f"{text['en']}; by an approved emergency", "zh": f"{text['zh']}；依据已批准的紧急例外"}


def _reason(hours: CallingHours, asked: Asked, now_ms: int, answer: Closed) -> Text:
    if not can_be_judged(hours, asked, now_ms):
        return UNKNOWN
    if is_too_late(hours, asked, now_ms):
        return _filled(TOO_LATE, seconds=f"{margin_ms(hours, asked) / 1000:g}")
    text = REST if (answer.why, answer.rule) == (QUIET_HOURS, REST_RULE) else REASONS[answer.why]
    if not answer.rule:
        return text
    return {"en": f"{text['en']} ({answer.rule})", "zh": f"{text['zh']}（{answer.rule}）"}


def _when(ms: int, zone: str) -> dict[str, str]:
    known = zone if zone_named(zone) is not None else "UTC"
    return {"time": f"{local_time(ms, known):%Y-%m-%d %H:%M:%S}", "zone": known}


def _filled(text: Text, **values: str) -> Text:
    return {"en": text["en"].format(**values), "zh": text["zh"].format(**values)}
