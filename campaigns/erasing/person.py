"""Who is to be erased, and how he stands in text. Pure.

A number is looked for by its digits in the country, wide ones too, whatever stands between them; its digits become
nines, those of its country's code and its trunk prefix too, so that whatever holds it keeps its form. Digits inside
longer runs of digits are other numbers.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

import phonenumbers

PLAIN = dict.fromkeys(map(ord, " -().·\u3000－（）")) | {0xFF10 + digit: str(digit) for digit in range(10)}
"""Of what stands between the digits of a number nothing is left; wide digits are digits."""
BETWEEN = r"[\s().\-/_~|·\u00a0\u200b\u2010-\u2015\u2212\u3000\uff08\uff09\uff0d\uff0e\u30fb]{0,3}"
"""What people write between two digits of a number."""
WIDE_ZERO = 0xFF10
TAIL_DIGITS = 4  # which people write together
DIGITS_MIN = 7  # shorter ones would stand in too much that is no number


class Person(NamedTuple):
    """`numbers`: in E.164, those of his contacts among them. `given`: by whoever asked. His contacts are found
    by these and the account alone: a number that a file names may be many people's.
    """

    account: str | None
    numbers: frozenset[str]
    given: frozenset[str] = frozenset()

    def digest(self, id_: str) -> str:
        """Whoever knows the person can tell that an erasure was his; nobody can read him from it."""
        said = "\n".join((id_, self.account or "", *sorted(self.numbers)))
        return hashlib.sha256(said.encode()).hexdigest()


def marks(numbers: Iterable[str]) -> list[str]:
    """The digits of each in its country."""
    found = {str(phonenumbers.parse(number).national_number) for number in numbers}
    return sorted(mark for mark in found if len(mark) >= DIGITS_MIN)


def tails(numbers: Iterable[str]) -> list[str]:
    """What a text has that holds one of the numbers, in nearly every spelling: its last digits, narrow or wide. Other
    texts may have them too: who finds them must look closer.
    """
    ends = {mark[-TAIL_DIGITS:] for mark in marks(numbers)}
    return sorted(ends | {"".join([chr(WIDE_ZERO + int(digit)) for digit in end]) for end in ends})


def cells_of(person: Person) -> Callable[[str], bool]:
    """Whether one of the cells in a text of JSON is his account, or has one of his numbers, as people write numbers."""
    sought = marks(person.numbers)
    account = None if person.account is None else json.dumps(person.account, ensure_ascii=False)

    def is_his(line: str) -> bool:
        plain = line.translate(PLAIN)
        return any(mark in plain for mark in sought) or (account is not None and account in line)

    return is_his


def cleaner(numbers: Iterable[str]) -> Callable[[str], str]:
    """Takes the numbers out of a text."""
    forms: list[str] = []
    for number in sorted(numbers):
        read = phonenumbers.parse(number)
        mark = str(read.national_number)
        if len(mark) >= DIGITS_MIN:
            code, zero = _spelled(str(read.country_code)), _spelled("0")
            forms.append(
                rf"(?:(?:{_spelled('00')}{BETWEEN})?{code}{BETWEEN}(?:{zero}{BETWEEN})?|{zero}{BETWEEN})?{_spelled(mark)}"
            )
    if not forms:
        return lambda text: text
    pattern = re.compile(rf"(?<!\d)(?:{'|'.join(forms)})(?!\d)")
    return lambda text: pattern.sub(lambda found: _DIGIT.sub(_nine, found[0]), text)


_DIGIT = re.compile(r"\d")


def _nine(digit: re.Match[str]) -> str:
    return "9" if digit[0].isascii() else chr(WIDE_ZERO + 9)


def _spelled(digits: str) -> str:
    return BETWEEN.join([f"[{digit}{chr(WIDE_ZERO + int(digit))}]" for digit in digits])
