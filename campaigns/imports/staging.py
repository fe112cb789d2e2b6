"""A row that could be read, as it waits in the ledger until its account is applied.

Its parts are those of a contact with this one row, ready to be written; they are separated by a sign that no cell has.
"""

from functools import lru_cache
from typing import NamedTuple

from pydantic_core import from_json, to_json

from campaigns.core.choice import takes_messages
from campaigns.imports.accounts import Staged
from campaigns.imports.rows import Phones, Read

SEPARATOR = "\x1f"
NOTHING_KEPT = "{}"
ZONES_KEPT = 1_024


class Parts(NamedTuple):
    """`reach`: what the hours class depends on beside the customer class. `phones`, `item`, `kept`: JSON."""

    name: str
    customer_class: str
    important: str
    address: str
    reach: str
    phones: str
    item: str
    kept: str


def parts_of(read: Read) -> Parts:
    return Parts(
        read.name,
        read.customer_class,
        read.important,
        read.address,
        reach_of(read.phones),
        _phones_json(read.phones),
        to_json(read.item).decode(),
        to_json(read.kept).decode() if read.kept else NOTHING_KEPT,
    )


def _phones_json(phones: Phones) -> str:
    """A number in E.164 has nothing to be escaped, and the zones of most are the same."""
    return "".join(("[", ",".join([f'["{number}",{_zones_json(tuple(zones))}]' for number, zones in phones]), "]"))


@lru_cache(maxsize=ZONES_KEPT)
def _zones_json(zones: tuple[str, ...]) -> str:
    return to_json(zones).decode()


def packed(read: Read) -> str:
    return SEPARATOR.join(parts_of(read))


def unpacked(fields: str) -> Parts:
    return Parts._make(fields.split(SEPARATOR))


def staged_row(row: int, parts: Parts) -> Staged:
    return Staged(row, parts[:4], from_json(parts.phones), from_json(parts.item), from_json(parts.kept))


def reach_of(phones: Phones) -> str:
    """Equal for contacts whose first call has the same hours."""
    if len(phones) == 1:  # nearly all
        number, zones = phones[0]
        return f"{takes_messages(number):d}{';'.join(zones)}"
    return "|".join(f"{takes_messages(number):d}{';'.join(zones)}" for number, zones in phones)
