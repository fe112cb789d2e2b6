"""Which offers of a call rang together: those that share more than an instant, however many there are."""

import random

import pytest

from cti.core.call import fold
from cti.core.call_state import Offer
from cti.core.facts import Fact, fact


def share(offer: Offer, other: Offer) -> bool:
    ends = [each for each in (offer.end_ms, other.end_ms) if each is not None]
    return max(offer.at_ms, other.at_ms) < min(ends, default=float("inf"))


def offers(seed: int) -> list[Fact]:
    """Agents who ring and stop ringing, some in the same millisecond, some never."""
    dice = random.Random(seed)
    facts = [fact(0, 0, "o", "offered", 0, {"connection": "c", "calling": "1", "direction": "inbound"})]
    now_ms = 10
    ringing: list[str] = []
    for n in range(40):
        now_ms += dice.choice((0, 0, 1, 50))
        if ringing and dice.random() < 0.5:
            leg = ringing.pop(dice.randrange(len(ringing)))
            facts.append(fact(now_ms, n + 1, f"e{n}", "diverted", n, {"connection": leg, "cause": "redirected"}))
        else:
            ringing.append(f"leg-{n}")
            agent = {"connection": f"leg-{n}", "device": f"{n}", "agent": f"{n}"}
            facts.append(fact(now_ms, n + 1, f"e{n}", "delivered", n, agent))
    return facts


@pytest.mark.parametrize("seed", range(60))
def test_together_are_those_that_share_a_while(seed: int) -> None:
    found = fold("subject", offers(seed)).call.offers
    assert len(found) > 10
    for n, offer in enumerate(found):
        expected = any(share(offer, other) for m, other in enumerate(found) if m != n)
        assert offer.together is expected, (n, found)
