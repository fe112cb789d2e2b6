"""How fast a campaign's calls can be made: its own pace, below what its trunk group carries."""

from typing import NamedTuple

from campaigns.ledger.rows import CampaignRow
from cti.dial.declared import trunk_groups
from cti.dial.pace import PACE_MAX_MS
from cti.hosting import DeclaredSwitch
from schemas.campaigns import Pacing

A_SECOND_MIN = 1_000 / PACE_MAX_MS  # a smaller limit of a trunk group allows one call an hour


class Pace(NamedTuple):
    """`a_second`: calls begun; `at_once`: calls under way."""

    a_second: float
    at_once: int


def carried(row: CampaignRow, declared: DeclaredSwitch | None, asked: Pacing | None = None) -> Pace:
    """The pace of a campaign, or the one asked about, as far as the declared trunk group carries it."""
    asked = asked or Pacing()
    a_second = float(asked.calls_per_second or row.calls_per_second)
    at_once = asked.calls_at_once or row.calls_at_once
    group = {} if declared is None else trunk_groups(declared.declaration).get(row.trunk_group, {})
    return Pace(
        max(min(a_second, float(group.get("calls_per_second", a_second))), A_SECOND_MIN),
        min(at_once, int(group.get("calls_at_once", at_once))),
    )
