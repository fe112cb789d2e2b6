"""What of a file never comes into the ledger: columns of identity cards and bank cards, whatever else they hold.

- A column is dropped by its header, or from the first cell on in which the number of a card stands. Its other cells
  go too, before the import is read; `keep=` changes nothing.
- A field of the kind is no such column: a row with a card's number in it is refused, and the number is not repeated.
  Accounts, meters and places to pay at may have as many digits as a bank card: only identity cards count there.
- A line that cannot be cut into cells, and a header, keep stars in their place.
"""

import re

from campaigns.imports import cards
from campaigns.imports.header import ACCOUNT, NUMBER, field_of, plain
from campaigns.imports.record_lines import escaped, guessed
from campaigns.imports.records import GB18030, Record
from campaigns.kinds import Kind

PRIVATE = "PRIVATE"
E164_DIGITS_MAX = 15
LONG_NUMBERS = frozenset({ACCOUNT, "meter", "pay_at"})
_BY_HEADER = re.compile(
    r"身份证|证件号|银行卡|银行账号|银行帐号|id_?card|identity_?(?:card|number)|bank_?(?:card|account)|card_?(?:no|number)"
)


def is_private(header: str) -> bool:
    """Whether a header says that cards' numbers stand below it."""
    return _BY_HEADER.search(plain(header)) is not None


class Screen:
    """Looks through the records of one file. What is not UTF-8 in them is taken for GB18030."""

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._fields: list[str | None] = []  # of each column
        self._dropped: dict[int, None] = {}

    @property
    def dropped(self) -> list[int]:
        """The columns that are dropped."""
        return sorted(self._dropped)

    @property
    def account_at(self) -> int | None:
        """The column of accounts."""
        return next((at for at, field in enumerate(self._fields) if field == ACCOUNT), None)

    def column(self, header: str) -> None:
        """One more column."""
        text = guessed(header)
        field = field_of(self._kind, text)
        if field is None and is_private(text):
            self._dropped[len(self._fields)] = None
        self._fields.append(field)

    def screened(self, record: Record) -> Record:
        """The record as it may be kept."""
        joined = "\n".join(record.cells)
        is_text = guessed(joined) is joined
        read = record.cells if is_text else [guessed(cell) for cell in record.cells]
        if not cards.perhaps(joined if is_text else "\n".join(read)):
            return record if not self._dropped else record._replace(cells=self._without(list(record.cells)))
        if record.mistake is not None:
            hidden = [cards.hidden(cell) for cell in read]
            return record._replace(cells=hidden if is_text else [escaped(cell, GB18030) for cell in hidden])
        cells, wrong = list(record.cells), dict(record.wrong)
        for at, cell in enumerate(read):
            card = self._card(at, cell) if cards.perhaps(cell) else None
            if card is None:
                continue
            cells[at] = ""
            if at < len(self._fields) and self._fields[at] is not None:
                wrong[at] = (PRIVATE, f"has the number of {card}, which is not taken")
            elif at < len(self._fields):
                self._dropped[at] = None
        return record._replace(cells=self._without(cells), wrong=wrong)

    def _without(self, cells: list[str]) -> list[str]:
        for at in self._dropped:
            if at < len(cells):
                cells[at] = ""
        return cells

    def _card(self, at: int, cell: str) -> str | None:
        field = self._fields[at] if at < len(self._fields) else None
        as_long = field in LONG_NUMBERS or (field == NUMBER and sum(map(str.isdecimal, cell)) <= E164_DIGITS_MAX)
        return cards.kind_of(cell, bank=not as_long)
