"""What is measured when a call closes: a pure function of its intervals (and, for HOLD-2 alone, of what was played).

Each measure of a profile (`at_end`) is one function here. Only what exceeds a limit breaks it, not the limit itself.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from cti.core.call_state import Call, Hold, Offer
from cti.core.dues import hold_at, ring_breach
from cti.core.rules import Intervention, Rule, speaks_of
from schemas.reasons import OfferResult, ReleasedBy


class Breach(NamedTuple):
    """One broken rule. `limit` and `actual` in ms, for `notices_missing` as counts; `offer`, `hold`: index in the
    call's lists.
    """

    rule: str
    at_ms: int
    limit: int | None
    actual: int | None
    offer: int | None
    hold: int | None
    agent: str | None
    counts: bool = False  # limit and actual are numbers of notices


def breaches(call: Call, measures: Sequence[Rule], played: Sequence[int], owed: Sequence[int]) -> list[Breach]:
    """Every breach of the call, in the order of the profile; `played` and `owed` are notices per hold."""
    found: list[Breach] = []
    direction = call.opening.direction
    for rule in measures:
        if not speaks_of(rule, direction):
            continue
        if rule.what == "notices_missing":
            _notices_missing(found, call, rule, played, owed)
        elif rule.what in MEASURES:
            MEASURES[rule.what](found, call, rule)
    return found


def notices_owed(hold: Hold, every_ms: int | None) -> int:
    """HOLD-2: ceil(h / every) - 1 for h > 0, none while the customer holds us. A retrieve at exactly n * every cancels
    notice n.
    """
    length = (hold.end_ms or hold.at_ms) - hold.at_ms
    if not hold.by_agent or every_ms is None or length <= 0:
        return 0
    return -(-length // every_ms) - 1


def notices_played(holds: Sequence[Hold], rule: str, done: Sequence[Intervention]) -> tuple[int, ...]:
    """For each hold: the notices that the switch said were played."""
    played = [intervention for intervention in done if intervention.rule == rule and intervention.state == "done"]
    if not played:
        return (0,) * len(holds)
    counts = Counter([intervention.cause for intervention in played])
    for cause in counts.keys() - {hold.cause for hold in holds}:  # a late event moved the beginning (`dues.aligned`)
        for notice in played:
            if notice.cause == cause and (hold := hold_at(holds, notice.due_ms)) is not None:
                counts[hold.cause] += 1
    return tuple([counts[hold.cause] for hold in holds])


def _offer_longer(found: list[Breach], call: Call, rule: Rule) -> None:
    """RING-1, per offer; a queue that rings all is judged once, and the breach names no agent."""
    judged = -1  # end of the ring-all already judged
    for index, offer in enumerate(call.offers):
        if offer.end_ms is None or not ring_breach(offer, rule.if_longer_ms):
            continue
        if offer.together:
            if offer.at_ms < judged:
                continue
            judged = _ring_all_end(call.offers, index)
        rang = offer.end_ms - offer.at_ms
        late = offer.at_ms + (rule.if_longer_ms or 0)
        at = offer.end_ms if offer.result is OfferResult.NOT_ANSWERED else min(late, offer.end_ms)
        agent = None if offer.together else offer.agent
        found.append(Breach(rule.id, at, rule.if_longer_ms, rang, index, None, agent))


def _ring_all_end(offers: Sequence[Offer], index: int) -> int:
    """When the last of the devices that rang together with this one stopped."""
    end = offers[index].end_ms or 0
    for offer in offers[index + 1 :]:
        if offer.together and offer.at_ms < end:
            end = max(end, offer.end_ms or 0)
    return end


def _answer_longer(found: list[Breach], call: Call, rule: Rule) -> None:
    """RING-2: from the first ring of the call to its answer, over all offers."""
    if call.answered_ms is None or call.first_delivered_ms is None:
        return
    waited = call.answered_ms - call.first_delivered_ms
    if waited > (rule.if_longer_ms or 0):
        found.append(Breach(rule.id, call.answered_ms, rule.if_longer_ms, waited, None, None, call.first_agent))


def _hold_longer(found: list[Breach], call: Call, rule: Rule) -> None:
    """HOLD-3, per hold."""
    for index, hold in enumerate(call.holds):
        length = (hold.end_ms or hold.at_ms) - hold.at_ms
        if hold.by_agent and length > (rule.if_longer_ms or 0):
            at_ms = hold.at_ms + (rule.if_longer_ms or 0)
            found.append(Breach(rule.id, at_ms, rule.if_longer_ms, length, None, index, hold.agent))


def _notices_missing(found: list[Breach], call: Call, rule: Rule, played: Sequence[int], owed: Sequence[int]) -> None:
    """HOLD-2: fewer notices played than owed. Measured on live calls only, not in a replay."""
    for index, hold in enumerate(call.holds):
        if played[index] < owed[index]:
            at = hold.end_ms or hold.at_ms
            found.append(Breach(rule.id, at, owed[index], played[index], None, index, hold.agent, True))


def _released_by_agent(found: list[Breach], call: Call, rule: Rule) -> None:
    """END-1: the agent hung up first, without a reason that allows it."""
    release = call.release
    if release is None or call.answered_ms is None or release.by is not ReleasedBy.AGENT:
        return
    if release.reason not in rule.unless:
        found.append(Breach(rule.id, release.at_ms, None, None, None, None, release.agent))


MEASURES: Final[dict[str, Callable[[list[Breach], Call, Rule], None]]] = {
    "offer_longer": _offer_longer,
    "answer_longer": _answer_longer,
    "hold_longer": _hold_longer,
    "released_by_agent": _released_by_agent,
}
