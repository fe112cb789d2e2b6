"""When a callback is made, and whether the promise of it was kept (CB-1, CB-2, CB-5).

1. A callback is made at the time that it is due. One that is due in closed hours is moved: to the last allowed moment
   before it, where there is one from now on, else to the first moment after it (CB-1). The last allowed moment is the
   end of the hours less ring-out and set-up; the call is made `lead_ms` before it, so that a turn of the dialler and
   those who are due as well still leave in time.
2. An agreed time is not moved: there the customer himself has said when, and by whom it was agreed is on record. It
   holds for one attempt, +/- `agreed_ms` of the hours, and where an agreed time does not prevail within the hours.
3. The promise is kept by a call that was made until `keep_by_ms`: `late_ms` after its time, or the end of what was
   agreed. Whom the network could not connect by our fault, and of whom nobody knows, was not called. Without a result
   to tell the call is made all the same: nothing here asks for one.
4. Whoever wants no call any more (cancelled, on the do-not-call list) is owed none: such a promise is neither.
"""

from enum import StrEnum
from typing import NamedTuple

from campaigns.core.calling_hours import Asked, CallingHours, Closed, Open, judge
from campaigns.core.contact import Attempt, Contact, Step
from campaigns.core.reasons import Disposition, State
from campaigns.core.zones import DAY_MS

LOOK_BACK_MS = 7 * DAY_MS  # for an allowed moment before the time that is due
SPANS_MAX = 256  # of open hours that are looked at; a week has 14 in one zone
NOT_CALLED = frozenset(
    {
        Disposition.CONGESTION, Disposition.FAILED_OTHER, Disposition.NO_AGENT, Disposition.INVALID_NUMBER,
        Disposition.UNKNOWN,
    }
)  # fmt: skip
RELEASED = frozenset({State.CANCELLED, State.SUPPRESSED, State.PAID})


class PromiseRules(NamedTuple):
    """`soon_ms`: within which a callback without a time of its own is made, in open hours."""

    lead_ms: int = 60_000
    late_ms: int = 60_000
    soon_ms: int = 3_600_000


class Promise(NamedTuple):
    """The call is made at `call_at_ms`, and kept if it was made by `keep_by_ms`. `moved`: the hours did not allow the
    time that was due.
    """

    call_at_ms: int
    keep_by_ms: int
    moved: bool = False


class Kept(StrEnum):
    """What became of a promise."""

    KEPT = "kept"
    MISSED = "missed"


def promised(hours: CallingHours, asked: Asked, rules: PromiseRules, due_ms: int | None, now_ms: int) -> Promise | None:
    """`asked.agreed_at_ms` is the agreed time, if there is one; `due_ms` None: as soon as the hours allow.

    None: the hours never open, as far as is known.
    """
    if asked.agreed_at_ms is not None:
        return Promise(asked.agreed_at_ms, asked.agreed_at_ms + hours.agreed_ms)
    if due_ms is None:
        soon_ms = _opening(hours, asked, now_ms)
        return None if soon_ms is None else Promise(soon_ms, soon_ms + rules.soon_ms, moved=soon_ms > now_ms)
    due_ms = max(due_ms, now_ms)
    at = judge(hours, asked, due_ms)
    if isinstance(at, Open):
        return Promise(due_ms, due_ms + rules.late_ms)
    return _before(hours, asked, rules, due_ms, now_ms) or _after(at, rules)


def _before(hours: CallingHours, asked: Asked, rules: PromiseRules, due_ms: int, now_ms: int) -> Promise | None:
    """The last allowed moment before, from now on."""
    last: Open | None = None
    began_ms = at_ms = max(now_ms, due_ms - LOOK_BACK_MS)
    for _ in range(SPANS_MAX):
        answer = judge(hours, asked, at_ms)
        if isinstance(answer, Open):
            last, began_ms = answer, at_ms
            following_ms: int | None = answer.ring_until_ms
        else:
            following_ms = answer.until_ms
        if following_ms is None or following_ms >= due_ms:
            break
        at_ms = following_ms
    if last is None:
        return None
    return Promise(max(began_ms, last.dial_before_ms - rules.lead_ms), due_ms, moved=True)


def _after(at: Closed, rules: PromiseRules) -> Promise | None:
    return None if at.until_ms is None else Promise(at.until_ms, at.until_ms + rules.late_ms, moved=True)


def _opening(hours: CallingHours, asked: Asked, now_ms: int) -> int | None:
    answer = judge(hours, asked, now_ms)
    return now_ms if isinstance(answer, Open) else answer.until_ms


def outcome_of(contact: Contact, now_ms: int) -> Kept | None:
    """What became of the contact's promise; None: it has none, is owed none, or nobody can say yet."""
    keep_by_ms = contact.keep_by_ms
    if keep_by_ms is None:
        return None
    in_time = [attempt for attempt in contact.attempts if not attempt.written and attempt.at_ms <= keep_by_ms]
    if any(_called(attempt) for attempt in in_time):
        return Kept.KEPT
    if contact.state in RELEASED or any(_may_still(attempt) for attempt in in_time):
        return None
    return Kept.MISSED if now_ms > keep_by_ms or contact.final else None


def _called(attempt: Attempt) -> bool:
    """A call was made: whoever did not answer, or was busy, was called."""
    return attempt.step is Step.OVER and attempt.disposition not in NOT_CALLED


def _may_still(attempt: Attempt) -> bool:
    return attempt.step is Step.OPEN or (attempt.step is Step.HELD and not attempt.counted)


def look_at_ms(contact: Contact, now_ms: int) -> int | None:
    """When it is to be looked at whether the promise was missed; None: no clock tells."""
    keep_by_ms = contact.keep_by_ms
    if keep_by_ms is None or contact.final or now_ms > keep_by_ms:
        return None
    return keep_by_ms + 1
