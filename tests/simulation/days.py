"""Random days of a call centre, by seed: what happened to each call, what it must come to, when each word arrives.

The expectations are the script's own arithmetic; the core is not asked.
"""

import heapq
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.scheduler import event

SOURCES = ("with-sequence", "without")
CALLER = "+8679186261234"
LIMIT_MS, NOTICE_MS = 12_000, 15_000
ALLOWED = ("silent", "abuse", "survey", "transfer")
DELAY_MS = 300  # the line's, at most
REUSED_AFTER_MS = (310_000, 420_000)


@dataclass(slots=True)
class Told:
    """One call as it happened. Times in ms since START."""

    source: str
    subject: str
    at_ms: int
    events: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    ring_breaches: int = 0
    late_answer: bool = False
    agent_first: bool = False
    holds_ms: list[int] = field(default_factory=list)  # those by us
    offers: int = 0
    first_ring_ms: int | None = None
    answered_ms: int | None = None

    def wait(self, chance: random.Random, least_s: float, most_s: float) -> None:
        self.at_ms += chance.randint(round(least_s * 1000), round(most_s * 1000)) + 1

    def say(self, kind: str, **data: Any) -> None:
        self.events.append((self.at_ms, kind, data))

    @property
    def owed(self) -> int:
        return sum(-(-held // NOTICE_MS) - 1 for held in self.holds_ms if held > 0)


def agent(n: int) -> dict[str, Any]:
    return {"connection": f"a-{n}", "agent": f"10{n:02}", "device": f"80{n:02}"}


def day(seed: int, calls: int = 24, length_s: float = 600.0) -> list[Told]:
    """The calls of a day; some ids are used again."""
    chance = random.Random(f"day:{seed}")
    found = []
    for n in range(calls):
        one = Told(chance.choice(SOURCES), f"call-{n}", chance.randint(1_000, round(length_s * 1000)))
        found.append(_lived(one, chance))
        if chance.random() < 0.15:
            again = Told(one.source, one.subject, one.at_ms + chance.randint(*REUSED_AFTER_MS))
            found.append(_lived(again, chance))
    return found


def _lived(one: Told, chance: random.Random) -> Told:
    one.say("offered", connection="c", calling=CALLER, called="95598", direction="inbound")
    one.wait(chance, 0, 2)
    if chance.random() < 0.85:
        one.say("queued", connection="c", queue=chance.choice(["billing", "faults"]))
        one.wait(chance, 0, chance.choice([3, 40, 130]))
    answering = _offered(one, chance)
    if answering is not None:
        _talks(one, chance, answering)
    _ends(one, chance, answering)
    return one


# -- offers ------------------------------------------------------------------------------------------------------------


def _offered(one: Told, chance: random.Random) -> dict[str, Any] | None:
    """Some offers; the agent who answered."""
    for n in range(chance.choice([0, 1, 1, 1, 2, 3])):
        if one.first_ring_ms is None:
            one.first_ring_ms = one.at_ms
        ringing = _ring_all(one, chance) if chance.random() < 0.15 else _ring(one, chance, n)
        if ringing is not None:
            return ringing
        one.wait(chance, 0.002, 5)
    return None


def _ring(one: Told, chance: random.Random, n: int) -> dict[str, Any] | None:
    who, began = agent(n), one.at_ms
    one.offers += 1
    one.say("delivered", **who, queue="billing")
    if chance.random() < 0.2:
        one.at_ms += chance.choice([LIMIT_MS, LIMIT_MS + 1])
    else:
        one.wait(chance, 0.5, chance.choice([9, 11, 20]))
    late = one.at_ms - began > LIMIT_MS
    if chance.random() < 0.55:
        one.ring_breaches += late
        _answers(one, who)
        return who
    cause = chance.choice(["callNotAnswered", "redirected", "callRejected"])
    one.say("diverted", **who, cause=cause)
    one.ring_breaches += late or cause == "callNotAnswered"
    return None


def _answers(one: Told, who: dict[str, Any]) -> None:
    one.say("established", **who)
    one.answered_ms = one.at_ms
    one.late_answer = one.first_ring_ms is not None and one.at_ms - one.first_ring_ms > LIMIT_MS


def _ring_all(one: Told, chance: random.Random) -> dict[str, Any] | None:
    """Several devices at once: judged once."""
    group, began = [agent(n) for n in range(5, 5 + chance.randint(2, 4))], []
    for who in group:
        began.append(one.at_ms)
        one.offers += 1
        one.say("delivered", **who, queue="billing")
        one.at_ms += chance.randint(0, 200)
    one.wait(chance, 1, chance.choice([9, 18]))
    answers = chance.random() < 0.6
    first = group[0]
    ended = [one.at_ms]
    if answers:
        _answers(one, first)
    else:
        one.say("diverted", **first, cause="redirected")
    for who in group[1:]:
        one.at_ms += chance.randint(1, 50)
        ended.append(one.at_ms)
        one.say("diverted", **who, cause="redirected")
    one.ring_breaches += any(end - start > LIMIT_MS for start, end in zip(began, ended, strict=True))
    return first if answers else None


# -- talking -----------------------------------------------------------------------------------------------------------


def _talks(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    one.wait(chance, 1, 15)
    for _ in range(chance.choice([0, 1, 1, 2, 3])):
        chance.choice([_hold, _hold, _mute, _both, _by_customer, _conference])(one, chance, who)
        one.wait(chance, 0.5, 10)


def _held_for(one: Told, chance: random.Random) -> None:
    """A while; at times exactly a whole number of notices."""
    if chance.random() < 0.2:
        one.at_ms += NOTICE_MS * chance.randint(1, 3)
    else:
        one.wait(chance, 0.5, chance.choice([10, 35, 70]))


def _hold(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    began, legs = one.at_ms, {"connection": "c", "heldConnection": "c", "holdingDevice": who["device"]}
    one.say("held", **legs)
    _held_for(one, chance)
    one.say("retrieved", **legs)
    one.holds_ms.append(one.at_ms - began)


def _mute(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    began, leg = one.at_ms, {"connection": who["connection"], "device": who["device"]}
    one.say("muted", **leg)
    _held_for(one, chance)
    one.say("unmuted", **leg)
    one.holds_ms.append(one.at_ms - began)


def _both(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    """Hold and mute overlap: one interval."""
    began, leg = one.at_ms, {"connection": who["connection"], "device": who["device"]}
    legs = {"connection": "c", "heldConnection": "c", "holdingDevice": who["device"]}
    one.say("held", **legs)
    one.wait(chance, 1, 12)
    one.say("muted", **leg)
    one.wait(chance, 1, 12)
    one.say("retrieved", **legs)
    _held_for(one, chance)
    one.say("unmuted", **leg)
    one.holds_ms.append(one.at_ms - began)


def _by_customer(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    legs = {"connection": who["connection"], "heldConnection": who["connection"], "holdingDevice": CALLER}
    one.say("held", **legs)
    _held_for(one, chance)
    one.say("retrieved", **legs)


def _conference(one: Told, chance: random.Random, who: dict[str, Any]) -> None:
    """A colleague joins; while he speaks, a muted agent owes nothing."""
    other, leg = agent(20), {"connection": who["connection"], "device": who["device"]}
    one.offers += 1
    one.say("delivered", **other)
    one.wait(chance, 1, 5)
    one.say("established", **other)
    one.wait(chance, 1, 5)
    one.say("muted", **leg)
    _held_for(one, chance)
    one.say("unmuted", **leg)
    one.wait(chance, 0.1, 2)
    one.say("connectionCleared", connection=other["connection"], releasingDevice=other["device"])


def _ends(one: Told, chance: random.Random, who: dict[str, Any] | None) -> None:
    by = chance.choice(["customer", "customer", "network", "agent"]) if who else "customer"
    if by == "agent" and who is not None:
        reason = chance.choice([None, *ALLOWED])
        one.agent_first = reason is None
        said = {} if reason is None else {"releaseReason": reason}
        one.say("connectionCleared", connection=who["connection"], releasingDevice=who["device"], **said)
    else:
        one.say("connectionCleared", connection="c", releasingDevice=CALLER if by == "customer" else "network")
    one.at_ms += chance.choice([0, 20])
    one.say("callCleared")


# -- on the line -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Line:
    """How the words of a day arrive: shares of those late, twice, and with other content under a known id."""

    late: float
    twice: float
    conflicts: float
    again_within_ms: int


# Nothing on time lags by 2 s: repetitions would cost the switch its trust for 5 s.
ON_TIME = Line(late=0.0, twice=0.1, conflicts=0.02, again_within_ms=1_500)
ROUGH = Line(late=0.1, twice=0.15, conflicts=0.03, again_within_ms=20_000)


def arrivals(calls: list[Told], line: Line, seed: int) -> list[tuple[int, dict[str, Any]]]:
    """(ms since START at the door, event), in order of arrival."""
    chance = random.Random(f"line:{seed}:{line}")
    heap: list[tuple[int, int, dict[str, Any]]] = []
    for n, (at_ms, one) in enumerate(_events(calls)):
        late = chance.randint(2_500, 60_000) if chance.random() < line.late else 0
        arrives = at_ms + chance.randint(0, DELAY_MS) + late
        heapq.heappush(heap, (arrives, 3 * n, one))
        if chance.random() < line.twice:
            heapq.heappush(heap, (arrives + chance.randint(0, line.again_within_ms), 3 * n + 1, one))
        if chance.random() < line.conflicts:
            other = {**one, "data": {**one["data"], "private": {"conflict": n}}}
            heapq.heappush(heap, (arrives + chance.randint(1, line.again_within_ms), 3 * n + 2, other))
    return [(at_ms, one) for at_ms, _, one in (heapq.heappop(heap) for _ in range(len(heap)))]


def _events(calls: list[Told]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Every event of every call, in the order it happened; one of the sources numbers them."""
    said = [(at_ms, n, k, one) for n, one in enumerate(calls) for k, (at_ms, _, _) in enumerate(one.events)]
    for number, (at_ms, n, k, one) in enumerate(sorted(said, key=lambda each: each[:3]), start=1):
        _, kind, data = one.events[k]
        extra = {"sequence": number} if one.source == SOURCES[0] else {}
        yield at_ms, event(one.source, one.subject, kind, at_ms / 1000, data, id=f"e-{n}-{k}", **extra)
