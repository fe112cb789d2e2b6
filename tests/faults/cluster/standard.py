"""What the rule book says of a call from the times of its events alone: written anew, so that it can judge.

RING-1: an offer rang longer than 12 s, or ended callNotAnswered. RING-2: longer than 12 s from the first ring to the
answer. HOLD-3: a hold longer than 60 s. END-1: the agent hung up first, without a reason that allows it. HOLD-2 is
lived: the times say how many notices a hold owed, not how many the switch has played; so a breach of it is justified
where it names that number, and fewer as played.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

RING_MS, HOLD_MS, NOTICE_MS = 12_000, 60_000, 15_000
ALLOWED = frozenset({"silent", "inaudible", "language", "abuse", "lingering", "survey", "transfer"})
LIVED = "HOLD-2"
Fact = tuple[str, int, Mapping[str, Any]]
"""(kind, time in ms, data)"""


class Broken(NamedTuple):
    """A rule, and which offer or hold of the call broke it."""

    rule: str
    offer: int | None = None
    hold: int | None = None


class Told(NamedTuple):
    """What a call's own times say."""

    broken: frozenset[Broken]
    owed: Sequence[int]  # notices of each hold


def judged(facts: Sequence[Fact]) -> Told:
    """By one call's events, in their order."""
    holds = _holds(facts)
    broken = {Broken("RING-1", offer=n) for n, late in enumerate(_offers(facts)) if late}
    broken |= {Broken("HOLD-3", hold=n) for n, ms in enumerate(holds) if ms > HOLD_MS}
    rang, answered = _first(facts, "delivered"), _first(facts, "established")
    if rang is not None and answered is not None and answered - rang > RING_MS:
        broken.add(Broken("RING-2"))
    if answered is not None and _hung_up(facts):
        broken.add(Broken("END-1"))
    return Told(frozenset(broken), [max(-(-ms // NOTICE_MS) - 1, 0) for ms in holds])


def unjustified(breach: Mapping[str, Any], told: Told) -> bool:
    """Whether a record's breach is not borne out by the call's own times."""
    if breach["rule"] == LIVED:
        place = breach["hold"]
        within = 0 <= place < len(told.owed)
        return not (within and breach["limit"] == told.owed[place] and breach["actual"] < breach["limit"])
    return Broken(breach["rule"], breach["offer"], breach["hold"]) not in told.broken


def _first(facts: Sequence[Fact], kind: str) -> int | None:
    return next((at_ms for one, at_ms, _ in facts if one == kind), None)


def _offers(facts: Sequence[Fact]) -> list[bool]:
    """Whether each offer broke RING-1."""
    rings: dict[str, tuple[int, int]] = {}  # by leg: which offer, since when
    late: list[bool] = []
    for kind, at_ms, data in facts:
        if kind == "delivered":
            rings[data["connection"]] = (len(late), at_ms)
            late.append(False)
        elif kind in ("diverted", "established", "connectionCleared", "callCleared"):
            ended = list(rings) if kind == "callCleared" else [data["connection"]]
            for leg in ended:
                place, since_ms = rings.pop(leg, (None, 0))
                if place is not None:
                    late[place] = at_ms - since_ms > RING_MS or data.get("cause") == "callNotAnswered"
    return late


def _holds(facts: Sequence[Fact]) -> list[int]:
    """How long each hold was, in ms."""
    found: list[int] = []
    since_ms: int | None = None
    for kind, at_ms, _ in facts:
        if kind == "held":
            since_ms = at_ms
        elif since_ms is not None and kind in ("retrieved", "connectionCleared", "callCleared"):
            found.append(at_ms - since_ms)
            since_ms = None
    return found


def _hung_up(facts: Sequence[Fact]) -> bool:
    """Whether an agent was the first to go after the answer, without a reason that allows it."""
    agents = {data["device"] for kind, _, data in facts if kind == "established"}
    data = next((data for kind, _, data in facts if kind == "connectionCleared"), {})
    return data.get("releasingDevice") in agents and data.get("releaseReason") not in ALLOWED
