"""Records as an import keeps them until they are applied: a line of JSON each, the same of every kind of file.

A line is [row, [cell, ..]], with a mistake [row, [cell, ..], mistake], with cells that are wrong
[row, [cell, ..], null, {"column": [rule, what]}]. The encoding of a CSV is known only at its end: until then bytes that
are not UTF-8 stand in the cells as lone surrogates (PEP 383), and `cell_of` makes text of them.
"""

import json
import re
from collections.abc import Sequence
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from campaigns.imports.records import GB18030, NOTHING_WRONG, Record

ESCAPED = "surrogateescape"
_SURROGATE = re.compile(f"[{chr(0xDC80)}-{chr(0xDCFF)}]")


def line_of(record: Record) -> bytes:
    """Without a line end."""
    shown: tuple[Any, ...] = (record.row, record.cells)
    if record.mistake is not None:
        shown = (*shown, record.mistake)
    elif record.wrong:
        shown = (*shown, None, record.wrong)
    try:
        return to_json(shown)
    except PydanticSerializationError:  # a lone surrogate
        return json.dumps(shown).encode()


def records_of(lines: Sequence[bytes], encoding: str) -> list[Record]:
    """`encoding`: of the bytes that are not UTF-8. Many lines are read at once in half the time."""
    content = b"".join((b"[", b",".join(lines), b"]"))
    try:
        return [_record(shown) for shown in from_json(content)]
    except ValueError:  # a lone surrogate
        found = json.loads(content)
    return [_record([shown[0], cells_of(shown[1], encoding), *shown[2:]]) for shown in found]


def _record(shown: Sequence[Any]) -> Record:
    if len(shown) == 2:
        return Record(shown[0], shown[1])
    wrong = {int(at): (rule, what) for at, (rule, what) in shown[3].items()} if len(shown) > 3 else NOTHING_WRONG
    return Record(shown[0], shown[1], shown[2], wrong)


def cell_of(cell: str, encoding: str) -> str:
    """Text without lone surrogates."""
    if cell.isascii():
        return cell
    return cell.encode("utf-8", ESCAPED).decode(encoding, "replace")


def guessed(cell: str) -> str:
    """The same before the encoding is known: what is not UTF-8 is taken for GB18030."""
    return cell if cell.isascii() or not _SURROGATE.search(cell) else cell_of(cell, GB18030)


def cells_of(cells: Sequence[str], encoding: str) -> list[str]:
    return [cell_of(cell, encoding) for cell in cells]


def escaped(cell: str, encoding: str) -> str:
    """The reverse of `cell_of`."""
    return cell.encode(encoding, "replace").decode("utf-8", ESCAPED)
