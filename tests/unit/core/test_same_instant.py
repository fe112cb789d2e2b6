"""Events of one instant, and two legs of one name."""

from tests.unit.core.stories import (
    SECOND,
    answers,
    call_of,
    cleared,
    diverted,
    hangs_up,
    offered,
    queued,
    record,
    rings,
    said,
)


def test_who_rings_at_the_instant_another_stops_does_not_ring_together_with_him() -> None:
    # diverted and delivered in one millisecond, no sequence: by kind rank `delivered` is folded first
    first, second = [rings(2.0), diverted(15.0)], [rings(15.0, SECOND), diverted(28.0, SECOND)]
    told = record([offered(), queued(), *first, *second, hangs_up(40.0), cleared(40.0)])
    found = [(one["rule"], one["offer"], one["agent"]) for one in told["breaches"]]
    assert found == [("RING-1", 0, "1001"), ("RING-1", 1, "1002")]


def test_two_legs_never_bear_one_name() -> None:
    merged = {"primaryOldCall": "call-1", "resultingCall": "call-1", "connections": {"c": "a-1"}}
    joined = said(50.0, "conferenced", merged)
    legs = call_of(offered(), queued(), rings(2.0), answers(5.0), joined).legs
    assert len({leg.id for leg in legs}) == len(legs)
