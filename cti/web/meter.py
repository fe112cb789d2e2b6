"""What the HTTP layer counts, as a Protocol; the instruments themselves are in telemetry."""

from typing import Protocol


class Meter(Protocol):
    """The instruments a door moves. Labels come from closed lists: routes, methods, statuses, outcomes."""

    def exposition(self) -> bytes:
        """What /metrics shows: Prometheus text."""

    def request(self, route: str, method: str, status: int, seconds: float, /) -> None:
        """One request was answered."""

    def events(self, outcome: str, count: int, /) -> None:
        """`count` events were "accepted" or "refused" at the door."""

    def streams(self, delta: int, /) -> None:
        """A command stream opened (+1) or closed (-1)."""
