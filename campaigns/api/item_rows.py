"""Contacts as the rows that an import takes: one an item, with the columns of the kind."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from campaigns.api.shown import masked_address, masked_name, masked_values
from campaigns.imports.header import NUMBER_COLUMNS_MAX
from campaigns.imports.numbers import Number, normalised
from campaigns.kinds import Kind
from campaigns.ledger.rows import ContactRow
from campaigns.outages.items import Item
from cti.web.masking import masked

_NUMBERS = ("number", *(f"number{at % 10}" for at in range(2, NUMBER_COLUMNS_MAX + 1)))


def item_columns(kind: Kind) -> Sequence[str]:
    """Those of every contact of the kind, whatever it has of them."""
    fields = [field.name for field in kind.fields if field.name != "important"]
    return ("account", "name", "class", "important", *_NUMBERS, "address", "zone", *fields)


def item_rows(row: ContactRow, items: Iterable[Item], *, in_full: bool) -> Iterator[Mapping[str, Any]]:
    """`items`: those of the contact that are meant. `in_full`: name, address and numbers, those in texts too, are not
    masked; masked ones cannot be imported.
    """
    phones: Sequence[tuple[str, Sequence[str]]] = json.loads(row.phones)
    numbers = [number if in_full else masked(number) for number, _ in phones]
    own = {
        "account": row.account,
        "name": row.name if in_full else masked_name(row.name),
        "class": row.customer_class,
        "important": "yes" if row.important else "no",
        "address": row.address if in_full else masked_address(row.address),
        "zone": ";".join(_said(phones)),
        **dict(zip(_NUMBERS, numbers, strict=False)),
    }
    for item in items:
        yield {**(item if in_full else masked_values(item)), **own}


def _said(phones: Sequence[tuple[str, Sequence[str]]]) -> list[str]:
    """The zones that the file named beside those of the numbers: without them hours would be wider than they were."""
    named: set[str] = set()
    for number, zones in phones:
        read = normalised(number)
        named |= set(zones) - set(read.zones if isinstance(read, Number) else ())
    return sorted(named)
