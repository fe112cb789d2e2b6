"""What the rows of one account come to, over the whole file and beside what earlier imports brought. Pure.

- The account's own columns (name, class, important, address) may be empty in some rows; where two rows say different
  things, all rows of the account are rejected: who is meant is in doubt. Time zones are added up.
- An item whose rows say different things is in doubt as well: all its rows are rejected (CONFLICT), whatever their
  number, so that no sum is told that nobody owes.
- Rows equal in number and item are one: the first is accepted, the others are merged. Another number makes one more
  number of the contact, another item one more item, in order of appearance.
- A contact that is there already gains numbers and items in the same way; what it has is merged. A final one is left
  alone: its rows are rejected.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from campaigns.imports.header import ADDRESS, CLASS, IMPORTANT, NAME, NUMBER
from campaigns.kinds import Kind

NUMBERS_MAX = 10  # of a contact
ITEMS_MAX = 120  # of a contact
ROWS_MAX = 500  # of an account in one file
CONFLICT, LIMIT, FINAL = "CONFLICT", "LIMIT", "FINAL"
OWN_FIELDS = (NAME, CLASS, IMPORTANT, ADDRESS)

ItemKey = tuple[str, ...]


class Staged(NamedTuple):
    """A row that could be read. `own`: name, class, important, address; "" is: not said."""

    row: int
    own: Sequence[str]
    phones: Sequence[tuple[str, Sequence[str]]]
    item: Mapping[str, str]
    kept: Mapping[str, str]


class Rejection(NamedTuple):
    """`field`: by its name."""

    row: int
    field: str
    rule: str
    what: str


@dataclass(slots=True)
class Person:
    """An account as it is to be: `own` as in `Staged`."""

    own: list[str] = field(default_factory=lambda: [""] * len(OWN_FIELDS))
    phones: dict[str, Sequence[str]] = field(default_factory=dict)
    items: dict[ItemKey, Mapping[str, str]] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)


class Settled(NamedTuple):
    """`accepted` and `merged`: how many rows."""

    person: Person
    accepted: int
    merged: int
    rejected: Sequence[Rejection]


def item_key(kind: Kind, item: Mapping[str, str]) -> ItemKey:
    return tuple(item.get(name, "") for name in kind.item_key)


def settled(kind: Kind, rows: Sequence[Staged], before: Person | None = None) -> Settled:
    """`rows`: all of the account, in their order. `before`: the contact that is there; it is changed."""
    person = Person() if before is None else before
    contradiction = _contradiction(rows, person)
    if contradiction is not None:
        name, values = contradiction
        what = f"the account has {_both(values)}"
        return Settled(person, 0, 0, [Rejection(row.row, name, CONFLICT, what) for row in rows])
    rejected: list[Rejection] = []
    accepted = merged = 0
    doubts = _doubts(kind, rows, person)
    seen: set[tuple[ItemKey, tuple[str, ...]]] = set()
    for row in rows:
        key = item_key(kind, row.item)
        numbers = tuple(number for number, _ in row.phones)
        if key in doubts:
            name, values = doubts[key]
            rejected.append(Rejection(row.row, name, CONFLICT, f"the same item has {_both(values)}"))
        elif (key, numbers) in seen or (before is not None and _has(person, key, numbers)):
            merged += 1
            _add(person, row, key)
        elif (too_many := _too_many(person, key, numbers)) is not None:
            rejected.append(Rejection(row.row, *too_many))
        else:
            accepted += 1
            seen.add((key, numbers))
            _add(person, row, key)
    return Settled(person, accepted, merged, rejected)


def _contradiction(rows: Sequence[Staged], person: Person) -> tuple[str, Sequence[str]] | None:
    for at, name in enumerate(OWN_FIELDS):
        said = dict.fromkeys(row.own[at] for row in rows if row.own[at])
        if person.own[at]:
            said = {person.own[at]: None} | said
        if len(said) > 1:
            return name, list(said)
    return None


def _doubts(kind: Kind, rows: Sequence[Staged], person: Person) -> Mapping[ItemKey, tuple[str, Sequence[str]]]:
    """Items of which different things are said: the first field that differs, and what it says."""
    first = dict(person.items)
    doubts: dict[ItemKey, tuple[str, Sequence[str]]] = {}
    for row in rows:
        key = item_key(kind, row.item)
        other = first.setdefault(key, row.item)
        if other != row.item and key not in doubts:
            names = [kind_field.name for kind_field in kind.fields]
            name = next(name for name in names if other.get(name, "") != row.item.get(name, ""))
            doubts[key] = name, (other.get(name, ""), row.item.get(name, ""))
    return doubts


def _has(person: Person, key: ItemKey, numbers: Sequence[str]) -> bool:
    return key in person.items and all(number in person.phones for number in numbers)


def _too_many(person: Person, key: ItemKey, numbers: Sequence[str]) -> tuple[str, str, str] | None:
    if len({*person.phones, *numbers}) > NUMBERS_MAX:
        return NUMBER, LIMIT, f"the account has more than {NUMBERS_MAX} numbers"
    if key not in person.items and len(person.items) >= ITEMS_MAX:
        return "account", LIMIT, f"the account has more than {ITEMS_MAX} items"
    return None


def _add(person: Person, row: Staged, key: ItemKey) -> None:
    person.own = [had or new for had, new in zip(person.own, row.own, strict=True)]
    person.items.setdefault(key, row.item)
    for number, zones in row.phones:
        had = person.phones.get(number)
        person.phones[number] = zones if had is None or had == zones else sorted({*had, *zones})
    person.kept = person.kept or row.kept


def _both(values: Sequence[str]) -> str:
    return " and ".join(repr(value[:40]) for value in values[:2])
