"""Telephone numbers as people write them, in E.164, and where their owners may be.

Mainland mobiles, which are nearly all, are read by one pattern; everything else by phonenumbers. What a spreadsheet has
spoilt, short service numbers and hotlines are refused: nobody of the account answers there.
"""

import re
from functools import lru_cache
from typing import NamedTuple

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType
from phonenumbers.timezone import time_zones_for_number

MAINLAND_ZONES = ("Asia/Shanghai",)  # the whole mainland keeps one time
TEXT_CHARS_MAX = 64
KEPT = 65_536  # numbers whose reading is remembered
UNKNOWN_ZONE = "Etc/Unknown"

SPOILT, NUMBER, SERVICE_NUMBER, EXTENSION = "SPOILT", "NUMBER", "SERVICE_NUMBER", "EXTENSION"

_HALF_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {0x3000: 0x20, 0x2212: 0x2D, 0x2010: 0x2D}
_HALF_WIDTH |= dict.fromkeys(range(0x2011, 0x2016), 0x2D)
_FILLING = re.compile(r"[\s\-().·]+")
_MOBILE = re.compile(r"(?:\+?86|0086)?0?(1[3-9][0-9]{9})", re.ASCII)
_SPOILT = re.compile(r"[0-9]+(?:\.[0-9]+)?[eE][+-]?[0-9]+|[0-9]{7,}\.[0-9]+", re.ASCII)
_MAINLAND = re.compile(r"(?:\+86|0086|86(?=0?[2-9][0-9]{8,}))", re.ASCII)
_AREA = re.compile(r"0?(?:10|2[0-9]|[3-9][0-9]{2})", re.ASCII)
# 110, 12345, 95598, 96xxx, 100xx; and numbers that many share: 400 and 800.
_SERVICE = re.compile(r"1[0-9]{2}|1[02][0-9]{3}|9[56][0-9]{3,4}|123[0-9]{2}|[48]00[0-9]{7}", re.ASCII)
_EXTENSION = re.compile(
    r"(?i:转分机|分机号?|转|;ext=|ext\.?|extension|x|#)\s*[0-9]{1,8}\s*\Z|(?<=[0-9]{7})\s*-\s*[0-9]{1,6}\Z", re.ASCII
)
_SHARED = frozenset({PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.TOLL_FREE})


class Number(NamedTuple):
    """`zones`: all that its owner may be in; none: nobody knows."""

    e164: str
    zones: tuple[str, ...]


class Mistake(NamedTuple):
    """`rule`: SPOILT, NUMBER, SERVICE_NUMBER, EXTENSION."""

    rule: str
    what: str


def normalised(text: str) -> Number | Mistake:
    """A number as it came. Never raises."""
    if not text.isascii():
        text = text.translate(_HALF_WIDTH)
    found = _MOBILE.fullmatch(text.strip())
    if found is None:
        return _other(text.strip())
    return Number("+86" + found[1], MAINLAND_ZONES)


@lru_cache(maxsize=KEPT)
def _other(text: str) -> Number | Mistake:
    if len(text) > TEXT_CHARS_MAX:
        return Mistake(NUMBER, f"has {len(text)} characters")
    if _SPOILT.fullmatch(text.replace(" ", "")):
        return Mistake(SPOILT, f"{text!r} was spoilt by a spreadsheet: format the column as text")
    if _EXTENSION.search(text):
        return Mistake(EXTENSION, f"{text!r} has an extension: only a direct number can be called")
    bare = _FILLING.sub("", text)
    found = _MOBILE.fullmatch(bare)
    if found is not None:
        return Number("+86" + found[1], MAINLAND_ZONES)
    if _is_service(bare):
        return Mistake(SERVICE_NUMBER, f"{text!r} is a service number")
    return _parsed(text, bare)


def _is_service(bare: str) -> bool:
    """With or without the country's and an area's code before it."""
    home = _MAINLAND.sub("", bare, count=1) if _MAINLAND.match(bare) else bare
    if home.startswith("+"):
        return False
    area = _AREA.match(home) if home.startswith("0") or home != bare else None
    local = "" if area is None else home[area.end() :]
    return any(_SERVICE.fullmatch(number) for number in (home, local))


def _parsed(text: str, bare: str) -> Number | Mistake:
    mainland = _MAINLAND.match(bare) is not None or (bare.startswith("0") and not bare.startswith("00"))
    if not (mainland or bare.startswith(("+", "00"))):
        return Mistake(NUMBER, f"{text!r} is no mobile number and has no area code")
    if not re.fullmatch(r"\+?[0-9]+", bare, re.ASCII):
        return Mistake(NUMBER, f"{text!r} is no number")
    bare = "+" + bare if bare.startswith("86") else bare
    try:
        parsed = phonenumbers.parse(bare, "CN")
    except NumberParseException:
        return Mistake(NUMBER, f"{text!r} is no number")
    if not phonenumbers.is_valid_number(parsed):
        return Mistake(NUMBER, f"{text!r} is no number that exists")
    if phonenumbers.number_type(parsed) in _SHARED:
        return Mistake(SERVICE_NUMBER, f"{text!r} is a service number")
    e164 = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
    if parsed.country_code == 86:
        return Number(e164, MAINLAND_ZONES)
    return Number(e164, tuple(sorted(zone for zone in time_zones_for_number(parsed) if zone != UNKNOWN_ZONE)))
