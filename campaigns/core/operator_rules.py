"""What one operator's profile says, ready for use."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from campaigns.core.calling_hours import CallingHours
from campaigns.core.deadlines import DeadlineRules
from campaigns.core.penalty import Rate
from campaigns.core.promises import PromiseRules


@dataclass(frozen=True, slots=True)
class OperatorRules:
    """`profiles`: the profiles of the service standard that have these values. `retry_ms`: kind, then disposition."""

    name: str
    version: int
    profiles: tuple[str, ...]
    zone: str
    hours: CallingHours
    deadlines: DeadlineRules
    retry_ms: Mapping[str, Mapping[str, int]]
    penalties: tuple[Rate, ...]
    ring_timeout_floor_ms: int
    ring_timeout_max_ms: int
    follow_up_percent: int = 5  # FOLLOW-1: of each fault's reports
    promises: PromiseRules = field(default_factory=PromiseRules)
