"""What a letter says, or why none is printed of a notice. Pure.

A letter has exactly the text of its notice, as far as the fonts can show it: what they cannot show, or the sheet has no
space for, is set aside for a person and never printed otherwise than it is.
"""

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from campaigns.kinds import Field, FieldType, known_kinds
from campaigns.ledger.rows import NoticeRow
from campaigns.settlements.items import IN_PART
from campaigns.value_forms import Forms, forms

NARROW_EM = 0.95  # the widest of what is not of full width, W and @ among it
WINDOW_LINES, WINDOW_EM = 6, 26  # of 9 points, in 26 x 86 mm
ADDRESS, NAME, ACCOUNT = "address", "name", "account"
RUN_EM = 34  # what cannot be broken between two spaces, in the narrowest column of the letter
GLYPH, LENGTH = "glyph", "length"
CHARACTERS_NAMED = 8


class Aside(NamedTuple):
    """A text of the notice that cannot be printed. `rule`: glyph, length, or in_part: some months of it are paid.
    `named`: the characters that lack, as U+20BB7; the months that are paid.
    """

    field: str
    rule: str
    named: tuple[str, ...] = ()


class Glyphs(NamedTuple):
    """The families in the order of their use, and what they can show."""

    families: tuple[str, ...]
    characters: frozenset[str]

    def lacking(self, text: str) -> tuple[str, ...]:
        """Each character once, sorted."""
        return tuple(sorted(set(text) - self.characters))


def set_aside(said: Mapping[str, Any], glyphs: Glyphs | None) -> list[Aside]:
    """Why a `letter` is not printed; nothing: it is. `glyphs` None: there are no fonts, and nothing is said of them."""
    paid = [Aside(said["item_key"], IN_PART, tuple(said[IN_PART]))] if said[IN_PART] else []
    return paid if glyphs is None else [*paid, *_unprintable(said, glyphs)]


def _unprintable(said: Mapping[str, Any], glyphs: Glyphs) -> list[Aside]:
    texts = {ACCOUNT: said["account"], NAME: said["name"], ADDRESS: "".join(said["address"])}
    found = [*_unseen(texts, glyphs), *_too_long(texts)]
    for item in said["items"]:
        found += [*_unseen(item, glyphs), *(Aside(name, LENGTH) for name, text in item.items() if _run(text) > RUN_EM)]
    return list(dict.fromkeys(found))


def letter(row: NoticeRow, language: str, zone: ZoneInfo) -> dict[str, Any]:
    """As the templates of its kind take it. Every field of the kind is there, empty where the notice has none; amounts
    are the ledger's text.
    """
    body, kind, formats = json.loads(row.body), known_kinds()[row.kind], forms(language, zone)
    return {
        "page": row.page,
        "account": row.account,
        "name": body["name"],
        "address": [body["address"]] if body["address"] else [],
        "items": [
            {field.name: _formatted(field, item.get(field.name), formats) for field in kind.fields}
            | {mark: item.get(mark, "") for mark in kind.marks}
            for item in body["items"]
        ],
        "sums": {name: _sum(body["items"], name) for name in kind.sums},
        "item_key": kind.item_key[0],
        IN_PART: body.get(IN_PART, []),
    }


def sheet_row(row: NoticeRow, why: Sequence[Aside], glyphs: Glyphs, language: str) -> dict[str, Any]:
    """A line of the last sheet. The account is left out where it cannot be shown either."""
    account = "" if glyphs.lacking(row.account) or _run(row.account) > RUN_EM else row.account
    said = [_why(aside, language) for aside in why] or [_TO_RECALL[language]]
    return {"page": row.page, "account": account, "why": "; ".join(said)}


def shown_aside(why: Iterable[Aside]) -> list[dict[str, Any]]:
    """As the API shows it."""
    return [
        {"field": aside.field, "rule": aside.rule, **({_NAMED[aside.rule]: list(aside.named)} if aside.named else {})}
        for aside in why
    ]


_TO_RECALL = {"zh": "待撤回", "en": "to be recalled"}
_NAMED = {GLYPH: "characters", IN_PART: "paid"}
_PAID = {"zh": "部分月份已缴", "en": "paid in part:"}
_LACKS = {"zh": "字库缺字", "en": "no glyph for"}
_TOO_LONG = {"zh": "过长", "en": "too long"}


def _why(aside: Aside, language: str) -> str:
    if aside.rule == LENGTH:
        return f"{aside.field}: {_TOO_LONG[language]}"
    more = " ..." if len(aside.named) > CHARACTERS_NAMED else ""
    what = _PAID if aside.rule == IN_PART else _LACKS
    return f"{aside.field}: {what[language]} {' '.join(aside.named[:CHARACTERS_NAMED])}{more}"


def _unseen(texts: Mapping[str, str], glyphs: Glyphs) -> list[Aside]:
    lacking = ((name, glyphs.lacking(text)) for name, text in texts.items())
    return [Aside(name, GLYPH, tuple(f"U+{ord(char):04X}" for char in some)) for name, some in lacking if some]


def _too_long(texts: Mapping[str, str]) -> list[Aside]:
    """The window holds the address and the name, the first line of the letter the account."""
    lines = {name: _lines(texts[name]) for name in (NAME, ADDRESS)}
    found = [Aside(name, LENGTH) for name in lines if _run(texts[name]) > WINDOW_EM]
    if not found and sum(lines.values()) > WINDOW_LINES:
        found = [Aside(max(lines, key=lines.__getitem__), LENGTH)]
    return found + ([Aside(ACCOUNT, LENGTH)] if _run(texts[ACCOUNT]) > RUN_EM else [])


def _em(text: str) -> float:
    """How wide, at most, in times of the letters' height."""
    return sum(1.0 if _wide(char) else NARROW_EM for char in text)


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in {"W", "F", "A"}


def _run(text: str) -> float:
    """The widest part that has no space and nothing of full width, where a line could end."""
    runs, run = 0.0, 0.0
    for char in text:
        run = 0.0 if char == " " or _wide(char) else run + NARROW_EM
        runs = max(runs, run)
    return runs


def _lines(text: str) -> int:
    """So many lines of the window at most: a line ends early by one word, or by what must not begin the next."""
    slack = max(1.0, _run(text))
    width = _em(text)
    return 0 if not text else 1 if width <= WINDOW_EM else int(width // max(1.0, WINDOW_EM - slack)) + 1


def _formatted(field: Field, text: str | None, formats: Forms) -> str:
    if not text:
        return ""
    try:
        return _FORMS[field.type](formats, text) if field.type in _FORMS else _share(field, text, formats)
    except (ValueError, ArithmeticError):
        return text  # as the ledger has it


_FORMS = {
    FieldType.DATE: lambda formats, text: formats.day(text),
    FieldType.MONTHS: lambda formats, text: formats.months(text),
    FieldType.MOMENT: lambda formats, text: formats.moment(text),
}


def _share(field: Field, text: str, formats: Forms) -> str:
    return formats.share(text) if field.name == "penalty_rate_per_day" else text


def _sum(items: Sequence[Mapping[str, str]], name: str) -> str:
    """Empty where an item has no such amount."""
    try:
        return f"{sum((Decimal(item[name]) for item in items), Decimal('0.00')):f}"
    except (KeyError, InvalidOperation):
        return ""
