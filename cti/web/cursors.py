"""Cursors of keyset pages: the key of the last row, its parts joined by `~`. To clients they are opaque."""

import re
from collections.abc import Callable, Sequence
from typing import Any

from cti.web.query import Parameter, parsed

NUMBER = "-?[0-9]{1,16}"
ID = "[A-Za-z0-9._:-]{1,128}"
_READERS: dict[str, Callable[[str], Any]] = {NUMBER: int, ID: str}


def cursor_of(*key: int | str) -> str:
    """The cursor that continues after a row with this key."""
    return "~".join(str(part) for part in key)


def page_cursor(key: Sequence[str]) -> Parameter:
    """The query parameter that says where a page begins; the rows have this key."""
    return parsed("cursor", "The `cursor` of the page before.", cursor_pattern(key), cursor_reader(key))


def cursor_pattern(parts: Sequence[str]) -> str:
    """The form of a cursor whose key has these parts, each NUMBER or ID."""
    return f"^{'~'.join(parts)}$"


def cursor_reader(parts: Sequence[str]) -> Callable[[str], tuple[Any, ...]]:
    """Reads such a cursor; what it gives raises ValueError for any other text."""
    form = re.compile("~".join(parts), re.ASCII)

    def read(cursor: str) -> tuple[Any, ...]:
        if form.fullmatch(cursor) is None:
            raise ValueError("takes the cursor of an answer as it was, with the same filters")
        return tuple(_READERS[part](text) for part, text in zip(parts, cursor.split("~"), strict=True))

    return read
