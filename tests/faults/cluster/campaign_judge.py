"""The judgement of campaigns under faults, by what the switch received and what managers were told over HTTP. Pure.

An order that came after its own expiry, and that the switch refused for that, rang nobody: it is counted by itself.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from tests.campaigns.open_now import quiet
from tests.faults.cluster.order_judge import Sent, above_pace
from tests.faults.desk import adds_up

MUST_BE_0 = (
    "received_twice", "attempts_without_end", "quiet_violations", "received_after_stop", "received_after_freeze",
    "received_unmade", "received_though_not_dialled", "ended_not_received", "number_twice_at_once", "above_pace",
    "counted_too_often", "notices_wrong", "ended_alone", "stopped_badly",
)  # fmt: skip
MUST_NOT_BE_0 = (
    "dials", "stale_turns_refused", "contacts_add_up", "stop_acknowledged", "freeze_acknowledged", "left_at_stop",
    "left_at_freeze", "received_after_thaw", "kills", "stops",
)  # fmt: skip
COUNTED_MAX = 3  # TRY-1
RINGING_ENDS = frozenset({"call.established", "call.failed", "call.connectionCleared", "call.callCleared"})
UNDIALLED = ("not_dialled", "withdrawn")


class Dial(NamedTuple):
    """A makeCall as it came in, by the switch's clock."""

    at_ms: int
    id: str
    lane: str
    to: str
    expires_at_ms: int
    words: str = ""  # what it says once somebody answers; empty where the log does not tell

    @property
    def in_time(self) -> bool:
        return self.at_ms <= self.expires_at_ms

    @property
    def campaign(self) -> str:
        return self.id.split("-", 1)[0]


class Fact(NamedTuple):
    """What the switch said of the call of an order."""

    id: str
    kind: str
    at_ms: int


class Heard(NamedTuple):
    """The switch's own log."""

    received: Sequence[Dial]
    expired: Collection[str]  # orders that it refused as expired, at once or before it placed the call
    facts: Sequence[Fact]


class Told(NamedTuple):
    """What a campaign's manager was told at the end."""

    id: str
    contacts: int  # that were imported
    progress: Mapping[str, Any]
    attempts: Sequence[Mapping[str, Any]]
    notices: Sequence[Mapping[str, Any]]


class Quieted(NamedTuple):
    """From its acknowledgement to its end (None: for good) nothing may come in. `campaign` None: of any."""

    campaign: str | None
    acknowledged_at_ms: int
    until_ms: int | None = None

    def forbids(self, dial: Dial) -> bool:
        return (
            dial.in_time
            and self.campaign in (None, dial.campaign)
            and dial.at_ms > self.acknowledged_at_ms
            and (self.until_ms is None or dial.at_ms < self.until_ms)
        )


def read(path: Path) -> Heard:
    """The log of the switch."""
    entries = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    dials = [one for one in entries if one["entry"] == "makeCall"]
    return Heard(
        [
            Dial(one["at_ms"], one["id"], one["lane"], one["to"], one["expires_at_ms"], one.get("words", ""))
            for one in dials
        ],
        {one["id"] for one in entries if one["entry"] == "expired"},
        [Fact(one["id"], one["kind"], one["at_ms"]) for one in entries if one["entry"] == "fact"],
    )


def verdict(
    heard: Heard, told: Sequence[Told], stops: Sequence[Quieted], freezes: Sequence[Quieted], zone: str, pace: int
) -> dict[str, Any]:
    """`zone`: where all numbers are; `pace`: calls a second of each lane."""
    ids = {one.id for one in heard.received}
    ordered = [attempt for one in told for attempt in one.attempts if attempt.get("command")]
    known = {attempt["command"]: attempt for attempt in ordered}
    return {
        "dials": len(heard.received),
        "received_twice": len(heard.received) - len(ids),
        "attempts_without_end": sum(_without_end(attempt) for attempt in ordered),
        "contacts_add_up": all(adds_up(one.progress, one.contacts) for one in told),
        "quiet_violations": sum(_quiet(ringing, zone) for ringing in ringings(heard.facts)),
        "received_after_stop": sum(any(one.forbids(dial) for one in stops) for dial in heard.received),
        "received_after_freeze": sum(any(one.forbids(dial) for one in freezes) for dial in heard.received),
        "received_after_thaw": sum(any(_later(one, dial) for one in freezes) for dial in heard.received),
        "received_expired": sum(not dial.in_time for dial in heard.received),
        "received_unmade": len(ids - known.keys()),
        "received_though_not_dialled": sum(
            one["decision"] in UNDIALLED and one["command"] in ids - set(heard.expired) for one in ordered
        ),
        "ended_not_received": sum(
            one.get("disposition") not in (None, "unknown") and one["command"] not in ids for one in ordered
        ),
        "number_twice_at_once": twice_at_once(heard),
        "above_pace": above_pace(list(_sent(heard.received, known)), pace),
        "counted_too_often": sum(count > COUNTED_MAX for count in _counted(ordered).values()),
        "notices_wrong": sum(_notices_wrong(one) for one in told),
        "unknown": sum(one.get("disposition") == "unknown" for one in ordered),
        "attempts": len(ordered),
        "attempts_not_dialled": sum(one["decision"] == "not_dialled" for one in ordered),
        "dispositions": dict(sorted(Counter(str(one.get("disposition")) for one in ordered).items())),
        "states": {one.id: {name: count for name, count in _states(one).items() if count} for one in told},
        "notices": sum(len(one.notices) for one in told),
    }


def _without_end(attempt: Mapping[str, Any]) -> bool:
    return attempt["decision"] == "dialled" and attempt.get("disposition") is None


def _later(freeze: Quieted, dial: Dial) -> bool:
    return freeze.until_ms is not None and dial.at_ms > freeze.until_ms


def _states(told: Told) -> Mapping[str, int]:
    return {name: count for name, count in told.progress.items() if isinstance(count, int) and name != "contacts"}


def _counted(attempts: Sequence[Mapping[str, Any]]) -> Counter[tuple[str, int]]:
    """By contact and round: whoever is told anew of a changed outage has attempts of his own for it."""
    return Counter((str(one["contact"]), int(one.get("round", 1))) for one in attempts if one["counted"])


def _sent(received: Sequence[Dial], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Sent]:
    """Each order that came in, as of when it was sent."""
    for dial in received:
        sent_at = known.get(dial.id, {}).get("sent_at")
        if sent_at is not None:
            yield Sent(dial.lane, round(datetime.fromisoformat(sent_at).timestamp() * 1000))


def _notices_wrong(told: Told) -> int:
    """One for each contact that was handed over, or is not called any more, and none for others. A stop recalls those
    that nobody has.
    """
    found = Counter(str(one["account"]) for one in told.notices)
    written = int(told.progress["fallback"]) + int(told.progress["suppressed"])
    return sum(count - 1 for count in found.values()) + abs(len(found) - written)


class Ringing(NamedTuple):
    """From the first ring to the last instant of ringing."""

    from_ms: int
    until_ms: int


def ringings(facts: Sequence[Fact]) -> Iterator[Ringing]:
    """Of every call."""
    for of_call in _by_order(facts).values():
        rang = next((one.at_ms for one in of_call if one.kind == "call.delivered"), None)
        if rang is not None:
            ends = (one.at_ms for one in of_call if one.kind in RINGING_ENDS and one.at_ms >= rang)
            yield Ringing(rang, max(next(ends, rang + 1) - 1, rang))


def _quiet(ringing: Ringing, zone: str) -> bool:
    return quiet(zone, ringing.from_ms) or quiet(zone, ringing.until_ms)


def twice_at_once(heard: Heard) -> int:
    """How often a number was called while a call to it lived."""
    numbers = {dial.id: dial.to for dial in heard.received}
    lives: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for id_, facts in _by_order(heard.facts).items():
        if id_ in numbers:
            ended = (one.at_ms for one in facts if one.kind == "call.callCleared")
            lives[numbers[id_]].append((facts[0].at_ms, next(ended, 1 << 62)))
    found = 0
    for of_number in lives.values():
        of_number.sort()
        found += sum(later[0] < earlier[1] for earlier, later in pairwise(of_number))
    return found


def _by_order(facts: Sequence[Fact]) -> Mapping[str, Sequence[Fact]]:
    found: dict[str, list[Fact]] = defaultdict(list)
    for one in facts:
        found[one.id].append(one)
    return found


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = [name for name in MUST_BE_0 if figures[name]]
    return wrong + [name for name in MUST_NOT_BE_0 if not figures[name]]
