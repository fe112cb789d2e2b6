"""The templates of letters: those that ship, and an operator's own beside them.

A template is KIND.LANGUAGE.typ and defines `title` and `letter(data, letter)`. A file of the same name in the
operator's folder takes the place of the shipped one; `frame.typ`, `sheet.typ` and `evidence.typ`, the page of evidence
of a contact, can be replaced too, and pictures lie beside.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from campaigns.kinds import FieldType, Kind, known_kinds
from campaigns.letters.content import Glyphs

SHIPPED = Path(__file__).parent / "templates"
LANGUAGES = ("zh", "en")
FRAME, SHEET, EVIDENCE = "frame.typ", "sheet.typ", "evidence.typ"
SHARED = (FRAME, SHEET, EVIDENCE)
BYTES_MAX = 256 * 1024
_PACKAGE = re.compile(r"\"@[a-z]")
_SAMPLES = {
    FieldType.TEXT: "A", FieldType.DATE: "2026-03-04", FieldType.MOMENT: "2026-03-04T09:00:00+08:00",
    FieldType.MONTHS: "2026-02", FieldType.MONEY: "1.00", FieldType.NUMBER: "1", FieldType.YES_NO: "no",
}  # fmt: skip


class TemplateMistake(ValueError):
    """An own template cannot be used; the message names the file, the line and what is wrong."""


class Templates(NamedTuple):
    """`files`: the text of each by its name; `own`: the names that the operator brought; `root`: where pictures lie."""

    files: Mapping[str, str]
    own: frozenset[str]
    root: Path


def template_name(kind: str, language: str) -> str:
    return f"{kind}.{language}.typ"


def kinds_with_letters() -> list[str]:
    """Kinds whose fallback may be a written notice."""
    return [name for name, kind in known_kinds().items() if kind.has_letters]


def names() -> set[str]:
    """Every template that there can be."""
    return {template_name(kind, language) for kind in kinds_with_letters() for language in LANGUAGES} | set(SHARED)


def templates(folder: Path | None) -> Templates:
    """Raises TemplateMistake, OSError."""
    shipped = {path.name: path.read_text("utf-8") for path in sorted(SHIPPED.glob("*.typ"))}
    if folder is None:
        return Templates(shipped, frozenset(), SHIPPED)
    own = {path.name: _read(path) for path in sorted(folder.iterdir()) if path.suffix == ".typ"}
    if unknown := sorted(set(own) - names()):
        raise TemplateMistake(f"{unknown[0]}: no letter is made of it; there are {', '.join(sorted(names()))}")
    return Templates({**shipped, **own}, frozenset(own), folder)


def unprintable(found: Templates, glyphs: Glyphs) -> Iterator[str]:
    """What own templates say that the fonts cannot show, with file and line."""
    for name in sorted(found.own):
        for number, line in enumerate(found.files[name].splitlines(), 1):
            if lacking := glyphs.lacking(line.replace("\t", " ")):
                codes = " ".join(f"U+{ord(char):04X}" for char in lacking)
                yield f"{name}:{number}: the fonts have no glyph for {codes}"


def samples(kind: Kind) -> list[dict[str, Any]]:
    """Letters by which a template is tried: one with every field, one with those that are required alone."""
    tried: list[dict[str, Any]] = []
    for page, absent in enumerate((False, True), 1):
        item = {field.name: "" if absent and not field.required else _SAMPLES[field.type] for field in kind.fields}
        item |= dict.fromkeys(kind.marks, "")
        sums = dict.fromkeys(kind.sums, "" if absent else "1.00")
        person = {"page": page, "account": "1", "name": "A", "address": [] if absent else ["A"]}
        tried.append({**person, "items": [item] * page, "sums": sums})
    return tried


def _read(path: Path) -> str:
    raw = path.read_bytes()
    if len(raw) > BYTES_MAX:
        raise TemplateMistake(f"{path.name}: has {len(raw)} bytes, {BYTES_MAX} at most")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as fault:
        raise TemplateMistake(f"{path.name}:{raw[: fault.start].count(10) + 1}: is not UTF-8") from fault
    for number, line in enumerate(text.splitlines(), 1):
        if _PACKAGE.search(line):
            raise TemplateMistake(f"{path.name}:{number}: packages are not fetched; put the file beside it")
    return text
