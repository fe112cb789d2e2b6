"""Misbehaviour on request: how much, and never more than asked for."""

import pytest

from cti.switches.simulated.misbehaviour import HeldBack, Misbehaviour, Spoiler

CALL = "ringback.call.delivered.v1"


def test_reading_a_wish() -> None:
    wish = Misbehaviour.read("late=0.05,duplicate=0.1,shuffle_s=3,lose=0.01,clock_s=-30,disconnect_every_s=20")
    assert wish == Misbehaviour(0.05, 0.1, 3, 0.01, -30, 20)
    assert Misbehaviour.read("") == Misbehaviour()


@pytest.mark.parametrize("text", ["late", "late=x", "hurry=1", "late=2", "lose=-0.1", "shuffle_s=-1"])
def test_a_wish_that_means_nothing_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        Misbehaviour.read(text)


def test_without_a_wish_everything_leaves_once_and_at_once() -> None:
    spoiler = Spoiler(Misbehaviour(), 1)
    assert all(spoiler.passings(CALL, 500) == [(500, "")] for _ in range(100))


def test_shares_are_as_asked() -> None:
    spoiler = Spoiler(Misbehaviour(late=0.2, duplicate=0.1, lose=0.05), 1)
    passings = [spoiler.passings(CALL, 0) for _ in range(5000)]
    assert sum(not one for one in passings) / 5000 == pytest.approx(0.05, abs=0.01)
    assert sum(len(one) == 2 for one in passings) / 5000 == pytest.approx(0.095, abs=0.015)
    assert sum(bool(one) and one[0].how == "late" for one in passings) / 5000 == pytest.approx(0.19, abs=0.02)


def test_shuffled_events_leave_within_the_time_given() -> None:
    spoiler = Spoiler(Misbehaviour(shuffle_s=3), 1)
    leaves = [spoiler.passings(CALL, 0)[0].leaves_ms for _ in range(500)]
    assert 0 <= min(leaves) < 300
    assert 2700 < max(leaves) <= 3000


def test_what_the_switch_says_of_itself_is_spared() -> None:
    spoiler = Spoiler(Misbehaviour(late=1, lose=1, shuffle_s=9), 1)
    assert spoiler.passings("ringback.switch.switchSnapshot.v1", 7) == [(7, "")]


def test_what_is_held_back_comes_in_the_order_of_leaving() -> None:
    held_back = HeldBack()
    for leaves_ms, body in ((30, b"c"), (10, b"a"), (20, b"b")):
        held_back.put(leaves_ms, body)
    assert held_back.next_ms == 10
    assert held_back.take(20) == [b"a", b"b"]
    assert len(held_back) == 1
