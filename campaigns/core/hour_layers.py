"""Layers of hours: each is open in stretches of time, and an instant is open where every layer is."""

from collections.abc import Iterator, Sequence
from heapq import merge
from typing import NamedTuple, Protocol

from campaigns.core.zones import DAY_MS

LOOKAHEAD_MS = 60 * DAY_MS


class Stretch(NamedTuple):
    """It is open in [start_ms, end_ms)."""

    start_ms: int
    end_ms: int


class Layer(Protocol):
    """What closes outside of its stretches. `rule` is empty where the campaign's own settings close."""

    @property
    def why(self) -> str: ...

    @property
    def rule(self) -> str: ...

    def stretches(self, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        """Where it is open, in order of time, cut to these instants."""


class Once(NamedTuple):
    """A layer that is open from one instant to another."""

    why: str
    rule: str
    start_ms: int
    end_ms: int

    def stretches(self, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        start, end = max(self.start_ms, from_ms), min(self.end_ms, to_ms)
        if start < end:
            yield Stretch(start, end)


class Excepted(NamedTuple):
    """A layer that is open in an emergency too."""

    layer: Layer
    start_ms: int
    end_ms: int

    @property
    def why(self) -> str:
        return self.layer.why

    @property
    def rule(self) -> str:
        return self.layer.rule

    def stretches(self, from_ms: int, to_ms: int) -> Iterator[Stretch]:
        emergency = Once(self.why, self.rule, self.start_ms, self.end_ms)
        return merge(self.layer.stretches(from_ms, to_ms), emergency.stretches(from_ms, to_ms))


def first_opening(layers: Sequence[Layer], from_ms: int, to_ms: int, margin: int) -> Stretch | None:
    """The first stretch in which every layer is open for longer than the margin."""
    if not layers:
        return Stretch(from_ms, to_ms)
    streams = [joined(layer.stretches(from_ms, to_ms)) for layer in layers]
    heads = [next(stream, None) for stream in streams]
    while True:
        known = [head for head in heads if head is not None]
        if len(known) < len(heads):
            return None
        start = max(head.start_ms for head in known)
        end = min(head.end_ms for head in known)
        if start < end - margin:
            return Stretch(start, end)
        if start - end > DAY_MS:  # the others need not go through all the days before
            streams = [joined(layer.stretches(start, to_ms)) for layer in layers]
            heads = [next(stream, None) for stream in streams]
            continue
        heads = [
            next(stream, None) if head.end_ms == end else head for head, stream in zip(known, streams, strict=True)
        ]


def first(layer: Layer, from_ms: int, to_ms: int) -> Stretch | None:
    """The first stretch of a layer from an instant on."""
    return next(joined(layer.stretches(from_ms, to_ms)), None)


def joined(stretches: Iterator[Stretch]) -> Iterator[Stretch]:
    """What adjoins or overlaps becomes one."""
    current: Stretch | None = None
    for stretch in stretches:
        if current is None:
            current = stretch
        elif stretch.start_ms <= current.end_ms:
            current = Stretch(current.start_ms, max(current.end_ms, stretch.end_ms))
        else:
            yield current
            current = stretch
    if current is not None:
        yield current
