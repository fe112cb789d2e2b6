"""Telephone numbers are masked in what is shown, unless the key may see them (ID-1)."""

import re
from typing import Any

_NUMBER = re.compile(r"(?:sips?:|tel:)?(\+?)([0-9]{7,15})(?![0-9])")
NUMBER_FIELDS = frozenset({"calling", "called", "to", "caller_id", "releasingDevice", "device", "number"})
TAIL_DIGITS, STARS, HEAD_DIGITS_MAX = 4, 5, 4


def masked(number: str) -> str:
    """`+8679112341234` -> `+8679*****1234`; shorter than 7 digits (an extension, a hotline) as it is."""
    return _NUMBER.sub(_stars, number)


def _stars(match: re.Match[str]) -> str:
    digits = match[2]
    head = max(0, min(HEAD_DIGITS_MAX, len(digits) - TAIL_DIGITS - STARS))
    hidden = len(digits) - TAIL_DIGITS - head
    scheme = match[0][: match.start(1) - match.start(0)]
    return f"{scheme}{match[1]}{digits[:head]}{'*' * hidden}{digits[-TAIL_DIGITS:]}"


def masked_in(value: Any) -> Any:
    """A JSON value with the numbers in its number fields masked, however deep."""
    if isinstance(value, dict):
        return {
            key: masked(each) if key in NUMBER_FIELDS and isinstance(each, str) else masked_in(each)
            for key, each in value.items()
        }
    return [masked_in(each) for each in value] if isinstance(value, list) else value
