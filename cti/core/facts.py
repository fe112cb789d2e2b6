"""One event as the core sees it, and the order of a call's events.

A call's events are a **set ordered by (time, sequence, kind rank, id)**. The order in which they arrived plays no part,
so a shuffled, late or repeated history folds to the same call.

`history` packs a call's facts into one bytes object (a live call costs its facts once, without Python objects).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import from_json, to_json

from schemas.call_events import KIND_RANK

# The kinds that open a call by the norm.
FIRST_KINDS: Final = frozenset({"offered", "serviceInitiated", "originated"})
# The kinds that may open a call. The others replace a lost opening event: a caller who was queued, rung or answered was
# there.
OPENING_KINDS: Final = FIRST_KINDS | {"queued", "delivered", "established"}
CLEARED: Final = "callCleared"
STALE: Final = "stale"  # derived: absent from its switch's snapshot; dated as the snapshot is
LOST: Final = "lost"  # derived: silent for longer than call_idle_max_s; dated when noticed, by the switch's clock
PRESENT: Final = "present"  # derived: a snapshot names the call
GIVEN_UP_KINDS: Final = frozenset({STALE, LOST})
# The kinds that may follow a call's end and still belong to its record.
AFTERWARDS_KINDS: Final = frozenset(
    {"commandResult", "surveyScored", "recordingAvailable", "agentAction", "identityVerified", "messageReport"}
)
# The kinds that answer a command. They may be added to a known call, and never open one.
RESULT_KINDS: Final = frozenset({"commandResult", "messageReport"})
# The kinds that do not prove that the call goes on at the switch.
SILENT_KINDS: Final = AFTERWARDS_KINDS | GIVEN_UP_KINDS | {PRESENT}
REINCARNATION_MS: Final = 300_000  # contract, Identity: switches reuse call ids, but not within 300 s
_LAST_RANK: Final = 1_000
_MIDDLE_RANK: Final = 500


@dataclass(slots=True, init=False)
class Fact:
    """What happened to a call: ordered by its first four fields."""

    at_ms: int
    sequence: int  # -1 where the switch has none
    rank: int
    id: str
    kind: str
    body_hash: int
    data: Mapping[str, Any]

    def __init__(
        self,
        at_ms: int,
        sequence: int,
        rank: int,
        event_id: str,
        kind: str,
        body_hash: int,
        data: Mapping[str, Any],
    ) -> None:
        self.at_ms = at_ms
        self.sequence = sequence
        self.rank = rank
        self.id = event_id
        self.kind = kind
        self.body_hash = body_hash
        self.data = data

    @property
    def order(self) -> tuple[int, int, int, str]:
        """What a call's facts are sorted by."""
        return self.at_ms, self.sequence, self.rank, self.id


def fact(at_ms: int, sequence: int | None, event_id: str, kind: str, body_hash: int, data: Mapping[str, Any]) -> Fact:
    """Build a fact; its rank follows from its kind."""
    return Fact(at_ms, -1 if sequence is None else sequence, rank_of(kind), event_id, kind, body_hash, data)


def rank_of(kind: str) -> int:
    """offered < queued < delivered < established < ... < cleared; derived closings come last (docs/integrators.md,
    Time).
    """
    if kind in (STALE, LOST):
        return _LAST_RANK
    return KIND_RANK.get(kind, _MIDDLE_RANK)


def pack(fact: Fact, data_json: bytes) -> bytes:
    """A fact as a JSON array; `data_json` is its data, already serialised for the timeline."""
    head = to_json((fact.at_ms, fact.sequence, fact.id, fact.kind, fact.body_hash))
    return b"%b,%b]" % (head[:-1], data_json)


def unpack(history: bytes) -> list[Fact]:
    """Every fact of a packed history, in the order of arrival."""
    rows = from_json(b"[" + history + b"]")
    return [
        Fact(at, seq, rank_of(kind), event_id, kind, digest, data) for at, seq, event_id, kind, digest, data in rows
    ]


def join(history: bytes, packed: bytes) -> bytes:
    """A history with one more fact."""
    return history + b"," + packed if history else packed


def find(history: bytes, event_id: str) -> int | None:
    """The body hash under which this event id is kept, or None. It searches in bytes: a miss costs next to nothing."""
    if history.find(to_json(event_id)) < 0:
        return None
    return next((fact.body_hash for fact in unpack(history) if fact.id == event_id), None)


def in_order(facts: Iterable[Fact]) -> list[Fact]:
    """The facts as the fold takes them."""
    return sorted(facts, key=_order)


def _order(fact: Fact) -> tuple[int, int, int, str]:
    return fact.order
