"""What the API answered, as lines for a person."""

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

STATES = (
    "waiting", "in_progress", "unknown", "person", "reached", "promised", "paid", "disputed", "fallback", "suppressed",
    "cancelled", "expired",
)  # fmt: skip
OVER = frozenset({"done", "stopped", "expired"})
COUNTS = ("received", "accepted", "rejected", "merged", "contacts")
CHARS_MAX = 300  # of one value that the service sent
WORDS_CHARS_MAX = 2_000  # of what is said
Found = Mapping[str, Any]


def language() -> str:
    """`zh` or `en`, by the terminal's locale."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := os.environ.get(name, ""):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"


def clean(text: object, most: int = CHARS_MAX) -> str:
    """Text of others without what a terminal would obey."""
    return "".join(each if each.isprintable() else " " for each in str(text))[:most]


def local(moment: str, zone: str) -> str:
    """2026-03-04 14:00 Asia/Shanghai. What is no time stays as it is."""
    try:
        at = datetime.fromisoformat(moment)
        return f"{at.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} {zone}"
    except (ValueError, ZoneInfoNotFoundError):
        return clean(moment)


def next_line(campaign: Found) -> str:
    """What happens next: until when nothing is dialled, and by which rule."""
    coming = campaign.get("next")
    if not isinstance(coming, Mapping):
        return "next      -"
    text = coming.get("text")
    said = clean(text.get(language()) or "") if isinstance(text, Mapping) else ""
    until, why, rule = coming.get("until"), coming.get("why"), coming.get("rule")
    when = local(str(until), str(campaign.get("zone") or "UTC")) if until else ""
    reason = " ".join(clean(each) for each in (why, rule) if each)
    return "next      " + ("; ".join(each for each in (when, reason, said) if each) or "-")


def counted(counts: object) -> str:
    """`reached 12, noAnswer 3`: those that are not 0, the most first."""
    if not isinstance(counts, Mapping):
        return ""
    known = [(name, count) for name, count in counts.items() if isinstance(count, int) and count]
    return ", ".join(f"{clean(name)} {count}" for name, count in sorted(known, key=lambda pair: (-pair[1], pair[0])))


def contacts_line(progress: Found) -> str:
    """How many contacts are in which state."""
    states = ", ".join(f"{state} {progress[state]}" for state in STATES if progress.get(state))
    return f"contacts  {progress.get('contacts', 0)}" + (f": {states}" if states else "")


def status_lines(campaign: Found) -> list[str]:
    """A campaign as GET /v1/campaigns/ID has it."""
    progress: Found = campaign.get("progress") or {}
    refused = counted(progress.get("refused") or {})
    deadlines, notices = counted(progress.get("deadlines") or {}), counted(progress.get("notices") or {})
    came = counted(progress.get("dispositions") or {})
    lines = [
        "{}  {}  {}: {}".format(*(clean(campaign.get(name)) for name in ("id", "kind", "name", "state"))),
        contacts_line(progress),
        f"attempts  {progress.get('attempts', 0)}, counted {progress.get('counted', 0)}, "
        f"live now {progress.get('live', 0)}" + (f"; {came}" if came else ""),
    ]
    lines += [f"not dialled because of {refused}"] if refused else []
    lines.append(f"deadlines {deadlines or '-'}; notices {notices or '-'}")
    if campaign.get("state") in OVER:
        return lines
    eta = progress.get("eta")
    done_by = [f"done by   {local(str(eta), str(campaign.get('zone') or 'UTC'))}"] if eta else []
    return [*lines, *done_by, next_line(campaign)]


def import_lines(found: Found) -> list[str]:
    """The counts of an import."""
    numbers = ", ".join(f"{name} {found.get(name, 0)}" for name in COUNTS)
    return [f"import {clean(found.get('n', found.get('no', 1)))}: {numbers}"]


def left_out_lines(found: Found) -> list[str]:
    """What of the file nobody keeps or reads."""
    dropped = ", ".join(clean(name) for name in found.get("dropped") or ())
    hidden = ", ".join(clean(name) for name in found.get("hidden_sheets") or ())
    lines = [f"columns with numbers of cards, not kept: {dropped}"] if dropped else []
    return lines + ([f"sheet {clean(found.get('sheet'))} was read; hidden ones: {hidden}"] if hidden else [])


def rejected_lines(errors: Sequence[str], rejected: int, more: str) -> list[str]:
    """The first rejected rows, and where the others are."""
    if not rejected:
        return []
    lines = [f"rejected rows, the first {len(errors)} of {rejected}:", *(f"  {clean(error)}" for error in errors)]
    return [*lines, f"all of them, with their mistakes: {more}"]


def sample_lines(words: Found) -> list[str]:
    """What one contact would hear, as the import has it in `sample`: in the campaign's language, not the terminal's."""
    said = words.get("on_answer")
    lines = []
    for part in ("opening", "gate", "body"):
        text = said.get(part) if isinstance(said, Mapping) else None
        if not isinstance(text, Mapping):
            continue
        heard = text.get("zh") or text.get("en") or (f"goes on after key {text['key']}" if "key" in text else "")
        lines += [f"  {part:<8} {clean(heard, WORDS_CHARS_MAX)}"] if heard else []
    return ["one contact would hear:", *lines] if lines else []
