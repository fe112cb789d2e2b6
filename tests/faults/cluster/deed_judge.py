"""The judgement of what a manager did while campaigns ran under faults: by what the switch received, and when the
manager was answered. Pure.

What is acknowledged at once (a payment, an entry, a drain, other settings) holds for every order that a gateway had not
claimed by then: one that it had may still come in (docs/campaigns.md, who comes second). What is asked about until it
is acknowledged (a withdrawal, a revision) holds, once it is, for whatever comes in. An order that came after its own
expiry rang nobody. All times are milliseconds since the epoch, by the clock of the machine.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from tests.faults.cluster.campaign_judge import Dial, Heard, Told
from tests.faults.cluster.order_judge import Sent, above_pace

MUST_BE_0 = (
    "called_after_settlement", "called_after_do_not_call", "called_after_cancellation", "closed_otherwise",
    "called_after_withdrawal", "called_after_drain",
    "called_outside_windows", "above_changed_pace", "told_of_what_is_paid", "told_old_words", "told_needlessly",
    "not_told_again", "callbacks_early", "callbacks_undecided", "callbacks_kept_uncalled",
    "callbacks_missed_though_called", "deeds_unacknowledged",
)  # fmt: skip
MUST_NOT_BE_0 = ("closed_uncalled", "spared", "told_again", "callbacks_called")
LEAVES_MS = 2_000  # an order that was made by then may leave for so long
SETTLED, DO_NOT_CALL, WITHDRAWN, CALLED_OFF = "settlement", "do_not_call", "withdrawal", "cancellation"
ENDED_AS = frozenset({"paid", "suppressed", "reached", "promised", "disputed", "fallback"})
ANSWERED, RANG = "call.established", "call.delivered"


class Barred(NamedTuple):
    """Nobody calls these numbers any more. `campaign` None: for any. `is_final`: no order is left that was claimed."""

    what: str  # SETTLED, DO_NOT_CALL, WITHDRAWN or CALLED_OFF
    numbers: frozenset[str]
    campaign: str | None
    at_ms: int
    is_final: bool = False


class Closed(NamedTuple):
    """An account of the campaign of arrears whose contact has ended so, unless a call had ended it before."""

    account: str
    state: str


class Paid(NamedTuple):
    """A part of what is owed there. `words`: how it is told of."""

    campaign: str
    numbers: frozenset[str]
    words: str
    at_ms: int


class Revised(NamedTuple):
    """An outage of these numbers. Answered at `at_ms`; nobody is told `old` any more from `acknowledged_ms` on."""

    campaign: str
    numbers: frozenset[str]
    old: str
    new: str
    at_ms: int
    acknowledged_ms: int
    cancels: bool


class Drained(NamedTuple):
    campaign: str
    at_ms: int


class Changed(NamedTuple):
    """Other settings, until others are asked for. `pace`: calls a second; None: its windows are closed."""

    campaign: str
    at_ms: int
    until_ms: int
    pace: int | None


class Promised(NamedTuple):
    """A callback, not to be called before `from_ms`. `promise`: kept, missed, or None, at the end."""

    campaign: str
    number: str
    from_ms: int
    keep_by_ms: int
    promise: str | None


@dataclass(slots=True)
class Deeds:
    """What was asked for, by kind, and what was acknowledged."""

    asked: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    barred: list[Barred] = field(default_factory=list)
    closed: list[Closed] = field(default_factory=list)
    states: dict[str, tuple[str, str]] = field(default_factory=dict)  # account -> (contact, state) at the end
    paid: list[Paid] = field(default_factory=list)
    revised: list[Revised] = field(default_factory=list)
    drained: list[Drained] = field(default_factory=list)
    changed: list[Changed] = field(default_factory=list)
    promised: list[Promised] = field(default_factory=list)


class _Seen(NamedTuple):
    """What the judges look at. `made`: by command; `claimed_ms`: when a gateway took the order, by command."""

    heard: Heard
    made: Mapping[str, Mapping[str, Any]]
    claimed_ms: Mapping[str, int]

    def is_new(self, dial: Dial, at_ms: int) -> bool:
        """Whether it came in after this instant and nobody had claimed it by then."""
        claimed_ms = self.claimed_ms.get(dial.id)
        return dial.in_time and dial.at_ms > at_ms and (claimed_ms is None or claimed_ms > at_ms)


def deed_figures(heard: Heard, told: Sequence[Told], deeds: Deeds) -> dict[str, Any]:
    """`told`: of every campaign."""
    made = {one["command"]: one for of in told for one in of.attempts if one.get("command")}
    claimed_ms = {command: _ms(one["sent_at"]) for command, one in made.items() if one.get("sent_at")}
    seen = _Seen(heard, made, claimed_ms)
    barred = Counter(one.what for one in deeds.barred for dial in heard.received if _is_barred(seen, dial, one))
    outdated = [_Outdated.of(heard, one) for one in deeds.revised]
    return {
        "called_after_settlement": barred[SETTLED],
        "called_after_do_not_call": barred[DO_NOT_CALL],
        "called_after_withdrawal": barred[WITHDRAWN],
        "called_after_cancellation": barred[CALLED_OFF],
        "closed_otherwise": sum(_closed_otherwise(seen, deeds, one) for one in deeds.closed),
        "closed_uncalled": sum(_is_uncalled(seen, deeds, one) for one in deeds.closed),
        "called_after_drain": sum(_after_drain(seen, one) for one in deeds.drained),
        "called_outside_windows": sum(_outside(seen, one) for one in deeds.changed if one.pace is None),
        "above_changed_pace": sum(_too_fast(seen, one) for one in deeds.changed),
        "told_of_what_is_paid": sum(_of_paid(seen, dial, one) for one in deeds.paid for dial in heard.received),
        "told_old_words": sum(_old_word(seen, dial, one) for one in deeds.revised for dial in heard.received),
        "told_needlessly": sum(_needlessly(seen, one) for one in deeds.revised if one.cancels),
        "not_told_again": left_to_tell(heard, deeds.revised),
        "told_again": sum(len(one.heard & one.again) for one in outdated),
        "spared": sum(_spared(seen, one) for one in deeds.barred),
        **_callbacks(seen, deeds.promised),
        "deeds": {
            kind: {"asked": count, "acknowledged": deeds.acknowledged[kind]}
            for kind, count in sorted(deeds.asked.items())
        },
        "deeds_unacknowledged": sum((deeds.asked - deeds.acknowledged).values()),
    }


def _ms(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1000)


# -- who is not to be called -------------------------------------------------------------------------------------------


def _is_barred(seen: _Seen, dial: Dial, one: Barred) -> bool:
    if dial.to not in one.numbers or one.campaign not in (None, dial.campaign):
        return False
    return (dial.in_time and dial.at_ms > one.at_ms) if one.is_final else seen.is_new(dial, one.at_ms)


def _spared(seen: _Seen, one: Barred) -> int:
    """Numbers that nobody has called at all: for them it came before the call."""
    return len(one.numbers - {dial.to for dial in seen.heard.received})


def _closed_otherwise(seen: _Seen, deeds: Deeds, one: Closed) -> bool:
    """Nobody had reached him: nothing but the deed can have ended it; and whatever has, it has ended."""
    _, state = deeds.states.get(one.account, ("", "missing"))
    return state != one.state if _is_uncalled(seen, deeds, one) else state not in ENDED_AS


def _is_uncalled(seen: _Seen, deeds: Deeds, one: Closed) -> bool:
    contact, _ = deeds.states.get(one.account, ("", ""))
    return all(made["contact"] != contact for command, made in seen.made.items() if command in seen.claimed_ms)


def _of_paid(seen: _Seen, dial: Dial, one: Paid) -> bool:
    is_his = dial.campaign == one.campaign and dial.to in one.numbers
    return is_his and one.words in dial.words and seen.is_new(dial, one.at_ms)


def _after_drain(seen: _Seen, drained: Drained) -> int:
    """Calls to contacts with whom nothing was begun."""
    begun = {
        one["contact"] for command, one in seen.made.items() if seen.claimed_ms.get(command, 1 << 62) <= drained.at_ms
    }
    return sum(
        dial.campaign == drained.campaign
        and seen.is_new(dial, drained.at_ms)
        and seen.made.get(dial.id, {}).get("contact") not in begun
        for dial in seen.heard.received
    )


def _outside(seen: _Seen, one: Changed) -> int:
    return sum(
        dial.campaign == one.campaign and seen.is_new(dial, one.at_ms) and dial.at_ms < one.until_ms
        for dial in seen.heard.received
    )


def _too_fast(seen: _Seen, one: Changed) -> int:
    """Orders that left within the time, beyond its pace; those that were made before may leave as they are."""
    if one.pace is None:
        return 0
    received = {dial.id for dial in seen.heard.received if dial.campaign == one.campaign}
    left = (at_ms for command, at_ms in seen.claimed_ms.items() if command in received)
    within = [Sent(one.campaign, at_ms) for at_ms in left if one.at_ms + LEAVES_MS < at_ms < one.until_ms]
    return above_pace(within, one.pace)


# -- what is told ------------------------------------------------------------------------------------------------------


def _old_word(seen: _Seen, dial: Dial, one: Revised) -> bool:
    if dial.campaign != one.campaign or dial.to not in one.numbers or one.old not in dial.words:
        return False
    return (dial.in_time and dial.at_ms > one.acknowledged_ms) or seen.is_new(dial, one.at_ms)


def _needlessly(seen: _Seen, one: Revised) -> int:
    """Numbers that are told that an outage is cancelled of which they may not have heard."""
    first: dict[str, Dial] = {}
    for dial in sorted(seen.heard.received):
        if dial.campaign == one.campaign and dial.to in one.numbers and dial.in_time:
            first.setdefault(seen.made.get(dial.id, {}).get("contact", dial.to), dial)
    unknown = {made["contact"] for made in seen.made.values() if made.get("disposition") == "unknown"}
    return sum(one.new in dial.words and contact not in unknown for contact, dial in first.items())


class _Outdated(NamedTuple):
    """Numbers that heard the old word, and those that were called with the new one afterwards."""

    heard: frozenset[str]
    again: frozenset[str]

    @classmethod
    def of(cls, log: Heard, one: Revised) -> "_Outdated":
        answered = {fact.id for fact in log.facts if fact.kind == ANSWERED}
        mine = [dial for dial in log.received if dial.campaign == one.campaign and dial.to in one.numbers]
        heard_ms: dict[str, int] = {}
        for dial in mine:
            if dial.id in answered and one.old in dial.words:
                heard_ms[dial.to] = max(dial.at_ms, heard_ms.get(dial.to, 0))
        told = (dial for dial in mine if dial.in_time and one.new in dial.words)
        return cls(
            frozenset(heard_ms), frozenset(dial.to for dial in told if dial.at_ms > heard_ms.get(dial.to, 1 << 62))
        )


def left_to_tell(log: Heard, revised: Sequence[Revised]) -> int:
    """Numbers that heard what was changed, and were not told anew so far."""
    return sum(len(of.heard - of.again) for of in (_Outdated.of(log, one) for one in revised))


# -- callbacks ---------------------------------------------------------------------------------------------------------


def _callbacks(seen: _Seen, promised: Sequence[Promised]) -> dict[str, int]:
    """Each is called no earlier than promised; kept means that a call came in time, missed that none did."""
    calls: dict[tuple[str, str], list[Dial]] = defaultdict(list)
    for dial in seen.heard.received:
        if dial.in_time:
            calls[dial.campaign, dial.to].append(dial)
    rang_ms = {fact.id: fact.at_ms for fact in seen.heard.facts if fact.kind == RANG}
    found = Counter[str]()
    for one in promised:
        found.update(_judged(one, calls[one.campaign, one.number], rang_ms))
    names = ("early", "undecided", "kept_uncalled", "missed_though_called", "called", "kept", "missed")
    return {f"callbacks_{name}": found[name] for name in names}


def _judged(one: Promised, calls: Sequence[Dial], rang_ms: Mapping[str, int]) -> Iterator[str]:
    yield from ("early" for dial in calls if dial.at_ms < one.from_ms)
    if calls:
        yield "called"
    yield one.promise or "undecided"
    if one.promise == "kept" and not any(dial.at_ms <= one.keep_by_ms + LEAVES_MS for dial in calls):
        yield "kept_uncalled"
    if one.promise == "missed" and any(rang_ms.get(dial.id, 1 << 62) <= one.keep_by_ms for dial in calls):
        yield "missed_though_called"


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    wrong = [name for name in MUST_BE_0 if figures[name]]
    return wrong + [name for name in MUST_NOT_BE_0 if not figures[name]]
