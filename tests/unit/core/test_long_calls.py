"""What a call of very many events costs: twice the events, about twice the work, whatever there is many of."""

import pytest

from cti.core.call import fold
from cti.core.call_state import Call
from cti.core.facts import Fact, fact
from cti.core.leg_set import LEGS_MAX
from tests.steps import steps_of
from tests.unit.core.long_calls import LONG, SHAPES, Said

EVENTS = 240
GROWS_AT_MOST = 2.6  # quadratic work would be 4 times as much
STEPS_MIN = 1_000  # where the core is compiled, its steps are not seen


def facts_of(events: list[Said]) -> list[Fact]:
    return [fact(at_ms, None, f"e{n}", kind, n, data) for n, (at_ms, kind, data) in enumerate(events)]


@pytest.mark.parametrize("shape", SHAPES)
def test_twice_the_events_are_about_twice_the_work(shape: str) -> None:
    few, many = (facts_of(SHAPES[shape](n)) for n in (EVENTS, 2 * EVENTS))
    steps = steps_of(lambda: fold(LONG, few), "cti/core")
    assert steps_of(lambda: fold(LONG, many), "cti/core") <= GROWS_AT_MOST * max(steps, STEPS_MIN)


def rung(legs: int) -> Call:
    return fold(LONG, facts_of(SHAPES["many ring"](legs + 1))).call


def test_a_queue_may_ring_at_a_thousand_devices() -> None:
    call = rung(1_000)
    assert len(call.legs) == 1_001
    assert sum(offer.together for offer in call.offers) == 1_000


def test_a_call_has_a_limited_number_of_legs_at_a_time() -> None:
    assert len(rung(LEGS_MAX + 10).legs) == LEGS_MAX
