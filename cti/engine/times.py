"""The times of a round: the log's clock, and each partition's time (docs/integrators.md, Time)."""


class Times:
    """`now_ms` is the log's clock when the turn began."""

    __slots__ = ("now_ms", "partition_ms")

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.partition_ms: dict[int, float] = {}
