"""Numbers of identity cards (GB 11643) and bank cards (ISO/IEC 7812) in text: nobody needs them here, none is kept.

An identity card's number has 18 digits: a region, a date of birth, a sequence and a check digit, which may be X. A bank
card's has 15 to 19, the last of them Luhn's; it may stand in groups of four.
"""

import re
from datetime import date

from campaigns.imports.cells import half_width

IDENTITY, BANK = "an identity card", "a bank card"
BANK_DIGITS = range(15, 20)
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_DOUBLED = (0, 2, 4, 6, 8, 1, 3, 5, 7, 9)
# 15 digits, or groups of four; both alternatives begin with four digits, so that most text is passed over once.
_PERHAPS = re.compile(r"[0-9]{4}(?:[0-9]{11}|[ -](?:[0-9]{4}[ -]){2}[0-9]{3})")
_FULL_WIDTH = re.compile(r"[\uff10-\uff19]{15}")
_RUN = re.compile(r"(?<![0-9])(?:[0-9]{4}(?P<sep>[ -])(?:[0-9]{4}(?P=sep)){2}[0-9]{3,4}(?:(?P=sep)[0-9]{1,3})?"
                  r"|[0-9]{17}[0-9Xx]|[0-9]{15,19})(?![0-9])")  # fmt: skip
_SEPARATORS = str.maketrans("", "", " -")


def perhaps(text: str) -> bool:
    """Whether a closer look is worth its time; `text` may be many cells."""
    if _PERHAPS.search(text) is not None:
        return True
    return not text.isascii() and _FULL_WIDTH.search(text) is not None


def kind_of(text: str, *, bank: bool = True) -> str | None:
    """IDENTITY or BANK where a number of a card stands in a cell. `bank`: whether those count."""
    return next((kind for _, _, kind in _found(half_width(text), bank=bank)), None)


def hidden(text: str) -> str:
    """The same without such numbers."""
    plain = half_width(text)
    for start, end, _ in _found(plain, bank=True):
        plain = plain[:start] + "*" * (end - start) + plain[end:]
    return plain


def _found(text: str, *, bank: bool) -> list[tuple[int, int, str]]:
    found = []
    for run in _RUN.finditer(text):
        digits = run[0].translate(_SEPARATORS)
        if is_identity(digits):
            found.append((*run.span(), IDENTITY))
        elif bank and is_bank(digits):
            found.append((*run.span(), BANK))
    return found


def is_identity(digits: str) -> bool:
    """By GB 11643: 18 digits, a day that there was, and the check digit."""
    if len(digits) != 18 or not (digits[:17].isdigit() and digits.isascii()) or digits[0] == "0":
        return False
    try:
        born = date(int(digits[6:10]), int(digits[10:12]), int(digits[12:14]))
    except ValueError:
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, digits[:17], strict=True))
    return 1900 <= born.year < 2100 and _CHECKS[total % 11] == digits[17].upper()


def is_bank(digits: str) -> bool:
    """By ISO/IEC 7812: 15 to 19 digits, the last of them by Luhn."""
    if len(digits) not in BANK_DIGITS or not (digits.isascii() and digits.isdigit()) or digits[0] == "0":
        return False
    values = [int(digit) for digit in reversed(digits)]
    return (sum(values[::2]) + sum(_DOUBLED[digit] for digit in values[1::2])) % 10 == 0
