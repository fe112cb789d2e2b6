"""NDJSON to records: an object a line, whatever the pieces in which the bytes come.

A member is a cell of the column with its name; columns stand in the order in which they first appear. Numbers keep the
digits that they are written with: none becomes a binary float. true and false are yes and no, null is an empty cell.
"""

import codecs
import json
from collections.abc import Iterator
from typing import Any

from campaigns.imports.cells import FORM
from campaigns.imports.header import COLUMNS_MAX
from campaigns.imports.records import NOTHING_WRONG, RECORD_CHARS_MAX, SHOWN_CHARS, Record

NAME_CHARS_MAX = 200
_SPACE = " \t\r"


class _Twice(Exception):
    """A member that an object has twice."""


class JsonLines:
    """`header`: the columns so far; it grows."""

    def __init__(self) -> None:
        self.header: list[str] = []
        self._at: dict[str, int] = {}
        self._partial: list[bytes] = []
        self._partial_bytes = 0
        self._row = 0

    def feed(self, content: bytes) -> Iterator[Record]:
        first, *others = content.split(b"\n")
        self._keep(first)
        for line in others:
            yield from self._line()
            self._keep(line)

    def end(self) -> Iterator[Record]:
        if self._partial_bytes:
            yield from self._line()

    def _keep(self, part: bytes) -> None:
        """Keep no more of a line than shows that it is too long: a character has four bytes at most."""
        room = 4 * RECORD_CHARS_MAX + 4 - self._partial_bytes
        if part and room > 0:
            self._partial.append(part[:room])
            self._partial_bytes += min(len(part), room)

    def _line(self) -> Iterator[Record]:
        content = b"".join(self._partial)
        self._partial, self._partial_bytes = [], 0
        self._row += 1
        if self._row == 1:
            content = content.removeprefix(codecs.BOM_UTF8)
        text = content.decode("utf-8", "replace").strip(_SPACE)
        if text:
            yield self._record(text)

    def _record(self, text: str) -> Record:
        if len(text) > RECORD_CHARS_MAX:
            return self._broken(text, f"has more than {RECORD_CHARS_MAX} characters")
        if not text.startswith("{"):
            return self._broken(text, "is no JSON object")
        try:
            members = json.loads(
                text, parse_float=str, parse_int=str, parse_constant=_no_number, object_pairs_hook=_once
            )
        except _Twice as twice:
            return self._broken(text, f"has the member {str(twice)[:NAME_CHARS_MAX]!r} twice")
        except (ValueError, RecursionError) as error:
            return self._broken(text, f"is no JSON object: {error}"[:NAME_CHARS_MAX])
        new = [name for name in members if name not in self._at]
        if len(self._at) + len(new) > COLUMNS_MAX:
            return self._broken(text, f"brings more members than {COLUMNS_MAX}")
        if any(len(name) > NAME_CHARS_MAX for name in new):
            return self._broken(text, f"has a member whose name has more than {NAME_CHARS_MAX} characters")
        for name in new:
            self._at[name] = len(self.header)
            self.header.append(_whole(name))
        return self._of(members)

    def _of(self, members: dict[str, Any]) -> Record:
        cells = [""] * len(self.header)
        wrong: dict[int, tuple[str, str]] = {}
        for name, value in members.items():
            at = self._at[name]
            if isinstance(value, str):
                cells[at] = _whole(value)
            elif isinstance(value, bool):
                cells[at] = "yes" if value else "no"
            elif value is not None:
                wrong[at] = (FORM, "is a list or an object")
        return Record(self._row, cells, None, wrong or NOTHING_WRONG)

    def _broken(self, text: str, mistake: str) -> Record:
        return Record(self._row, [text[:SHOWN_CHARS]], mistake)


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(members)
    if len(found) < len(members):
        names = [name for name, _ in members]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number")


def _whole(text: str) -> str:
    """A lone surrogate is no character."""
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
