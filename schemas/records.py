"""The call record (`ringback.call.record.v1`) and the digest over many.

One record a call, published again with the next `revision` when a fact comes in after its end. Seconds are decimals
to the millisecond, times RFC 3339. `interventions`, `holds[].notices_played` and HOLD-2's breach tell what was lived,
once; all the rest is a pure function of the events.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from schemas.call_events import Direction
from schemas.commands import RuleId
from schemas.fields import Q850, CallId, Code, Count, Message, Name, Number, Seconds, Time

LIVED_BREACH = "HOLD-2"
"""The rule whose breach depends on what was played, not on the events alone."""


class Offer(Message):
    """One ringing of one device. `talk_s`: how long its agent was then with the customer, connected or held."""

    agent: Code | None = None
    device: Name | None = None
    delivered_at: Time
    ended_at: Time
    ring_s: Seconds
    result: Literal["answered", "redirected", "notAnswered", "rejected", "abandoned", "failed"]
    talk_s: Seconds | None = None


class Hold(Message):
    """One hold; overlapping hold and mute of a leg are one. `notices_owed`: ceil(seconds / interval) - 1 (HOLD-2)."""

    by: Literal["agent", "customer"]
    muted: bool
    started_at: Time
    seconds: Seconds
    notices_owed: Count
    notices_played: Count


class Transfer(Message):
    """One hand-over."""

    at: Time
    kind: Literal["blind", "attended"]
    to: CallId | None = None
    reason: Code | None = None


class Breach(Message):
    """One broken rule. `offer` and `hold`: places in the lists; `limit`, `actual`: seconds (HOLD-2: notices)."""

    rule: RuleId
    at: Time
    limit: Seconds | None = None
    actual: Seconds | None = None
    offer: Count | None = None
    hold: Count | None = None
    agent: Code | None = None


class Intervention(Message):
    """One command that a rule gave; `outcome` is null while it is under way, `reason` says why it was refused."""

    rule: RuleId
    command: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    due_at: Time
    outcome: Literal["done", "refused", "unanswered", "overtaken"] | None = None
    reason: Code | None = None


class Keys(Message):
    """What a called party pressed at one time."""

    at: Time
    digits: Annotated[str, StringConstraints(max_length=64)]


class Heard(Message):
    """A message that a called party heard; `completed`: to its end."""

    at: Time
    message: Name
    completed: bool


class Dialled(Message):
    """Facts of a call that a dial order made: when it rang, what was pressed and heard, an agent's answer, and the time
    that he named with his disposition.
    """

    rang_at: Time | None = None
    keys: list[Keys]
    messages: list[Heard]
    agent_answered_at: Time | None = None
    agent_due_at: Time | None = None


class CallRecord(Message):
    """A call that has ended.

    `wait_s`: queued until the first answer, in `queue`; `waited_again_s`: queued after it. `ended_waiting`: he was
    in a queue when he left or the call ended. `talk_s`: somebody of ours was with the customer, connected or held.
    `clock_stepped`: the end was stamped before the beginning (a clock set back), so the latest fact is the end.
    `dialled`: only if a dial order made the call (`direction` outbound, with the order's `commandid`). Then `cause` and
    `q850` are the first of the called party's leg, and `tone` is the first.
    """

    call: Name
    source: CallId
    subject: CallId
    tenant: Code
    correlation: CallId | None = None
    revision: Annotated[int, Field(ge=1)]
    profile: Name
    commandid: Name | None = None
    direction: Direction | None = None
    calling: Number | None = None
    called: Number | None = None
    trunk: Name | None = None
    queue: Code | None = None
    opened_at: Time
    ended_at: Time
    outcome: Literal["answered", "abandoned", "failed", "lost", "stale"]
    wait_s: Seconds
    waited_again_s: Seconds | None = None
    ended_waiting: bool | None = None
    answer_s: Seconds | None = None
    answered_at: Time | None = None
    talk_s: Seconds
    hold_s: Seconds
    released_by: Literal["customer", "agent", "network", "unknown"]
    release_reason: Code | None = None
    cause: Code | None = None
    q850: Q850 | None = None
    tone: Code | None = None
    machine: Literal["human", "machine", "faxOrModem", "unknown"] | None = None
    digits: Annotated[str, StringConstraints(max_length=4096)] | None = None
    announcements: list[Name]
    agent_disposition: Code | None = None
    identity_verified: bool
    survey: Annotated[int, Field(ge=0, le=100)] | None = None
    clock_stepped: bool | None = None
    dialled: Dialled | None = None
    offers: list[Offer]
    holds: list[Hold]
    transfers: list[Transfer]
    breaches: list[Breach]
    interventions: list[Intervention]


def canonical(record: Mapping[str, Any]) -> bytes:
    """One form for one content: UTF-8 JSON, members sorted by name, no white space, only what must be escaped is.

    A decimal number without a fraction is written as a whole one (15.0 as 15), as RFC 8785 does: a database may
    give back either. Raises ValueError for NaN and infinity.
    """
    plain = _plain(record)
    return json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(child) for child in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def judged(record: Mapping[str, Any]) -> dict[str, Any]:
    """What is a pure function of the events: no `revision`, `interventions`, `notices_played`, HOLD-2 breach."""
    kept = {key: value for key, value in record.items() if key not in {"revision", "interventions"}}
    kept["holds"] = [{key: value for key, value in hold.items() if key != "notices_played"} for hold in kept["holds"]]
    kept["breaches"] = [breach for breach in kept["breaches"] if breach["rule"] != LIVED_BREACH]
    return kept


def records_digest(records: Iterable[Mapping[str, Any]]) -> str:
    """SHA-256 in hexadecimal over the latest revision of each call's record, in ascending order of `call` (byte order
    of its UTF-8).

    Of each record: `judged`, then `canonical`, then one line feed. The caller brings order and uniqueness: ValueError
    where `call` does not rise.
    """
    digest, last = hashlib.sha256(), b""
    for record in records:
        call = str(record["call"]).encode()
        if call <= last:
            raise ValueError(f"records out of order: {call!r} after {last!r}")
        digest.update(canonical(judged(record)) + b"\n")
        last = call
    return digest.hexdigest()
