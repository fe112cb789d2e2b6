"""Telephone numbers are masked in what is shown, unless the key has the scope `numbers:reveal` (ID-1).

Every text of an answer is looked through, not only the fields that are meant for numbers: people write numbers into
notes, and switches into names of recordings. A number is seven digits or more, whatever stands between them: blanks,
dashes, brackets, dots, marks; in any script, Chinese numerals included. Dates, times and IP addresses are no numbers.

Fields that hold identifiers are masked only where the number is unmistakable (`+86...`, `0086...`, `tel:`, `sip:`, a
Chinese mobile number): other digits there are counters and times, and a client looks calls up by them.
"""

import re
import unicodedata
from collections.abc import Mapping
from typing import Any

DIGITS_MIN = 7  # fewer are an extension, an agent's number or a hotline
TAIL_DIGITS, STARS_MIN, HEAD_DIGITS_MAX, NATIONAL_HEAD_MAX = 4, 4, 5, 3
NUMBER_DIGITS_MAX = 15  # E.164; a longer run of digits is several things, of which the head shows less
MENU_KEYS_MAX = 4  # so many keys choose from a menu; more are a number that the caller entered
INTERNATIONAL = "00"

NEVER = frozenset({"call", "position", "cursor", "timeline_next", "as_of", "profile", "type", "title", "code"})
"""Ours: tokens, and words from closed lists."""
IDENTIFIERS = frozenset(
    {"id", "subject", "source", "connection", "heldConnection", "correlation", "commandid", "switch", "pointer"}
)
DIGITS = "digits"

# Decimal digits of any script, raised and lowered ones, those in circles, and Chinese numerals as people write them.
_D = (
    r"[\d\u00b2\u00b3\u00b9\u2070-\u2079\u2080-\u2089\u2460-\u2468\u24ea\u24f5-\u24fd\u2776-\u277e\u2780-\u2788\u278a-\u2792"
    r"\u3280-\u3288〇零一二三四五六七八九幺两兩壹贰叁肆伍陆柒捌玖貳貮參叄陸]"
)
# Of stars a single one: several stand for what is masked already.
_BETWEEN = (
    r"(?:[\s().,'\-/_~|:;=+!\\\[\]<>{}\"`\u00ac\u00ad\u00b7\u180e\u200b-\u200f\u2010-\u2015\u2018-\u201f\u2022\u2024-\u2027\u2043"
    r"\u2044\u2060\u2212\u223c\u3001\u3002\u301c\u3030\u30fb\ufe58\ufe63\ufeff\uff01\uff08\uff09\uff0b\uff0c\uff0d\uff0e\uff0f"
    r"\uff1a\uff1b\uff1d\uff5c\uff5e]|%20|%2[dD]|&nbsp;|(?<!\*)\*(?!\*)){0,8}"
)
_CLOCK = r"(?P<clock>(?<!\d)(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d{1,9})?)?(?![\d:]))"
_ISO_TIME = (
    r"(?P<time>(?<!\d)(?:(?:19|20|21)\d\d|\d{4}(?=[-\d]{6}T\d))([-/.])(?:0[1-9]|1[0-2])\2(?:0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d)?(?!\d))?)"
)
_ADDRESS = r"(?P<address>(?<![\d.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?![\d.]))"
_ANY = re.compile(
    rf"{_ISO_TIME}|{_CLOCK}|{_ADDRESS}|(?P<plus>[+\uff0b]?)(?P<number>{_D}(?:{_BETWEEN}{_D}){{{DIGITS_MIN - 1},}})"
)
_UNMISTAKABLE = re.compile(
    rf"(?P<plus>[+\uff0b]|%2[bB])(?P<number>\d(?:{_BETWEEN}\d){{{DIGITS_MIN - 1},}})"
    rf"|(?P<scheme>(?:sips?|tel):)(?P<named>\d(?:{_BETWEEN}\d){{{DIGITS_MIN - 1},}})"
    r"|(?<![0-9A-Za-z])(?P<bare>(?:00\d{8,15})|(?:86)?[1\uff11][3-9\uff13-\uff19]\d{9}"
    r"|[1\uff11][3-9\uff13-\uff19]\d[ \-\uff0d\u2010-\u2015]\d{4}[ \-\uff0d\u2010-\u2015]\d{4})(?![0-9A-Za-z])"
)
_CHINESE = {"〇": "0", "零": "0", "幺": "1", "两": "2", "兩": "2", "貮": "2", "參": "3"} | {
    numeral: str(n)
    for numerals in ("一二三四五六七八九", "壹贰叁肆伍陆柒捌玖", "壹貳叄肆伍陸柒捌玖")
    for n, numeral in enumerate(numerals, 1)
}


def masked(text: str) -> str:
    """`+86 138 0013 1234` -> `+86138****1234`, wherever in the text; less than seven digits as they are."""
    return _ANY.sub(_hidden, text) if len(text) >= DIGITS_MIN else text


def masked_identifier(text: str) -> str:
    """The same for an identifier: only what can be nothing else than a telephone number."""
    return _UNMISTAKABLE.sub(_hidden_unmistakable, text) if len(text) >= DIGITS_MIN else text


def _hidden(match: re.Match[str]) -> str:
    number = match["number"]
    return match[0] if number is None else match["plus"] + _stars(number)


def _hidden_unmistakable(match: re.Match[str]) -> str:
    if (named := match["named"]) is not None:
        return str(match["scheme"]) + _stars(named)
    number: str | None = match["number"]
    return _stars(match["bare"]) if number is None else str(match["plus"]) + _stars(number)


def _stars(number: str) -> str:
    """The head and the tail of a number, without what stood between its digits."""
    digits = "".join([_digit(each) for each in re.findall(_D, re.sub("%20|%2[dD]|&nbsp;", "", number))])
    prefix = INTERNATIONAL if digits.startswith(INTERNATIONAL) else ""
    digits = digits[len(prefix) :]
    abroad = prefix or 11 < len(digits) <= NUMBER_DIGITS_MAX  # with a country's code
    most = HEAD_DIGITS_MAX if abroad else NATIONAL_HEAD_MAX
    head = max(0, min(most, len(digits) - TAIL_DIGITS - STARS_MIN))
    hidden = max(0, len(digits) - TAIL_DIGITS - head)
    return f"{prefix}{digits[:head]}{'*' * hidden}{digits[-TAIL_DIGITS:]}"


def _digit(numeral: str) -> str:
    return _CHINESE.get(numeral) or str(int(unicodedata.numeric(numeral)))


def masked_problem(errors: list[dict[str, str]]) -> list[dict[str, str]]:
    """The entries of a problem's `errors`. They name limits and lengths, so only unmistakable numbers are masked."""
    return [{name: masked_identifier(text) for name, text in entry.items()} for entry in errors]


def masked_in(value: Any) -> Any:
    """A JSON value with the numbers in it masked, however deep."""
    if isinstance(value, Mapping):
        return {key: _member(key, each) for key, each in value.items()}
    if isinstance(value, list):
        return [masked_in(each) for each in value]
    return masked(value) if isinstance(value, str) else value


def _member(key: str, value: Any) -> Any:
    """What is shown of a member."""
    if key == "data" and isinstance(value, Mapping):
        return {masked(name): _of_the_switch(name, each) for name, each in value.items()}
    if isinstance(value, str):
        if key in NEVER:
            return value
        if key in IDENTIFIERS:
            return masked_identifier(value)
        return masked_keys(value) if key == DIGITS else masked(value)
    return masked_in(value)


def _of_the_switch(key: str, value: Any) -> Any:
    """In what a switch said, whole numbers too may be telephone numbers, and members have any name."""
    if isinstance(value, Mapping):
        return {masked(name): _of_the_switch(name, each) for name, each in value.items()}
    if isinstance(value, list):
        return [_of_the_switch(key, each) for each in value]
    if isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) >= 10 ** (DIGITS_MIN - 1):
        return _stars(f"{abs(value):.0f}")
    if isinstance(value, str):
        if key in IDENTIFIERS:
            return masked_identifier(value)
        return "*" * len(value) if key == DIGITS else masked(value)  # one event may hold one key of a number
    return value


def masked_keys(keys: str) -> str:
    """The keys that a caller pressed: those of a menu are shown, an entered number is not."""
    return keys if len(keys) <= MENU_KEYS_MAX else "*" * len(keys)
