"""What is approved of a campaign, and its digest. Pure.

1. Three parts: its settings as they hold, its files (those that are imported, by their SHA-256), its words (templates
   of calls, messages and letters). The digest is SHA-256 over their canonical JSON: names in order, no blanks, UTF-8.
2. Before the start nothing may differ: an approval is of these parts and of no others.
3. Once it has begun, less is still approved: an import that was withdrawn, windows within the approved ones. Pace and
   priority are free: they decide how fast and in which order, never whom, when or with which words. So are the
   deadlines, which nobody can set any more: they are counted again once the year is announced that they reach into.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

SETTINGS, FILES, WORDS = "settings", "files", "words"
WINDOWS = "windows"
DEADLINES = frozenset({"notice_out_by_ms", "fallback_by_ms", "expires_at_ms"})
FREE = frozenset({"calls_per_second", "calls_at_once", "priority"}) | DEADLINES
OF_JSON = frozenset({WINDOWS, "closed_dates", "retry", "channels"})
NAMES = (
    "name", "kind", "switch", "trunk_group", "caller_id", "queue", "language", WINDOWS, "closed_dates", "zone",
    "calls_per_second", "calls_at_once", "ring_timeout_s", "attempts_max", "retry", "channels", "fallback", "priority",
    "received_at_ms", "notice_out_by_ms", "fallback_by_ms", "expires_at_ms", "profile",
)  # fmt: skip


class Parts(NamedTuple):
    """`settings` by the names of the campaign's columns; `files`: {n, sha256, accepted, contacts, keep} each, in order
    of their numbers; `words`: SHA-256 of all templates.
    """

    settings: Mapping[str, Any]
    files: Sequence[Mapping[str, Any]]
    words: str


def settings_of(columns: Mapping[str, Any]) -> dict[str, Any]:
    """From a campaign's columns: what its manager has chosen, and what holds where he has not."""
    return {name: json.loads(columns[name]) if name in OF_JSON else columns[name] for name in NAMES}


def canonical(value: object) -> bytes:
    """JSON, the same for the same value."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def sha256(value: object) -> str:
    return hashlib.sha256(canonical(value)).hexdigest()


def hashes(parts: Parts) -> dict[str, str]:
    """The hash of each part, so that a reader finds the part that has changed."""
    return {SETTINGS: sha256(parts.settings), FILES: sha256(list(parts.files)), WORDS: parts.words}


def digest(parts: Parts) -> str:
    """What is approved, in 64 hexadecimal digits."""
    return sha256({"v": 1, **hashes(parts)})


def text_of(parts: Parts) -> str:
    """As it is kept."""
    return canonical(parts._asdict()).decode()


def parts_of(text: str) -> Parts:
    """The way back."""
    return Parts(**json.loads(text))


def changed(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """Parts whose hash is another."""
    return [name for name in (SETTINGS, FILES, WORDS) if seen.get(name) != now[name]]


def beyond(approved: Parts, now: Parts) -> list[str]:
    """Parts of a campaign that has begun which are not, or not any more, what was approved; none: it may go on."""
    found = []
    fixed = {name: value for name, value in approved.settings.items() if name not in FREE | {WINDOWS}}
    same = all(now.settings.get(name) == value for name, value in fixed.items())
    if not same or not within(now.settings[WINDOWS], approved.settings[WINDOWS]):
        found.append(SETTINGS)
    if not all(file in approved.files for file in now.files):
        found.append(FILES)
    return found if approved.words == now.words else [*found, WORDS]


def within(windows: Sequence[Sequence[int]], allowed: Sequence[Sequence[int]]) -> bool:
    """Whether each window lies in one of those that are allowed. None at all: the hours of the profile, whole."""
    if not allowed:
        return True
    return bool(windows) and all(
        any(opens <= window[0] and window[1] <= closes for opens, closes in allowed) for window in windows
    )
