"""Dates, months, moments and amounts as customers are told them, in Chinese and in English. Pure.

What goes in is the canonical text of an item: 2026-03-01, 2026-01,2026-02, RFC 3339, decimals. Other text raises
ValueError or ArithmeticError.
"""

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

MONTH_NAMES = (  # no locale decides what is said
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
RATES_APART = ";"


class Forms(NamedTuple):
    """How values are written in one language and time zone. `share`: a rate, 0.001 -> one in a thousand; or several,
    `;` between two.
    """

    day: Callable[[str], str]
    months: Callable[[str], str]
    moment: Callable[[str], str]
    share: Callable[[str], str]


def forms(language: str, zone: ZoneInfo) -> Forms:
    """`language`: zh or en."""
    if language == "zh":
        return Forms(_day_zh, _months_zh, lambda text: _moment_zh(_local(text, zone)), _per_mille_zh)
    return Forms(_day_en, _months_en, lambda text: _moment_en(_local(text, zone)), _percent_en)


def money(text: str) -> str:
    """Two decimals, as it is owed: 123.8 -> 123.80."""
    return f"{Decimal(text):.2f}"


def _day_zh(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.year}年{day.month}月{day.day}日"


def _day_en(text: str) -> str:
    day = date.fromisoformat(text)
    return f"{day.day} {MONTH_NAMES[day.month - 1]} {day.year}"


def _months(text: str) -> list[tuple[int, int]]:
    months = [date.fromisoformat(f"{month}-01") for month in re.split(r"[\s,;]+", text.strip())]
    return [(month.year, month.month) for month in months]


def _months_zh(text: str) -> str:
    return "、".join(f"{year}年{month}月" for year, month in _months(text))


def _months_en(text: str) -> str:
    return ", ".join(f"{MONTH_NAMES[month - 1]} {year}" for year, month in _months(text))


def _local(text: str, zone: ZoneInfo) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset from UTC")
    return at.astimezone(zone)


def _moment_zh(at: datetime) -> str:
    minutes = f"{at.minute}分" if at.minute else ""
    return f"{at.month}月{at.day}日{at.hour}点{minutes}"


def _moment_en(at: datetime) -> str:
    return f"{at:%H:%M} on {at.day} {MONTH_NAMES[at.month - 1]}"


def _per_mille_zh(rate: str) -> str:
    """0.001 -> 千分之1; 0.002;0.003 -> 千分之2、千分之3."""
    return "、".join(f"千分之{_short(Decimal(each) * 1000)}" for each in rate.split(RATES_APART))


def _percent_en(rate: str) -> str:
    return " and ".join(f"{_short(Decimal(each) * 100)} percent" for each in rate.split(RATES_APART))


def _short(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
