"""The calls that the cluster carries: as those of the crash trial, and some that break each rule of the standard."""

import random
from collections.abc import Iterator
from typing import Any

from tests.faults.scripts import CALLED, CALLING, Step

LONG_RING_S, LONG_HOLD_S = 12.6, 61.0  # beyond RING-1's and RING-2's 12 s, HOLD-3's 60 s
SHORT_S = (0.2, 0.5, 1.0)
REASONS = (None, "silent", "survey")
CALLER = {"connection": "c1"}
Agent = dict[str, Any]


def story(chance: random.Random) -> Iterator[Step]:
    """One inbound call."""
    yield "offered", {**CALLER, "calling": CALLING, "called": CALLED, "direction": "inbound"}, 0.0
    yield "queued", {**CALLER, "queue": "faults"}, chance.choice([0.0, 0.1, 0.3])
    agents = [{"connection": f"a{n}", "device": f"80{n}", "agent": f"10{n}"} for n in range(chance.randint(1, 3))]
    for agent in agents[:-1]:
        yield "delivered", {**agent, "queue": "faults"}, _ring_s(chance)
        yield "diverted", {**agent, "cause": chance.choice(["callNotAnswered", "redirected"])}, 0.0
    if chance.random() < 0.8:
        yield from _answered(agents[-1], chance)
    else:
        yield "connectionCleared", {**CALLER, "releasingDevice": CALLING}, 0.0
    yield "callCleared", {}, 0.0


def _ring_s(chance: random.Random) -> float:
    return LONG_RING_S if chance.random() < 0.03 else chance.choice(SHORT_S)


def _answered(agent: Agent, chance: random.Random) -> Iterator[Step]:
    """Talk, some holds, and who hangs up first."""
    yield "delivered", {**agent, "queue": "faults"}, _ring_s(chance)
    yield "established", agent, chance.choice(SHORT_S)
    for _ in range(chance.randint(0, 2)):
        hold = {**CALLER, "heldConnection": "c1", "holdingDevice": agent["device"]}
        yield "held", hold, _hold_s(chance)
        yield "retrieved", hold, 0.1
    if chance.random() < 0.2:
        reason = chance.choice(REASONS)
        said = {} if reason is None else {"releaseReason": reason}
        yield "connectionCleared", {"connection": agent["connection"], "releasingDevice": agent["device"], **said}, 0.0
    else:
        yield "connectionCleared", {**CALLER, "releasingDevice": CALLING}, 0.0


def _hold_s(chance: random.Random) -> float:
    drawn = chance.random()
    return LONG_HOLD_S if drawn < 0.01 else chance.choice([16.0, 32.0]) if drawn < 0.05 else chance.choice(SHORT_S)
