"""How a campaign will go: `decide` and `after` walk a sample of its contacts through to their ends.

Nothing else decides here either: hours, retries, deadlines and the third attempt's part of the day are those of the
dialler. What nobody knows beforehand, what each call comes to, is dealt out by given shares and evenly (multiples of
the golden ratio, modulo 1: any run of calls has about its shares), so that the same question has the same answer. A
sample of one in `scale` contacts is walked at that part of the pace. Other campaigns, shared numbers and the day's cap
over them are left out: they can only make it later.
"""

from bisect import bisect
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from itertools import accumulate
from math import ceil
from typing import NamedTuple, TypeVar

from campaigns.core.after import Closed, Dialled, Ended, HandedOver, after
from campaigns.core.campaign import Campaign
from campaigns.core.contact import Contact, Step
from campaigns.core.decide import Close, Dial, decide
from campaigns.core.dispositions import MINUTE_MS
from campaigns.core.reasons import WRITTEN, Disposition, State
from campaigns.core.waiting import WaitUntil, World
from campaigns.core.zones import local_day

LOOKS_MAX = 200  # at one contact: an important one is called until somebody confirms
LOOKS_AT_ONCE = 50  # some milliseconds
GOLDEN = 0.6180339887498949
HORIZON_MS = 60 * 24 * 60 * MINUTE_MS


Key = TypeVar("Key")


class Call(NamedTuple):
    """What a call of one disposition is like. `share`: of all calls, any scale; `lasts_ms`: ringing included."""

    share: float
    lasts_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """`per_second`, `at_once`: the pace of the whole campaign. `scale`: so many contacts stand behind each given one.
    `delivered`: the share of messages that arrive; `message_ms`: until that is known.
    """

    start_ms: int
    per_second: float
    at_once: int
    calls: Mapping[Disposition, Call]
    scale: float = 1.0
    delivered: float = 1.0
    message_ms: int = MINUTE_MS

    @property
    def a_second(self) -> float:
        """Calls a second, as the lines allow them."""
        total = sum(call.share for call in self.calls.values())
        mean_s = sum(call.share * call.lasts_ms for call in self.calls.values()) / total / 1000
        return min(self.per_second, self.at_once / mean_s) if mean_s else self.per_second


class Walked(NamedTuple):
    """One of the given contacts, with the campaign of its own deadlines."""

    contact: Contact
    campaign: Campaign
    notice_out_by_ms: int | None = None


@dataclass(slots=True)
class Rehearsed:
    """What is counted.

    `first_dial_ms`, `last_dial_ms`, `finish_ms`: None where there is none; `finish_ms` is when the last contact that
    comes to an end does so. `open`: contacts that do not: with a person, or beyond the horizon. `by_hour`: calls by the
    hour since 1970 in which they begin. `out_missed`: whose `notice_out_by` passes untried. `handed_over`: by `why`;
    None: the attempts are used up.
    """

    calls: float = 0.0
    messages: float = 0.0
    first_dial_ms: int | None = None
    last_dial_ms: int | None = None
    finish_ms: int | None = None
    peak_lines: int = 0
    open: float = 0.0
    outcomes: dict[State, float] = field(default_factory=dict)
    handed_over: dict[str | None, float] = field(default_factory=dict)
    out_met: float = 0.0
    out_missed: float = 0.0
    by_hour: dict[int, float] = field(default_factory=dict)


class Rehearsal:
    """Walks until `over`, a bounded number of looks at a time. A contact goes when it is due, the earlier first."""

    def __init__(self, walked: Sequence[Walked], plan: Plan) -> None:
        self._plan = plan
        self._dealt = 0
        self._slot_ms = 1000 / (plan.a_second / plan.scale)
        self._free_ms = float(plan.start_ms)
        self._made = Rehearsed()
        self._live: list[float] = []  # ends of calls, as a heap
        self._most_live = 0
        self._outcomes = list(plan.calls)
        self._upto = list(accumulate(call.share for call in plan.calls.values()))
        self._walked = [self._without_open(entry) for entry in walked]
        self._looks = [0] * len(walked)
        self._due = [(float(plan.start_ms), at) for at in range(len(walked))]
        heapify(self._due)

        self._ready: deque[int] = deque()  # may be called, and wait for their slot

    @property
    def over(self) -> bool:
        return not self._due and not self._ready

    def go_on(self) -> None:
        """LOOKS_AT_ONCE more."""
        for _ in range(LOOKS_AT_ONCE):
            if self.over:
                return
            if self._ready and (not self._due or self._free_ms <= self._due[0][0]):
                at_ms, which = self._free_ms, self._ready.popleft()
            else:
                at_ms, which = heappop(self._due)
            self._looks[which] += 1
            later_ms = None
            if self._looks[which] <= LOOKS_MAX and at_ms <= self._plan.start_ms + HORIZON_MS:
                later_ms = self._look(which, at_ms)
            if later_ms is None:
                self._ended(self._walked[which], at_ms)
            elif later_ms == at_ms:
                self._ready.append(which)
            else:
                heappush(self._due, (later_ms, which))

    def made(self) -> Rehearsed:
        """Figures of the whole campaign, once it is over."""
        made, scale = self._made, self._plan.scale
        lines = ceil(self._plan.a_second * self._longest_s()) if made.calls else 0
        return Rehearsed(
            calls=made.calls * scale,
            messages=made.messages * scale,
            first_dial_ms=made.first_dial_ms,
            last_dial_ms=made.last_dial_ms,
            finish_ms=made.finish_ms,
            peak_lines=min(self._plan.at_once, ceil(self._most_live * scale), lines),
            open=made.open * scale,
            outcomes={state: count * scale for state, count in made.outcomes.items()},
            handed_over={why: count * scale for why, count in made.handed_over.items()},
            out_met=made.out_met * scale,
            out_missed=made.out_missed * scale,
            by_hour={hour: count * scale for hour, count in sorted(made.by_hour.items())},
        )

    def _look(self, which: int, at_ms: float) -> float | None:
        """When to look again; at once: as soon as there is a slot; None: never."""
        contact, campaign, _ = entry = self._walked[which]
        now_ms = int(at_ms)
        decision = decide(contact, campaign, self._world(contact, campaign, now_ms), now_ms)
        if isinstance(decision, WaitUntil):
            return None if decision.at_ms is None else float(max(decision.at_ms, now_ms + 1))
        if isinstance(decision, Dial):
            written = decision.channel in WRITTEN
            if not written and self._free_ms > at_ms:
                return at_ms
            return self._dial(which, decision, now_ms, written=written)
        if isinstance(decision, Close):
            if not contact.final:
                self._walked[which] = entry._replace(contact=after(contact, Closed(decision.state), campaign))
            return None
        _add(self._made.handed_over, decision.why)
        contact = after(contact, HandedOver(), campaign)
        self._walked[which] = entry._replace(contact=contact)
        return None if contact.final else now_ms + 1.0

    def _world(self, contact: Contact, campaign: Campaign, now_ms: int) -> World:
        zone = campaign.zone
        today = local_day(now_ms, zone)
        calls = sum(attempt.rang and local_day(attempt.at_ms, zone) == today for attempt in contact.attempts)
        return World(calls_today=calls, switch_heard_ms=now_ms)

    def _without_open(self, entry: Walked) -> Walked:
        """What is under way comes to its end at once, as what is dialled does."""
        contact = entry.contact
        for attempt in contact.this_round:
            if attempt.step is Step.OPEN:
                outcome = self._outcome(written=attempt.written)
                contact = after(
                    contact, self._over(attempt.n, self._plan.start_ms, outcome, attempt.written), entry.campaign
                )
        return entry._replace(contact=contact)

    def _outcome(self, *, written: bool) -> Disposition:
        if written:
            return Disposition.REACHED if self._next() < self._plan.delivered else Disposition.FAILED_OTHER
        return self._outcomes[bisect(self._upto, self._next() * self._upto[-1])]

    def _over(self, n: int, ends_ms: int, outcome: Disposition, written: bool) -> Ended:
        rang = not written and outcome is not Disposition.INVALID_NUMBER
        return Ended(n, ends_ms, outcome, rang=rang, confirmed=outcome is Disposition.REACHED and not written)

    def _dial(self, which: int, decision: Dial, now_ms: int, *, written: bool) -> float:
        contact, campaign, _ = entry = self._walked[which]
        contact = after(contact, Dialled(now_ms, decision.channel, decision.number), campaign)
        n = contact.attempts[-1].n
        outcome = self._outcome(written=written)
        if written:
            self._made.messages += 1
            ends_ms = now_ms + self._plan.message_ms
        else:
            ends_ms = now_ms + self._plan.calls[outcome].lasts_ms
            self._count(now_ms, ends_ms)
        ended = self._over(n, ends_ms, outcome, written)
        self._walked[which] = entry._replace(contact=after(contact, ended, campaign))
        return float(ends_ms)

    def _next(self) -> float:
        """From 0 on, below 1."""
        self._dealt += 1
        return self._dealt * GOLDEN % 1

    def _count(self, now_ms: int, ends_ms: int) -> None:
        made = self._made
        made.calls += 1
        made.first_dial_ms = now_ms if made.first_dial_ms is None else made.first_dial_ms
        made.last_dial_ms = now_ms
        _add(made.by_hour, now_ms // (60 * MINUTE_MS))
        self._free_ms = max(self._free_ms, now_ms) + self._slot_ms
        while self._live and self._live[0] <= now_ms:
            heappop(self._live)
        heappush(self._live, ends_ms)
        self._most_live = max(self._most_live, len(self._live))

    def _longest_s(self) -> float:
        """The longest call that there may be: at full pace such calls fill the most lines."""
        return max((call.lasts_ms for call in self._plan.calls.values() if call.share), default=0) / 1000

    def _ended(self, entry: Walked, at_ms: float) -> None:
        made, contact = self._made, entry.contact
        if contact.final:
            _add(made.outcomes, contact.state)
            made.finish_ms = max(made.finish_ms or 0, int(at_ms))
        else:
            made.open += 1
        if entry.notice_out_by_ms is not None:
            out_ms = contact.notice_out_ms
            met = out_ms is not None and out_ms <= entry.notice_out_by_ms
            made.out_met += met
            made.out_missed += not met and not (contact.final and at_ms <= entry.notice_out_by_ms)


def _add(counts: dict[Key, float], key: Key) -> None:
    counts[key] = counts.get(key, 0) + 1
