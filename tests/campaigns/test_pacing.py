"""The pace holds in every sliding second, judged at the instant of sending."""

from hypothesis import given
from hypothesis import strategies as st

from campaigns.core.pacing import SECOND_MS, TAKEOVER_WAIT_MS, Lane, Pace, Slot, kept, room, room_at

PACE = Pace(calls_per_second=3, calls_at_once=5)
NOW = 1_000_000
LONG_AGO = NOW - 60_000


def lane(*sent_at_ms: int | None, live: int = 0, taken_over_ms: int = LONG_AGO) -> Lane:
    return Lane(tuple(Slot(at_ms) for at_ms in sent_at_ms), live, taken_over_ms)


def test_an_idle_lane_has_its_pace() -> None:
    assert room(PACE, lane(), NOW) == 3


def test_an_order_keeps_its_slot_for_a_second_after_it_was_sent() -> None:
    assert room(PACE, lane(NOW - 999), NOW) == 2
    assert room(PACE, lane(NOW - 1000), NOW) == 3
    assert kept((Slot(NOW - 999), Slot(NOW - 1000)), NOW) == (Slot(NOW - 999),)


def test_an_order_that_waits_to_be_sent_keeps_its_slot() -> None:
    assert room(PACE, lane(None, None, None), NOW) == 0
    assert room_at(PACE, lane(None, None, None), NOW) is None
    assert kept((Slot(None),), NOW) == (Slot(None),)


def test_calls_at_once() -> None:
    assert room(PACE, lane(live=3), NOW) == 2
    assert room(PACE, lane(live=5), NOW) == 0
    assert room(PACE, lane(live=9), NOW) == 0
    assert room_at(PACE, lane(live=5), NOW) is None
    assert room_at(PACE, lane(live=4), NOW) == NOW


def test_a_new_owner_makes_nothing_for_two_seconds() -> None:
    assert TAKEOVER_WAIT_MS == 2000
    assert room(PACE, lane(taken_over_ms=NOW - 1999), NOW) == 0
    assert room(PACE, lane(taken_over_ms=NOW - 2000), NOW) == 3
    assert room_at(PACE, lane(taken_over_ms=NOW - 500), NOW) == NOW + 1500


def test_the_next_room_is_a_second_after_the_oldest_that_fills_the_pace() -> None:
    full = lane(NOW - 100, NOW - 700, NOW - 300)
    assert room(PACE, full, NOW) == 0
    assert room_at(PACE, full, NOW) == NOW + 300
    over = lane(NOW - 100, NOW - 700, NOW - 300, NOW - 200)
    assert room_at(PACE, over, NOW) == NOW + 700
    assert room_at(PACE, lane(), NOW) == NOW


def test_slots_and_calls_at_once_bind_together() -> None:
    assert room(Pace(3, 2), lane(NOW - 10, live=1), NOW) == 1
    assert room(Pace(3, 2), lane(NOW - 10, NOW - 10), NOW) == 1


@given(
    st.integers(1, 4),
    st.lists(st.tuples(st.integers(0, 700), st.none() | st.integers(0, 2500)), min_size=1, max_size=60),
)
def test_in_no_sliding_second_more_are_sent_than_the_pace_allows(
    calls_per_second: int, steps: list[tuple[int, int | None]]
) -> None:
    """Each step passes a while, makes as many orders as there is room for, and sends each after a while or never."""
    pace = Pace(calls_per_second, 1000)
    now_ms, orders = NOW, list[int | None]()
    for passes_ms, sent_after_ms in steps:
        now_ms += passes_ms
        slots = tuple(
            Slot(sent_ms if sent_ms is not None and sent_ms <= now_ms else None) for sent_ms in orders if sent_ms
        )
        for _ in range(room(pace, Lane(kept(slots, now_ms), 0, LONG_AGO), now_ms)):
            if sent_after_ms is not None:
                orders.append(now_ms + sent_after_ms)
    sent = sorted(sent_ms for sent_ms in orders if sent_ms is not None)
    for first, one_too_many in zip(sent, sent[calls_per_second:], strict=False):
        assert one_too_many - first >= SECOND_MS
