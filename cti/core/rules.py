"""The rules of a profile, and when each is due: pure functions of a call's state.

* A rule has one of three shapes: `while` a state lasts, `on` a transition, `at_end` what is measured (see `breaches`).
* Nothing is scheduled and nothing is stored: what is due follows from the call's intervals; what has been done already is known
  by its interventions. A late fact that changes an interval changes what is due.
* An occurrence is named by (rule, entry, cause, n): `cause` is the event that opened the interval, `entry` tells a rule's entries
  apart, n counts within the interval.
* `while = "queued"` means waiting and nobody ringing: a tick while an offer rings is skipped (QUEUE-1). Where an entry with `at_s`
  falls on a tick of its sibling, it takes the tick's place.
* A queue that rings all is judged once, by its first offer, and only with prompts: nobody alone is responsible (RING-1).
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from cti.core.call_state import Call, Hold, Offer
from schemas.profile import Profile
from schemas.profile import Rule as Written
from schemas.reasons import OfferResult, RuleMode

MISSED_TICKS_MAX = 100  # how many passed ticks of one interval are named at once
PROMPTS = frozenset({"promptAgent", "playMessage"})
# Only the switch knows whether another agent is ready; without its word nobody's phone is taken away (RING-1).
NEEDS_OTHER_READY = frozenset({"deflectCall", "setRingTimeout", "setAgentState"})
_HELD, _AT_THE_OFFER, _TAKEN_BACK = 0, 0, -1


class Step(NamedTuple):
    """One link of a rule's chain: a command and its arguments ("promptAgent:ring_unanswered,to=leader")."""

    place: int  # in the chain as the profile wrote it
    command: str
    argument: str | None
    options: tuple[tuple[str, str], ...]


class Abilities(NamedTuple):
    """What a switch declared that it can do. One that declared nothing is ordered nothing."""

    commands: frozenset[str] = frozenset()
    if_other_ready: bool = False


class Rule(NamedTuple):
    """One entry of a profile with its times in ms."""

    id: str
    entry: int  # which of the rule's own entries, from 0
    shape: str  # while | on | at_end
    what: str  # the state, the transition or the measure
    direction: str
    mode: RuleMode
    at_ms: int | None
    every_ms: int | None
    first_ms: int | None
    if_longer_ms: int | None
    unless: frozenset[str]
    steps: tuple[Step, ...]
    useful_ms: int
    needs: tuple[str, ...]
    instead_ms: frozenset[int]  # where siblings with `at_s` take a tick's place


class Due(NamedTuple):
    """One occurrence of a rule that is not yet settled. `passed`: its state is over, it can only be counted."""

    rule: Rule
    cause: str
    n: int
    due_ms: int
    target: "Target"
    passed: bool


class Target(NamedTuple):
    """Whom a command concerns."""

    leg: str | None
    agent: str | None
    device: str | None
    if_state: str | None
    prompts_only: bool = False


class Intervention(NamedTuple):
    """What was done about one occurrence; `state` as in `CommandRow`."""

    id: str
    rule: str
    entry: int
    n: int
    step: int
    cause: str
    command: str
    due_ms: int
    expires_ms: int
    state: str
    reason: str | None = None


class Seen(NamedTuple):
    """What a finder looks at; `now_ms` by the switch's clock."""

    call: Call
    done: Sequence[Intervention]
    now_ms: float


class RuleBook(NamedTuple):
    """A profile, compiled."""

    name: str  # name@version
    profile: Profile
    interventions: tuple[Rule, ...]
    measures: tuple[Rule, ...]

    def mode(self, rule: Rule, queue: str | None, switch: str) -> RuleMode:
        """The rule's mode for this queue and switch; the first override that fits wins."""
        for override in self.profile.overrides:
            if override.rule == rule.id and (override.queue == queue if override.queue else override.switch == switch):
                return RuleMode(override.mode)
        return rule.mode

    def interventions_for(self, switch: str, queue: str | None, abilities: Abilities) -> tuple[Rule, ...]:
        """The rules with what this switch can do for this queue; what it cannot do falls to the next step of the chain,
        and a rule without any step left only counts."""
        able = (
            rule._replace(steps=_possible(rule.steps, self.mode(rule, queue, switch), abilities))
            for rule in self.interventions
        )
        return tuple(rule for rule in able if rule.steps)


def _possible(steps: tuple[Step, ...], mode: RuleMode, abilities: Abilities) -> tuple[Step, ...]:
    def possible(step: Step) -> bool:
        if mode is RuleMode.OBSERVE or step.command not in abilities.commands:
            return False
        if mode is RuleMode.PROMPT and step.command not in PROMPTS:
            return False
        return abilities.if_other_ready or step.command not in NEEDS_OTHER_READY

    return tuple(step for step in steps if possible(step))


def compile_profile(profile: Profile) -> RuleBook:
    """A profile as the core reads it."""
    seen: dict[str, int] = {}
    rules = []
    for written in profile.rules:
        entry = seen[written.id] = seen.get(written.id, -1) + 1
        rules.append(_compiled(written, entry, profile.rules))
    return RuleBook(
        f"{profile.name}@{profile.version}",
        profile,
        tuple(rule for rule in rules if rule.shape != "at_end"),
        tuple(rule for rule in rules if rule.shape == "at_end"),
    )


def _compiled(written: Written, entry: int, all_: Sequence[Written]) -> Rule:
    shape = "while" if written.while_ else "on" if written.on else "at_end"
    siblings = [one for one in all_ if one.id == written.id and one.while_ == written.while_ and one.at_s is not None]
    return Rule(
        written.id,
        entry,
        shape,
        written.while_ or written.on or written.at_end or "",
        written.direction,
        RuleMode(written.mode),
        _ms(written.at_s),
        _ms(written.every_s),
        _ms(written.first_s if written.first_s is not None else written.every_s),
        _ms(written.if_longer_s),
        frozenset(written.unless_reason),
        tuple(_step(place, text) for place, text in enumerate(written.do)),
        _ms(written.useful_for_s) or 0,
        tuple(written.needs),
        frozenset(_ms(one.at_s) or 0 for one in siblings) if written.every_s is not None else frozenset(),
    )


def _ms(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)


def _step(place: int, text: str) -> Step:
    command, _, rest = text.partition(":")
    words = rest.split(",") if rest else []
    plain = next((word for word in words if "=" not in word), None)
    options = tuple((word.partition("=")[0], word.partition("=")[2]) for word in words if "=" in word)
    return Step(place, command, plain, options)


def concerns(rule: Rule, call: Call) -> bool:
    """Whether a rule speaks of calls of this direction."""
    if rule.direction == "any":
        return True
    return call.inbound if rule.direction == "inbound" else call.opening.direction == rule.direction


def dues(call: Call, rules: Sequence[Rule], done: Sequence[Intervention], now_ms: float) -> list[Due]:
    """All occurrences not yet settled: those passed, those due, and the next of each that goes on."""
    if not (call.offers or call.holds or call.waits):
        return []
    found: list[Due] = []
    seen = Seen(call, done, now_ms)
    for rule in rules:
        if concerns(rule, call):
            found.extend(_FINDERS[rule.shape, rule.what](seen, rule))
    return found


def next_due_ms(call: Call, rules: Sequence[Rule], done: Sequence[Intervention], now_ms: float) -> int | None:
    """When the call has to be looked at again, or None."""
    return min((due.due_ms for due in dues(call, rules, done, now_ms)), default=None)


def _settled(done: Sequence[Intervention], rule: Rule, cause: str, n: int) -> bool:
    return any(one.n == n and one.cause == cause and one.rule == rule.id and one.entry == rule.entry for one in done)


# -- while a state lasts -----------------------------------------------------------------------------------------------


def _while_alerting(seen: Seen, rule: Rule) -> Iterator[Due]:
    for place, offer in enumerate(seen.call.offers):
        if offer.together and _not_first(seen.call.offers, place):
            continue
        target = Target(offer.leg, offer.agent, offer.device, "alerting", offer.together)
        if rule.steps[0].command == "setRingTimeout":
            limit = next(
                (one for one in seen.done if one.cause == offer.cause and one.command == "setRingTimeout"), None
            )
            if limit is None and offer.end_ms is None and not offer.together:
                yield Due(rule, offer.cause, _AT_THE_OFFER, offer.at_ms, target, False)
            if limit is not None and limit.state in ("accepted", "done"):
                continue  # the switch keeps the limit itself
        yield from _ticks(rule, offer.cause, offer.at_ms, offer.end_ms, target, seen)


def _not_first(offers: Sequence[Offer], place: int) -> bool:
    """Whether an earlier offer of the same ring-all was still ringing when this one began."""
    at = offers[place].at_ms
    return any(one.together and (one.end_ms is None or one.end_ms > at) for one in offers[:place])


def _while_held(seen: Seen, rule: Rule) -> Iterator[Due]:
    for hold in seen.call.holds:
        if hold.by_agent:
            yield from _ticks(rule, hold.cause, hold.at_ms, hold.end_ms, _of_hold(hold), seen)


def _of_hold(hold: Hold) -> Target:
    return Target(hold.leg, hold.agent, None, None if hold.muted else "hold")


def _while_queued(seen: Seen, rule: Rule) -> Iterator[Due]:
    for wait in seen.call.waits:
        target = Target(wait.leg, None, None, "queued")
        yield from _ticks(rule, wait.cause, wait.at_ms, wait.end_ms, target, seen)


def _ticks(rule: Rule, cause: str, start_ms: int, end_ms: int | None, target: Target, seen: Seen) -> Iterator[Due]:
    """The unsettled occurrences in [start, end): the passed ones if it is over, else the next. A tick at the end is none."""
    offers = seen.call.offers if rule.what == "queued" else ()
    settled = (one.n for one in seen.done if one.cause == cause and one.rule == rule.id and one.entry == rule.entry)
    n = max(settled, default=0)
    named = 0
    while named < MISSED_TICKS_MAX:
        n += 1
        offset = _offset_ms(rule, n)
        if offset is None or (end_ms is not None and start_ms + offset >= end_ms):
            return
        due_ms = start_ms + offset
        if offset in rule.instead_ms or (due_ms < seen.now_ms and _ringing(offers, due_ms)):
            continue
        yield Due(rule, cause, n, due_ms, target, end_ms is not None)
        if end_ms is None:
            return
        named += 1


def _offset_ms(rule: Rule, n: int) -> int | None:
    if rule.every_ms is not None and rule.first_ms is not None:
        return rule.first_ms + (n - 1) * rule.every_ms
    return rule.at_ms if n == 1 else None


def _ringing(offers: Sequence[Offer], at_ms: int) -> bool:
    return any(offer.at_ms <= at_ms and (offer.end_ms is None or at_ms < offer.end_ms) for offer in offers)


# -- on a transition ---------------------------------------------------------------------------------------------------


def _once(rule: Rule, cause: str, n: int, at_ms: int, target: Target, done: Sequence[Intervention]) -> Iterator[Due]:
    if not _settled(done, rule, cause, n):
        yield Due(rule, cause, n, at_ms, target, False)


def _on_held(seen: Seen, rule: Rule) -> Iterator[Due]:
    for hold in seen.call.holds:
        if hold.by_agent:
            yield from _once(rule, hold.cause, _HELD, hold.at_ms, _of_hold(hold), seen.done)


def _on_retrieved(seen: Seen, rule: Rule) -> Iterator[Due]:
    for hold in seen.call.holds:
        if hold.by_agent and hold.retrieved and hold.end_ms is not None and _longer(rule, hold.end_ms - hold.at_ms):
            yield from _once(rule, hold.cause, _TAKEN_BACK, hold.end_ms, _of_hold(hold), seen.done)


def _on_established(seen: Seen, rule: Rule) -> Iterator[Due]:
    call = seen.call
    if call.answered_ms is None or call.first_delivered_ms is None or call.answer_cause is None:
        return
    if _longer(rule, call.answered_ms - call.first_delivered_ms):
        target = Target(None, call.first_agent, None, None)
        yield from _once(rule, call.answer_cause, 0, call.answered_ms, target, seen.done)


def _on_offer_ended(seen: Seen, rule: Rule) -> Iterator[Due]:
    for offer in seen.call.offers:
        if offer.end_ms is not None and not offer.together and offer.agent and unanswered(offer, rule.if_longer_ms):
            target = Target(offer.leg, offer.agent, offer.device, None)
            yield from _once(rule, offer.cause, _TAKEN_BACK, offer.end_ms, target, seen.done)


def unanswered(offer: Offer, limit_ms: int | None) -> bool:
    """RING-1: the offer ended unanswered and in breach."""
    return offer.result is not OfferResult.ANSWERED and ring_breach(offer, limit_ms)


def ring_breach(offer: Offer, limit_ms: int | None) -> bool:
    """RING-1: it rang longer than the limit, however it ended, or it ended callNotAnswered at any time."""
    if offer.end_ms is None:
        return False
    return offer.result is OfferResult.NOT_ANSWERED or offer.end_ms - offer.at_ms > (limit_ms or 0)


def _longer(rule: Rule, ms: int) -> bool:
    return rule.if_longer_ms is None or ms > rule.if_longer_ms


_FINDERS = {
    ("while", "alerting"): _while_alerting,
    ("while", "held"): _while_held,
    ("while", "queued"): _while_queued,
    ("on", "held"): _on_held,
    ("on", "retrieved"): _on_retrieved,
    ("on", "established"): _on_established,
    ("on", "offer_ended"): _on_offer_ended,
}
