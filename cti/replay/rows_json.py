"""Records from JSON lines: one object a line, or several one after another. A column is a dotted path into it.

`Agent.Username` is the member Username of the member Agent; a member whose own name is the path comes first, and a
number steps into a list. A member that is absent or null is an empty cell; numbers keep their digits.
"""

import json
from collections.abc import Iterator
from typing import Any

from cti.replay.decoding import decoded, unreadable
from cti.replay.rows import Layout, Row, Table, drop_last, filled

_DECODER = json.JSONDecoder(parse_float=str, parse_int=str)


def read_json_lines(content: bytes, layout: Layout) -> Table:
    """A row for every object; the cells are the used paths."""
    text, encoding = decoded(content, layout.encoding)
    paths = {path: path.split(".") for path in layout.used or ()}
    rows: list[Row] = []
    lines = text.split("\n")
    drop_last(lines, layout.skip_last_lines, filled)
    for number, line in enumerate(lines[layout.skip_lines :], start=layout.skip_lines + 1):
        if line.strip() and not (layout.skip_prefix and line.startswith(layout.skip_prefix)):
            rows.extend(_rows(number, line, paths, encoding))
    return Table(None, rows, encoding)


def _rows(number: int, line: str, paths: dict[str, list[str]], encoding: str) -> Iterator[Row]:
    if unreadable(line):
        yield Row(number, {}, f"bytes that are no {encoding}: say encoding in the mapping")
        return
    at = 0
    while rest := line[at:].lstrip():
        at = len(line) - len(rest)
        try:
            item, at = _DECODER.raw_decode(line, at)
        except (ValueError, RecursionError) as error:
            yield Row(number, {}, f"no JSON: {error}")
            return
        yield _row(number, item, paths) if isinstance(item, dict) else Row(number, {}, "no JSON object")


def _row(number: int, item: dict[str, Any], paths: dict[str, list[str]]) -> Row:
    cells = {path: _cell(_found(item, path, steps)) for path, steps in paths.items()}
    if any(map(unreadable, cells.values())):
        return Row(number, {}, "half of a surrogate pair")  # JSON can escape what no text can hold
    return Row(number, cells)


def _found(item: dict[str, Any], path: str, steps: list[str]) -> Any:
    if path in item:
        return item[path]
    found: Any = item
    for step in steps:
        if isinstance(found, dict):
            found = found.get(step)
        elif isinstance(found, list) and step.isdecimal() and int(step) < len(found):
            found = found[int(step)]
        else:
            return None
    return found


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
