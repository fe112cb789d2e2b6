"""What the command line asks for: `--set key=value`, `--max-rejected 5%`."""

import argparse
import json
import re
from typing import Any, NamedTuple

TEXTS = frozenset(  # members of a campaign that are text, whatever they look like
    {"name", "caller_id", "queue", "language", "zone", "fallback", "received_at", "notice_out_by", "fallback_by",
     "expires_at"}
)  # fmt: skip
LISTS = frozenset({"channels", "closed_dates", "windows"})  # of text, which may also be given with commas
GIVEN = frozenset({"kind", "switch", "trunk_group"})  # by options of their own
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]+)?)%")


class Most(NamedTuple):
    """How many rows may be rejected: a share of those received, or a number."""

    text: str
    share: float | None
    rows: int

    def exceeded(self, rejected: int, received: int) -> bool:
        return rejected > (self.rows if self.share is None else self.share * received)


def most(text: str) -> Most:
    """`5%` or `20`."""
    if found := SHARE.fullmatch(text):
        if float(found[1]) <= 100:
            return Most(text, float(found[1]) / 100, 0)
    elif text.isdecimal():
        return Most(text, None, int(text))
    raise argparse.ArgumentTypeError(f"{text!r} is neither a share like 5% nor a number of rows")


def setting(text: str) -> tuple[str, Any]:
    """`key=value`: a JSON value, or text. `pacing.calls_at_once=5` sets a member of a member."""
    key, sign, value = text.partition("=")
    first = key.partition(".")[0]
    if not (sign and re.fullmatch(r"[a-zA-Z_][a-zA-Z_0-9]*(\.[a-zA-Z_][a-zA-Z_0-9]*)?", key)):
        raise argparse.ArgumentTypeError(f"{text!r} is not key=value")
    if first in GIVEN:
        raise argparse.ArgumentTypeError(f"{first} has an option of its own")
    if key in TEXTS:
        return key, value
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value.split(",") if key in LISTS else value


def campaign_of(settings: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of a campaign that were set. Raises ValueError for one that is set twice."""
    found: dict[str, Any] = {}
    for key, value in settings:
        first, dot, second = key.partition(".")
        into = found.setdefault(first, {}) if dot else found
        name = second if dot else first
        if not isinstance(into, dict) or name in into:
            raise ValueError(f"--set {key} is given twice")
        into[name] = value
    return found
