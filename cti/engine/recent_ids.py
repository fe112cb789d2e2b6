"""Which call an event id was last seen on: an id is unique in its source (docs/integrators.md, Envelope).

Within a call, the call's own facts answer it. Across calls, an engine remembers at least the last IDS_KEPT events of
the partitions that it owns. A lookup in the timelines of all calls would cost a query for each event.
"""

from typing import Final

IDS_KEPT: Final = 16_384


class RecentIds:
    """Recent event ids. Mutable and not committed; reading an entry again changes nothing."""

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def is_of_another(self, tenant: str, source: str, event_id: str, call: int) -> bool:
        """Whether the id is known from another call of the source; if not, it is remembered for this call."""
        key = hash((tenant, source, event_id))
        known = self._newer.get(key)
        if known is None:
            known = self._older.get(key, call)
            if len(self._newer) >= IDS_KEPT:
                self._older, self._newer = self._newer, {}
            self._newer[key] = known
        return known != call
