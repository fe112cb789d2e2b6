"""Where in a TOML text a value is written: tomllib gives values without their lines, and a mistake must be shown
with its line.

Knows what profiles use: tables, arrays of tables, bare, quoted and dotted keys, strings and arrays over several
lines. A key inside an inline table has the line of the table.
"""

import re
from collections.abc import Iterator, Sequence

Path = tuple[str | int, ...]

_WORD = r"""(?:[A-Za-z0-9_-]+|"(?:\\.|[^"\\])*"|'[^']*')"""
_DOTTED = rf"{_WORD}(?:\s*\.\s*{_WORD})*"
_ARRAY = re.compile(rf"\s*\[\[\s*({_DOTTED})\s*\]\]")
_TABLE = re.compile(rf"\s*\[\s*({_DOTTED})\s*\]")
_KEY = re.compile(rf"\s*({_DOTTED})\s*=")
_WORDS = re.compile(_WORD)
_TOKEN = re.compile(r'''"""|\'\'\'|"(?:\\.|[^"\\])*"|'[^']*'|\#.*|[\[\]{}]''')


class Lines:
    """Lines, counted from 1, of every table and key of a text."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        counts: dict[Path, int] = {}
        table: Path = ()
        for number, line in _starts(text):
            if array := _ARRAY.match(line):
                name = _path(array[1])
                table = (*name, counts.get(name, 0))
                counts[name] = counts.get(name, 0) + 1
                self._add(name, number)
                self._add(table, number)
            elif header := _TABLE.match(line):
                table = _path(header[1])
                self._add(table, number)
            elif key := _KEY.match(line):
                self._add(table + _path(key[1]), number)

    def of(self, path: Sequence[str | int]) -> int:
        """The line of `path` (("rule", 0, "at_s")), or of the nearest thing around it, at last the first."""
        steps = tuple(path)
        while steps and steps not in self._lines:
            steps = steps[:-1]
        return self._lines.get(steps, 1)

    def _add(self, path: Path, number: int) -> None:
        self._lines.setdefault(path, number)


def _path(dotted: str) -> Path:
    return tuple(word[1:-1] if word[0] in "\"'" else word for word in _WORDS.findall(dotted))


def _starts(text: str) -> Iterator[tuple[int, str]]:
    """The lines on which a statement begins: not those inside a string or an array that began above."""
    quote, depth = "", 0
    for number, line in enumerate(text.split("\n"), 1):
        if not quote and depth == 0:
            yield number, line
        quote, change = _state_after(line, quote)
        depth = max(0, depth + change)


def _state_after(line: str, quote: str) -> tuple[str, int]:
    """The quotes still open at the end of `line`, and how much deeper in brackets it ends."""
    depth, offset = 0, 0
    while offset < len(line):
        if quote:
            end = line.find(quote, offset)
            if end < 0:
                return quote, depth
            quote, offset = "", end + 3
            continue
        token = _TOKEN.search(line, offset)
        if token is None:
            break
        offset = token.end()
        word = token[0]
        if word in {'"""', "'''"}:
            quote = word
        depth += (word in "[{") - (word in "]}")
    return quote, depth
