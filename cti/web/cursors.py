"""Cursors of keyset pages: opaque to clients, base64url of a JSON list."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

from cti.web.refusal import Refusal

PATTERN = "^[A-Za-z0-9_-]{1,1024}$"


def cursor_of(key: Sequence[int | str]) -> str:
    """The cursor behind a row with this key."""
    return base64.urlsafe_b64encode(to_json(list(key))).rstrip(b"=").decode()


def key_of(cursor: str, kinds: tuple[type, ...]) -> tuple[Any, ...]:
    """The key of a cursor, of exactly these types. Raises Refusal `bad_cursor`."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        key = from_json(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, binascii.Error):
        raise Refusal("bad_cursor") from None
    if not isinstance(key, list) or [type(each) for each in key] != list(kinds):
        raise Refusal("bad_cursor")
    if any(not _kept(each) for each in key):
        raise Refusal("bad_cursor")
    return tuple(key)


def _kept(part: int | str) -> bool:
    """What a store can compare: 64-bit numbers, text without NUL."""
    return -(2**63) <= part < 2**63 if isinstance(part, int) else "\x00" not in part
