"""Reading a length of time from a cell: seconds, whole or decimal, `mm:ss` or `hh:mm:ss`. Pure."""

import re
from decimal import Decimal

from cti.replay.reasons import Damaged, Rejection

SECONDS_MAX = 10**9
_SECONDS = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")
_CLOCK = re.compile(r"(-?)(?:([0-9]{1,7}):(?=[0-9]{1,2}:))?([0-9]{1,7}):([0-9]{1,2}(?:\.[0-9]+)?)")
_PER_MINUTE = 60


def seconds_ms(column: str, word: str) -> int:
    """A cell of seconds in ms, possibly negative; raises Damaged."""
    if (word.isdecimal() and word.isascii()) or _SECONDS.fullmatch(word):
        seconds = Decimal(word)
    elif clock := _CLOCK.fullmatch(word):
        seconds = _of_clock(column, word, clock)
    else:
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}")
    if abs(seconds) > SECONDS_MAX:
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}")
    return int(seconds * 1000)


def _of_clock(column: str, word: str, clock: re.Match[str]) -> Decimal:
    """Minutes and seconds stay below 60, but for minutes without an hour before them."""
    sign, hours, minutes, rest = clock[1], int(clock[2] or 0), int(clock[3]), Decimal(clock[4])
    if rest >= _PER_MINUTE or (clock[2] is not None and minutes >= _PER_MINUTE):
        raise Damaged(Rejection.BAD_NUMBER, f"{column}: {word!r}")
    seconds = (hours * _PER_MINUTE + minutes) * _PER_MINUTE + rest
    return -seconds if sign else seconds
