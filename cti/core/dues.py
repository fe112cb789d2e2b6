"""When each rule is due for a call: a pure function of the call's intervals and of its interventions.

Straight code, no generators: this runs whenever an interval of a call has moved. `now_ms` is the switch's clock.
"""

from collections.abc import Sequence
from typing import Final

from cti.core.call_state import Call, Hold, Offer
from cti.core.legs import HOLD
from cti.core.rules import Due, Intervention, Rule, RuleSet, Target
from schemas.reasons import OfferResult

MISSED_TICKS_MAX: Final = 100  # how many passed ticks of one interval are named at once
HELD: Final = 0  # as the next two: n of an occurrence that happens once; ticks count from 1
AT_THE_OFFER: Final = 0
TAKEN_BACK: Final = -1

Whom = tuple[str | None, str | None, str | None, str | None, bool]
"""A `Target` to be; most looks find nothing due and need none."""
ANSWERED: Final = OfferResult.ANSWERED
NOT_ANSWERED: Final = OfferResult.NOT_ANSWERED
NEVER: Final = 2**63
OFFERS: Final = 1
HOLDS: Final = 2
WAITS: Final = 4
ANSWER: Final = 8
ALL: Final = OFFERS | HOLDS | WAITS | ANSWER
"""Which parts of a call have changed, as bits: the due times of the other parts stay the same."""


def dues(call: Call, rules: RuleSet, done: Sequence[Intervention], now_ms: float) -> list[Due]:
    """All unsettled occurrences: those passed, those due, and the next of each open interval.

    `rules` are those that apply to calls of this direction.
    """
    return _found(call, rules, done, now_ms, float("inf"), ALL)[0]


def due_now(
    call: Call, rules: RuleSet, done: Sequence[Intervention], now_ms: float, moved: int = ALL
) -> tuple[list[Due], int]:
    """The occurrences that can be settled now, of what has moved; and when the first of the others is due (`NEVER`
    without any).
    """
    return _found(call, rules, done, now_ms, now_ms, moved)


def _found(
    call: Call, rules: RuleSet, done: Sequence[Intervention], now_ms: float, until_ms: float, moved: int
) -> tuple[list[Due], int]:
    """What is due before `until_ms`, and when the next one is."""
    found: list[Due] = []
    next_ms = NEVER
    if done:
        done = aligned(call, rules, done)
    if moved & OFFERS and call.offers:
        next_ms = _offers(found, call, rules, done, until_ms)
    if moved & HOLDS and call.holds:
        next_ms = min(next_ms, _holds(found, call, rules, done, until_ms))
    if moved & WAITS and call.waits:
        next_ms = min(next_ms, _waits(found, call, rules, done, now_ms, until_ms))
    if moved & ANSWER and call.answered_ms is not None and call.first_delivered_ms is not None:
        _answer(found, call, rules, done)
    return found, next_ms


def aligned(call: Call, rules: RuleSet, done: Sequence[Intervention]) -> Sequence[Intervention]:
    """The interventions, each with the event that opens its interval now.

    A late event that comes before it may have moved an interval's beginning: what was done is then known under an event
    that opens nothing any more. It belongs to the interval in which it was due.
    """
    causes = {offer.cause for offer in call.offers}
    causes.update([hold.cause for hold in call.holds])
    causes.update([wait.cause for wait in call.waits])
    causes.add(call.answer_cause or "")
    if {known.cause for known in done} <= causes:
        return done
    return [known if known.cause in causes else _realigned(call, rules, known) for known in done]


def _realigned(call: Call, rules: RuleSet, known: Intervention) -> Intervention:
    at_ms = known.due_ms
    if _is_of((*rules.held, *rules.on_held, *rules.on_retrieved), known):
        if (hold := hold_at(call.holds, at_ms)) is not None:
            return known._replace(cause=hold.cause)
    elif _is_of(rules.queued, known):
        for wait in reversed(call.waits):
            if wait.at_ms <= at_ms and (wait.end_ms is None or at_ms <= wait.end_ms):
                return known._replace(cause=wait.cause)
    elif _is_of((*rules.alerting, *rules.on_offer_ended), known):
        around = [
            offer for offer in call.offers if offer.at_ms <= at_ms and (offer.end_ms is None or at_ms <= offer.end_ms)
        ]
        if len(around) == 1:
            return known._replace(cause=around[0].cause)
    elif call.answer_cause is not None and _is_of(rules.on_established, known):
        return known._replace(cause=call.answer_cause)
    return known


def hold_at(holds: Sequence[Hold], at_ms: int) -> Hold | None:
    """The hold that lasted at this time; of two that meet there the later one."""
    for hold in reversed(holds):
        if hold.at_ms <= at_ms and (hold.end_ms is None or at_ms <= hold.end_ms):
            return hold
    return None


def _is_of(rules: Sequence[Rule], known: Intervention) -> bool:
    return (known.rule, known.entry) in {(rule.id, rule.entry) for rule in rules}


def _offers(found: list[Due], call: Call, rules: RuleSet, done: Sequence[Intervention], until_ms: float) -> int:
    """RING-1. A ring-all is judged once: by its first offer that rings to the limit, or may."""
    next_ms = NEVER
    for rule in rules.alerting:
        limit_ms = rule.first_ms or rule.at_ms or 0
        judged_ms = 0  # until when an offer that rings belongs to a ring-all that is judged by an earlier offer
        for offer in call.offers:
            if offer.together:
                end_ms = NEVER if offer.end_ms is None else offer.end_ms
                if offer.at_ms < judged_ms:
                    judged_ms = max(judged_ms, end_ms)
                    continue
                if end_ms - offer.at_ms > limit_ms:
                    judged_ms = end_ms
            next_ms = min(next_ms, _alerting(found, rule, offer, done, until_ms))
    for offer in call.offers:
        if offer.end_ms is None or offer.together or not offer.agent:
            continue
        for rule in rules.on_offer_ended:
            if unanswered(offer, rule.if_longer_ms):
                target = (offer.leg, offer.agent, offer.device, None, False)
                _once(found, rule, offer.cause, TAKEN_BACK, offer.end_ms, target, done)
    return next_ms


def _alerting(found: list[Due], rule: Rule, offer: Offer, done: Sequence[Intervention], until_ms: float) -> int:
    target = (offer.leg, offer.agent, offer.device, "alerting", offer.together)
    if rule.steps[0].command == "setRingTimeout":
        ring_timeouts = [known for known in done if known.cause == offer.cause and known.command == "setRingTimeout"]
        if not ring_timeouts and offer.end_ms is None and not offer.together:
            found.append(Due(rule, offer.cause, AT_THE_OFFER, offer.at_ms, Target(*target), False))
        if ring_timeouts and ring_timeouts[0].state in ("accepted", "done"):
            return NEVER  # the switch keeps the limit itself
    return _ticks(found, rule, offer.cause, offer.at_ms, offer.end_ms, target, done, until_ms)


def _holds(found: list[Due], call: Call, rules: RuleSet, done: Sequence[Intervention], until_ms: float) -> int:
    next_ms = NEVER
    for hold in call.holds:
        if not hold.by_agent:
            continue
        target = _of_hold(call, hold)
        for rule in rules.on_held:
            _once(found, rule, hold.cause, HELD, hold.at_ms, target, done)
        for rule in rules.held:
            next_ms = min(next_ms, _ticks(found, rule, hold.cause, hold.at_ms, hold.end_ms, target, done, until_ms))
        if hold.end_ms is None or not hold.retrieved:
            continue
        for rule in rules.on_retrieved:
            if _longer(rule, hold.end_ms - hold.at_ms):
                _once(found, rule, hold.cause, TAKEN_BACK, hold.end_ms, target, done)
    return next_ms


def _of_hold(call: Call, hold: Hold) -> Whom:
    """The leg on which a notice is played, the customer's. `if_state` only while it is on hold, and not just muted."""
    leg = call.legs.named(hold.leg)
    held = leg is not None and leg.state is HOLD
    return hold.leg, hold.agent, None, "hold" if held else None, False


def _waits(
    found: list[Due], call: Call, rules: RuleSet, done: Sequence[Intervention], now_ms: float, until_ms: float
) -> int:
    next_ms = NEVER
    for wait in call.waits:
        for rule in rules.queued:
            target = (wait.leg, None, None, "queued", False)
            due_ms = _ticks(
                found, rule, wait.cause, wait.at_ms, wait.end_ms, target, done, until_ms, call.offers, now_ms
            )
            next_ms = min(next_ms, due_ms)
    return next_ms


def _answer(found: list[Due], call: Call, rules: RuleSet, done: Sequence[Intervention]) -> None:
    answered, rang = call.answered_ms, call.first_delivered_ms
    assert answered is not None
    assert rang is not None
    for rule in rules.on_established:
        if _longer(rule, answered - rang):
            target = (None, call.first_agent, None, None, False)
            _once(found, rule, call.answer_cause or "", 0, answered, target, done)


def _ticks(
    found: list[Due],
    rule: Rule,
    cause: str,
    start_ms: int,
    end_ms: int | None,
    target: Whom,
    done: Sequence[Intervention],
    until_ms: float,
    offers: Sequence[Offer] = (),
    now_ms: float = 0,
) -> int:
    """The unsettled occurrences in [start, end): the passed ones if it is over, else the next, or, where that lies
    not before `until_ms`, only when it is due. A tick at the end is none.

    `offers`: where a tick while one of them rings is skipped.
    """
    if end_ms is not None and start_ms + (rule.first_ms or rule.at_ms or 0) >= end_ms:
        return NEVER  # it ended before its first tick, as most intervals do
    n = 0
    for intervention in done:
        if (
            intervention.n > n
            and intervention.cause == cause
            and intervention.rule == rule.id
            and intervention.entry == rule.entry
        ):
            n = intervention.n
    named = 0
    while named < MISSED_TICKS_MAX:
        n += 1
        offset = _offset_ms(rule, n)
        if offset is None or (end_ms is not None and start_ms + offset >= end_ms):
            return NEVER
        due_ms = start_ms + offset
        if offset in rule.instead_ms or (due_ms < now_ms and _ringing(offers, due_ms)):
            continue
        if end_ms is None and due_ms >= until_ms:
            return due_ms
        found.append(Due(rule, cause, n, due_ms, Target(*target), end_ms is not None))
        if end_ms is None:
            return NEVER
        named += 1
    return NEVER


def _offset_ms(rule: Rule, n: int) -> int | None:
    if rule.every_ms is not None and rule.first_ms is not None:
        return rule.first_ms + (n - 1) * rule.every_ms
    return rule.at_ms if n == 1 else None


def _ringing(offers: Sequence[Offer], at_ms: int) -> bool:
    return any(offer.at_ms <= at_ms and (offer.end_ms is None or at_ms < offer.end_ms) for offer in offers)


def _once(
    found: list[Due], rule: Rule, cause: str, n: int, at_ms: int, target: Whom, done: Sequence[Intervention]
) -> None:
    for intervention in done:
        if (
            intervention.n == n
            and intervention.cause == cause
            and intervention.rule == rule.id
            and intervention.entry == rule.entry
        ):
            return
    found.append(Due(rule, cause, n, at_ms, Target(*target), False))


def unanswered(offer: Offer, limit_ms: int | None) -> bool:
    """RING-1: the offer ended unanswered and in breach."""
    return offer.result is not ANSWERED and ring_breach(offer, limit_ms)


def ring_breach(offer: Offer, limit_ms: int | None) -> bool:
    """RING-1: it rang longer than the limit, however it ended, or it ended callNotAnswered at any time."""
    if offer.end_ms is None:
        return False
    return offer.result is NOT_ANSWERED or offer.end_ms - offer.at_ms > (limit_ms or 0)


def _longer(rule: Rule, ms: int) -> bool:
    return rule.if_longer_ms is None or ms > rule.if_longer_ms
