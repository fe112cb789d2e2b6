"""How a call ends: cleared, given up, or by an end that was stamped before its beginning. Called by `call`.

* callCleared ends a call for good. That a later snapshot lacks it is noted: its id is free again.
* A call that its switch's snapshot lacks (stale), or that was silent for too long (lost), is given up: it ends at its
  latest fact, without having been cleared. A later fact that dates from before the snapshot moves that end; one that
  dates from after it proves that the call goes on.
* An end without an earlier opening belongs to the open call (a clock was set back): the call ends at its latest fact.
* So an end that was not announced in order is tentative: the call keeps its state before that end, and the next fact
  continues from there.
"""

from typing import Final

from cti.core import call_intervals as intervals
from cti.core import call_offers as offers
from cti.core.call_state import ENDED, OPEN, Call
from cti.core.facts import CLEARED, STALE, Fact
from cti.core.leg_set import NO_LEGS
from schemas.reasons import Ignored

EARLY_ENDS_MAX: Final = 16  # kept of a call
CLOCK_STEP_MAX_MS: Final = 86_400_000  # an end stamped longer before its call is not explained by a clock set back


def ended(call: Call, at_ms: int, kind: str) -> None:
    """End the call at this time; `concluded` ends its intervals, because the next fact may revise a tentative end."""
    if call.phase is not OPEN:
        call.opened_at_ms = at_ms
    call.legs, call.concludes = NO_LEGS, True
    call.phase, call.ended_ms, call.ended_by = ENDED, at_ms, kind


def concluded(call: Call) -> Call:
    """The call; if it has ended, so have its intervals, of which it may have thousands. No further fact follows now."""
    if call.concludes and call.ended_ms is not None:
        offers.all_ended(call, call.ended_ms)
        intervals.settle(call, NO_LEGS, call.ended_ms, "")
        call.concludes = False
    return call


def given_up(call: Call, fact: Fact) -> Ignored | None:
    """stale, lost: the call ends at its latest fact, until another fact changes that."""
    kept = call.tentative
    absent_ms = fact.at_ms if kept.absent_ms is None else kept.absent_ms
    call.tentative = kept._replace(absent_ms=absent_ms)
    before = call.copy()
    ended(call, call.latest_ms or fact.at_ms, fact.kind)
    call.tentative = kept._replace(absent_ms=absent_ms, before=before)
    return None


def lacked(call: Call, fact: Fact) -> Ignored | None:
    """stale, for a call that has ended: where it ended before the snapshot, its id may be used again at once."""
    kept, ended_ms = call.tentative, call.ended_ms
    known = kept.absent_ms is not None and (ended_ms is None or kept.absent_ms >= ended_ms)
    if known or fact.kind != STALE:
        return Ignored.NO_CHANGE
    before = None if kept.before is None else kept.before.copy()
    if before is not None:
        before.tentative = before.tentative._replace(absent_ms=fact.at_ms)
    call.tentative = kept._replace(absent_ms=fact.at_ms, before=before)
    return None


def reused(call: Call) -> None:
    """End an open call as stale: its id belongs to another call from now on."""
    if call.phase is OPEN:
        ended(call, call.latest_ms, STALE)


def early_end(call: Call, fact: Fact) -> Ignored:
    """Keep an end that comes before any opening: the clock may have been set back."""
    kept = call.tentative
    if len(kept.early_ends) < EARLY_ENDS_MAX:
        call.tentative = kept._replace(early_ends=(*kept.early_ends, fact))
    return Ignored.NO_SUCH_CALL


def early_ends_of(call: Call) -> list[Fact]:
    """What ends the open call early, if its clearing is among it; as it happened at the call's latest fact."""
    oldest_ms = call.opened_at_ms - CLOCK_STEP_MAX_MS
    early = [fact for fact in call.tentative.early_ends if fact.at_ms >= oldest_ms]
    if call.phase is not OPEN or all(fact.kind != CLEARED for fact in early):
        return []
    at_ms = call.latest_ms
    return [
        Fact(at_ms, fact.sequence, fact.rank, fact.id, fact.kind, fact.body_hash, fact.data)
        for fact in sorted(early, key=_clearing_last)
    ]


def _clearing_last(fact: Fact) -> bool:
    return fact.kind == CLEARED


def stepped(call: Call, before: Call) -> None:
    """The call ended by an early end; `before`: as it was without."""
    call.tentative = call.tentative._replace(before=before, clock_stepped=True)


def resumed(call: Call) -> Call:
    """The call without its tentative end; what was noted since stays noted. The call given is the caller's own."""
    before = call.tentative.before
    if before is None:
        return call
    going_on = before.copy()
    going_on.extras = call.extras._replace(dialled=before.extras.dialled)
    return going_on
