"""What the manager of a trial of campaigns does, and when: settled by the seed before anything is started. Pure."""

import random
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

SETTLE, SETTLE_PART = "settlement", "settlement_in_part"
BAR_NUMBER, BAR_ACCOUNT = "do_not_call_number", "do_not_call_account"
CALL_BACK, CALL_OFF = "callback", "cancelled_callback"
MOVE, CANCEL = "revision", "cancellation"
WITHDRAW, DRAIN = "withdrawal", "drain"
CHANGE_PACE, CHANGE_WINDOWS = "change_of_pace", "change_of_windows"

SPANS: Mapping[str, tuple[float, float]] = MappingProxyType({
    SETTLE: (0.05, 0.95), SETTLE_PART: (0.05, 0.95), BAR_NUMBER: (0.05, 0.95), BAR_ACCOUNT: (0.05, 0.95),
    CALL_BACK: (0.05, 0.8), CALL_OFF: (0.05, 0.8), MOVE: (0.3, 0.45),
    CANCEL: (0.45, 0.6), WITHDRAW: (0.25, 0.5), DRAIN: (0.45, 0.75),
    CHANGE_PACE: (0.2, 0.4), CHANGE_WINDOWS: (0.5, 0.6),
})  # fmt: skip
"""When each may come, as parts of the storm: what changes a campaign comes while some of it was called and some not."""

OFTEN: Mapping[str, int] = MappingProxyType({
    SETTLE: 24, SETTLE_PART: 12, BAR_NUMBER: 12, BAR_ACCOUNT: 8, CALL_BACK: 20, CALL_OFF: 12,
    MOVE: 1, CANCEL: 1, WITHDRAW: 1, DRAIN: 1, CHANGE_PACE: 1, CHANGE_WINDOWS: 1,
})  # fmt: skip
SELDOM: Mapping[str, int] = MappingProxyType({
    **OFTEN, SETTLE: 4, SETTLE_PART: 2, BAR_NUMBER: 2, BAR_ACCOUNT: 2, CALL_BACK: 4, CALL_OFF: 2,
})  # fmt: skip
"""How many deeds of each kind there are in a trial; in a short one."""


class Deed(NamedTuple):
    """`at_s`: after the storm began. `no`: of its kind, from 0. `pick`: which of several is meant, in [0, 1)."""

    at_s: float
    kind: str
    no: int
    pick: float


def planned(amounts: Mapping[str, int], seconds: float, seed: int) -> Sequence[Deed]:
    """All of a storm that lasts so long, the first one first."""
    chance = random.Random(f"{seed}:deeds")
    return sorted(
        Deed(chance.uniform(*SPANS[kind]) * seconds, kind, no, chance.random())
        for kind in SPANS
        for no in range(amounts[kind])
    )
