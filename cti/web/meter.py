"""What the HTTP layer counts, as a Protocol; the instruments themselves are in telemetry."""

from typing import Protocol

from prometheus_client import CollectorRegistry


class Meter(Protocol):
    """The instruments a door moves. Labels come from closed lists: routes, methods, statuses, outcomes."""

    @property
    def registry(self) -> CollectorRegistry:
        """What /metrics shows."""

    def request(self, route: str, method: str, status: int, seconds: float) -> None:
        """One request was answered."""

    def events(self, outcome: str, n: int) -> None:
        """`n` events were "accepted" or "refused" at the door."""

    def streams(self, delta: int) -> None:
        """A command stream opened (+1) or closed (-1)."""
