"""A call's JSON, from what the ledger keeps of it: the fold of its events, measured by the profile in force.

The fold of a call with thousands of events takes a quarter of a second. The folds of a few such calls are cached, so
that the next request folds only the events since. A cached fold is valid while the timeline has changed only by events
after the last one, which their number shows. A late event, or the next incarnation, needs a new fold.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pydantic_core import from_json

from cti.core.call import advance, fold
from cti.core.call_legs import customer_of
from cti.core.call_reuse import begins_again, is_beyond
from cti.core.call_state import Call
from cti.core.facts import Fact
from cti.core.record import Identity
from cti.core.rules import RuleBook
from cti.core.view import describe
from cti.engine.live_calls import fact_of, intervention_of
from cti.rows import StoredCall, TimelineRow

KEPT_MAX = 16  # folds; a call's limits bound each
EVENTS_MIN = 500  # fewer are folded in a few milliseconds
COMMANDS_SHOWN_MAX = 200  # of one call: the newest; a call may have thousands


class Kept(NamedTuple):
    """A call's fold, and how far in its timeline it goes."""

    call: Call
    events: int
    after: tuple[int, int]  # (position, n) of the last event in the log
    latest: Fact  # the last by time


def called_party(stored: StoredCall) -> tuple[str, str] | None:
    """(subject, connection) of the leg on which a customer is; None: nobody is, or it has no name."""
    leg = customer_of(fold(stored.row.subject, [fact_of(event) for event in stored.timeline]).call.legs)
    return (stored.row.subject, leg.id) if leg is not None and leg.id else None


class Descriptions:
    """Describes calls, several at a time in threads."""

    def __init__(self, book: RuleBook, events_min: int = EVENTS_MIN) -> None:
        self._book, self._events_min = book, events_min
        self._kept: OrderedDict[str, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def whole(self, stored: StoredCall, now_ms: float) -> Mapping[str, Any]:
        """A call with its whole timeline. The timeline itself is not part of the description."""
        facts = [fact_of(event) for event in stored.timeline]
        folded = fold(stored.row.subject, facts)
        if len(facts) >= self._events_min and not folded.beyond:
            after = max(event.log_position for event in stored.timeline)
            self._keep(stored.row.call_id, Kept(folded.call, len(facts), after, max(facts, key=_order)))
        return self._described(stored, folded.call, now_ms)

    def kept(self, call_id: str) -> Kept | None:
        """What is kept of a call."""
        with self._lock:
            return self._kept.get(call_id)

    def since(self, kept: Kept, stored: StoredCall, events: int, now_ms: float) -> Mapping[str, Any] | None:
        """A call of which `stored` has the timeline after `kept.after`, and which has so many events in all. None:
        what is kept does not hold any more.
        """
        call = _advanced(kept, stored.timeline) if kept.events + len(stored.timeline) == events else None
        if call is None:
            return None
        if stored.timeline:
            latest = max([kept.latest, *map(fact_of, stored.timeline)], key=_order)
            after = max(event.log_position for event in stored.timeline)
            self._keep(stored.row.call_id, Kept(call, events, after, latest))
        return self._described(stored, call, now_ms)

    def _keep(self, call_id: str, kept: Kept) -> None:
        with self._lock:
            self._kept[call_id] = kept
            self._kept.move_to_end(call_id)
            while len(self._kept) > KEPT_MAX:
                self._kept.popitem(last=False)

    def _described(self, stored: StoredCall, call: Call, now_ms: float) -> Mapping[str, Any]:
        row = stored.row
        done = tuple([intervention_of(command) for command in stored.commands])
        who = Identity(row.call_id, row.tenant, row.source, row.subject)
        revision = 0 if stored.record is None else stored.record.revision
        described = describe(who, call, done, self._book, revision, int(now_ms))
        described["incarnation"] = row.incarnation
        sent = [command for command in stored.commands if command.body != "{}"]
        described["commands"] = [
            {**from_json(command.body), "state": command.state, "reason": command.reason}
            for command in sent[-COMMANDS_SHOWN_MAX:]
        ]
        described["commands_total"] = len(sent)
        described["interventions_total"] = len(described["interventions"])
        described["interventions"] = described["interventions"][-COMMANDS_SHOWN_MAX:]
        return described


def _advanced(kept: Kept, events: Sequence[TimelineRow]) -> Call | None:
    """The call with these events too; None where one of them is late or not this incarnation's."""
    call, latest = kept.call, kept.latest
    for fact in sorted(map(fact_of, events), key=_order):
        if fact.order < latest.order or begins_again(call, fact) or is_beyond(call, fact):
            return None
        call, latest = advance(call, fact)[0], fact
    return call


def _order(fact: Fact) -> tuple[int, int, int, str]:
    return fact.order
