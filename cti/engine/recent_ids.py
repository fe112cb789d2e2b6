"""Which call an event id was last seen on: an id is unique in its source (contract, Envelope).

Within a call its own facts say so. Across calls this is what an engine sees: the last IDS_KEPT events at least of the
partitions that it owns. A lookup in the timelines of all calls would cost each event a query.
"""

IDS_KEPT = 16_384


class RecentIds:
    """Event ids of late. Mutable: an observation; reading an entry again changes nothing."""

    __slots__ = ("_newer", "_older")

    def __init__(self) -> None:
        self._newer: dict[int, int] = {}
        self._older: dict[int, int] = {}

    def is_of_another(self, tenant: str, source: str, event_id: str, call: int) -> bool:
        """Whether the id is known from another call of the source; else it is this call's from now on."""
        key = hash((tenant, source, event_id))
        known = self._newer.get(key)
        if known is None:
            known = self._older.get(key, call)
            if len(self._newer) >= IDS_KEPT:
                self._older, self._newer = self._newer, {}
            self._newer[key] = known
        return known != call
