"""One call id, several calls: which fact begins the next incarnation (docs/integrators.md, Identity).

* After callCleared: an opening more than 300 s later. Until then openings are ignored, unless a snapshot of after the
  clearing lacked the call.
* After a snapshot that lacked the call, or after too long a silence: an opening at once. If only a stand-in for the
  opening was seen (queued, delivered, established): 300 s later.
* While the call is open: a second opening of the caller's leg, more than 300 s after the call's latest fact or from
  another caller. The call ends as stale at that fact.
"""

from typing import Final

from cti.core.call_state import ENDED, PHASE_NULL, Call
from cti.core.fact_data import OpeningData, opening_data
from cti.core.facts import AFTERWARDS_KINDS, CLEARED, FIRST_KINDS, OPENING_KINDS, REINCARNATION_MS, Fact
from cti.core.legs import LEG_TABLE

DIGITS_COMPARED_MIN: Final = 3  # fewer digits in common say nothing


def begins_again(call: Call, fact: Fact) -> bool:
    """Whether this fact, which is later than all of the call's, opens the next incarnation."""
    if fact.kind not in OPENING_KINDS or call.phase is PHASE_NULL:
        return False
    absent_ms = call.tentative.absent_ms
    if _is_cleared(call):
        return is_beyond(call, fact) or (fact.kind in FIRST_KINDS and _was_free(call, fact.at_ms))
    if fact.kind in FIRST_KINDS:
        return (absent_ms is not None and fact.at_ms > absent_ms) or _opens_again(call, fact)
    return call.phase is ENDED and absent_ms is not None and fact.at_ms > absent_ms + REINCARNATION_MS


def is_beyond(call: Call, fact: Fact) -> bool:
    """Whether this fact can only be the next incarnation's, whose opening may still be on its way."""
    if call.ended_ms is None or not _is_cleared(call) or fact.kind in AFTERWARDS_KINDS:
        return False
    return fact.at_ms > call.ended_ms + REINCARNATION_MS


def _was_free(call: Call, at_ms: int) -> bool:
    """Whether, before this time, a snapshot of after the clearing lacked the call."""
    absent_ms, ended_ms = call.tentative.absent_ms, call.ended_ms
    return absent_ms is not None and ended_ms is not None and ended_ms <= absent_ms < at_ms


def _is_cleared(call: Call) -> bool:
    return call.ended_by == CLEARED and not call.tentative.clock_stepped


def _opens_again(call: Call, fact: Fact) -> bool:
    """A second opening of the caller's leg, long after the latest fact or from another caller."""
    data = opening_data(fact)
    if data.commandid is not None and data.commandid == call.opening.commandid:
        return False  # one order makes one call
    if not _is_second(call, fact.kind, data.connection):
        return False
    return fact.at_ms > call.latest_ms + REINCARNATION_MS or _another_caller(call, fact.kind, data)


def _is_second(call: Call, kind: str, connection: str | None) -> bool:
    """offered is always of the caller's leg; the others may be of a leg that joins, or bring the first leg further."""
    if kind == "offered":
        return True
    if connection is not None and connection != call.opening.connection:
        return False
    leg = call.legs.named(connection or "")
    return leg is None or (leg.state, kind) not in LEG_TABLE


def _another_caller(call: Call, kind: str, data: OpeningData) -> bool:
    """Whether the caller differs; only openings of one kind are compared, since others may format it differently."""
    known, new = call.opening.calling, data.calling
    if not known or not new or kind != call.opening.kind or known == new:
        return False
    short, long = sorted(("".join(filter(str.isdigit, number)).lstrip("0") for number in (known, new)), key=len)
    return len(short) < DIGITS_COMPARED_MIN or not long.endswith(short)
