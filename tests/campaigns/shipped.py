"""The shipped rules, and short ways to ask them."""

from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from campaigns.calendars import work_calendar
from campaigns.core.calling_hours import Asked, CallingHours, Window
from campaigns.core.operator_rules import OperatorRules
from campaigns.profile import clock_ms, shipped_rules

SHANGHAI = "Asia/Shanghai"
URUMQI = "Asia/Urumqi"
NEW_YORK = "America/New_York"
SECOND_MS = 1000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
MARGIN_MS = 40 * SECOND_MS  # 30 s of ringing, 10 s of set-up


@cache
def rules() -> OperatorRules:
    return shipped_rules(work_calendar())


def hours() -> CallingHours:
    return rules().hours


def ms(text: str, zone: str = SHANGHAI, *, fold: int = 0) -> int:
    """A local time of the zone, as 2026-03-04 12:30 or with seconds and milliseconds."""
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp() * 1000)


def text(at_ms: int | None, zone: str = SHANGHAI) -> str | None:
    """The other way: what a failing test shows."""
    if at_ms is None:
        return None
    local = datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(ZoneInfo(zone))
    return f"{local:%Y-%m-%d %H:%M:%S}" + (f".{at_ms % 1000:03d}" if at_ms % 1000 else "")


def window(span: str) -> Window:
    opens, closes = span.split("-")
    return Window(clock_ms(opens), clock_ms(closes))


def asked(kind: str = "billing", customer_class: str = "resident", *zones: str, **more: Any) -> Asked:
    """30 s of ringing in Shanghai, unless said otherwise."""
    values = {"ring_timeout_ms": 30_000, "zone": SHANGHAI, **more}
    if "windows" in values:
        values["windows"] = tuple(window(span) for span in values["windows"])
    if "closed_dates" in values:
        values["closed_dates"] = frozenset(date.fromisoformat(day) for day in values["closed_dates"])
    if isinstance(values.get("agreed_at_ms"), str):
        values["agreed_at_ms"] = ms(values["agreed_at_ms"])
    return Asked(kind, customer_class, zones or (SHANGHAI,), **values)
