"""A long call's older facts, sealed: an event's cost does not grow with the call it belongs to.

A call keeps its newest facts packed in one `bytes` object, which is cheap in memory and short to search. At each
SEALED_AT facts, or at SEALED_BYTES, they become a segment; from then on their event ids are found in a dictionary. Most
calls end with fewer facts and never have a segment.

Versions of a call share one list of segments. It is only appended to, and each version sees its own first `count`.
A version that was dropped with its round may have left segments after its predecessor's; the next version that appends
then copies the segments that it sees.
"""

from typing import Final

from cti.core.facts import Fact, unpack

SEALED_AT: Final = 64  # facts; searching so many packed ones takes some microseconds
SEALED_BYTES: Final = 65_536


class Sealed:
    """Segments of packed facts, in the order of arrival. Immutable to its users."""

    __slots__ = ("_hashes", "_segments", "count", "size")

    def __init__(self, segments: list[bytes], hashes: dict[str, tuple[int, int]], count: int, size: int) -> None:
        self._segments = segments
        self._hashes = hashes  # event id -> (its segment, its body hash)
        self.count = count  # how many segments of the list belong to this version
        self.size = size  # bytes

    def with_segment(self, packed: bytes) -> "Sealed":
        """This version and one segment more."""
        segments, hashes = self._segments, self._hashes
        if len(segments) != self.count:
            segments = segments[: self.count]
            hashes = {name: known for name, known in hashes.items() if known[0] < self.count}
        segments.append(packed)
        for fact in unpack(packed):
            hashes[fact.id] = (self.count, fact.body_hash)
        return Sealed(segments, hashes, self.count + 1, self.size + len(packed))

    def find(self, event_id: str) -> int | None:
        """The body hash under which this event id is sealed, or None."""
        known = self._hashes.get(event_id)
        return None if known is None or known[0] >= self.count else known[1]

    def unpack(self) -> list[Fact]:
        """Every sealed fact, in the order of arrival."""
        return [fact for segment in self._segments[: self.count] for fact in unpack(segment)]


def sealed_with(sealed: Sealed | None, packed: bytes) -> Sealed:
    """`packed` as one more segment."""
    return (Sealed([], {}, 0, 0) if sealed is None else sealed).with_segment(packed)
