"""When layers of local days can be open together at all.

Zones at opposite ends of the day may share no hour: then looking day after day for one finds nothing, at some
milliseconds a zone. Between two changes of an offset, what may be open repeats every 24 hours, so one day is enough to
know. A layer whose windows differ from day to day may be open in any of them: what is excluded here is never open.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from campaigns.core.zones import DAY_MS, spans

Part = tuple[int, int]
"""[opens, closes) in milliseconds after midnight UTC, 0 <= opens < closes <= DAY_MS."""
WHOLE_DAY: tuple[Part, ...] = ((0, DAY_MS),)


class DailyHours(NamedTuple):
    """A layer's zone, and every window of local time in which it is open on some day."""

    zone: str
    windows: tuple[Part, ...]


def possible_from(layers: Sequence[DailyHours], from_ms: int, to_ms: int, margin: int) -> int | None:
    """An instant before which they are not open together for longer than the margin; None: nor up to `to_ms`."""
    offsets = {zone: list(spans(zone, from_ms, to_ms)) for zone in {layer.zone for layer in layers}}
    changes = sorted({span.start_ms for found in offsets.values() for span in found} - {from_ms})
    before: Sequence[Part] = ()
    for start_ms in (from_ms, *changes):
        parts: Sequence[Part] = WHOLE_DAY
        for zone, windows in dict.fromkeys(layers):
            offset_ms = next(span.offset_ms for span in offsets[zone] if span.start_ms <= start_ms < span.end_ms)
            parts = _common(parts, _in_utc(windows, offset_ms))
            if not parts:
                break
        if _holds(before, start_ms - 1) and _holds(parts, start_ms):
            return max(start_ms - DAY_MS, from_ms)
        if _longest(parts) > margin:
            return start_ms
        before = parts
    return None


def _in_utc(windows: Iterable[Part], offset_ms: int) -> list[Part]:
    """The windows of a zone as parts of a day of UTC, in order."""
    parts: list[Part] = []
    for opens, closes in windows:
        start = (opens - offset_ms) % DAY_MS
        end = start + closes - opens
        parts.append((start, min(end, DAY_MS)))
        if end > DAY_MS:
            parts.append((0, end - DAY_MS))
    return sorted(parts)


def _common(some: Sequence[Part], others: Sequence[Part]) -> list[Part]:
    both = [(max(a, c), min(b, d)) for a, b in some for c, d in others]
    return _joined(sorted(part for part in both if part[0] < part[1]))


def _joined(parts: Iterable[Part]) -> list[Part]:
    """What adjoins or overlaps becomes one."""
    found: list[Part] = []
    for opens, closes in parts:
        if found and opens <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], closes))
        else:
            found.append((opens, closes))
    return found


def _holds(parts: Iterable[Part], at_ms: int) -> bool:
    return any(opens <= at_ms % DAY_MS < closes for opens, closes in parts)


def _longest(parts: Sequence[Part]) -> float:
    """The longest part; the last and the first are one where they meet at midnight."""
    if list(parts) == [(0, DAY_MS)]:
        return float("inf")
    lengths = [closes - opens for opens, closes in parts]
    if parts and parts[0][0] == 0 and parts[-1][1] == DAY_MS:
        lengths.append(lengths[0] + lengths[-1])
    return max(lengths, default=0)
