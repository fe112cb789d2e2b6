"""What a payment settles of what an account owes. Pure.

An item is one thing that is owed: a row of the file. It is named by its month or months (2026-02), or by its reading
(2026-03-01, or 2026-03-01 METER): its marks. It is settled when each of its marks is.

A payment names marks, or none. Without any it settles all that was owed on its day: items of that month and before, of
readings of that day and before. What is owed for later is owed. A reading that is named without its meter is that of
each meter.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from campaigns.kinds import known_kinds

Item = Mapping[str, str]
IN_PART = "in_part"  # of a letter


class Payment(NamedTuple):
    """`day`: 2026-03-04, on which it was made, in the campaign's zone. `marks`: what it names; none: all."""

    day: str
    marks: Sequence[str] = ()


def is_meant(kind: str) -> bool:
    """Whether something is paid in this kind of campaign."""
    return known_kinds()[kind].amount is not None


KINDS_MEANT = tuple(sorted(kind for kind in known_kinds() if is_meant(kind)))


def marks_of(kind: str, item: Item) -> tuple[str, ...]:
    """Of months there may be several; a reading has one."""
    key = known_kinds()[kind].item_key
    if key == ("months",):
        return tuple(item.get("months", "").split(","))
    return (" ".join(item[name] for name in key if item.get(name)),)


def settled_marks(kind: str, items: Iterable[Item], payments: Iterable[Payment]) -> frozenset[str]:
    """The marks of these items that payments settle."""
    owed = {mark for item in items for mark in marks_of(kind, item)}
    return frozenset(mark for mark in owed for payment in payments if _settles(payment, mark))


def _settles(payment: Payment, mark: str) -> bool:
    when = mark.split(" ", 1)[0]
    if not payment.marks:
        return when <= payment.day[: len(when)]
    return mark in payment.marks or when in payment.marks


def left(kind: str, items: Iterable[Item], settled: Collection[str]) -> list[Item]:
    """Those that are not settled whole."""
    return [item for item in items if not settled or not set(marks_of(kind, item)) <= set(settled)]


def in_part(kind: str, items: Iterable[Item], settled: Collection[str]) -> dict[str, list[str]]:
    """What of the items of a letter is paid though they stand there whole: then none is printed of it
    (`campaigns.letters.content`). Nothing, where none is.
    """
    marks = {mark for item in items for mark in marks_of(kind, item) if mark in settled} if settled else set()
    return {IN_PART: sorted(marks)} if marks else {}


def is_in_part(kind: str, item: Item, settled: Collection[str]) -> bool:
    """Some of its months are settled: what is left of its sums nobody knows."""
    return not set(marks_of(kind, item)).isdisjoint(settled)
