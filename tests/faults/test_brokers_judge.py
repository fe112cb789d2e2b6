"""The judgement upon three brokers finds what it looks for."""

from typing import Any

import pytest

from tests.faults.cluster.brokers import ONE, TURNS, TWO, Beat, Phase, accepted, failures, hiccup, slowest, told, unfit
from tests.faults.cluster.judging import NEVER, WORK
from tests.faults.cluster.keeping import Copy
from tests.faults.cluster.scenarios import Answer, Blind

YES = Answer(202, "", "", None)
NO = Answer(503, "log_busy", "", "2")


def beat(sent_ms: int, answer: Answer = YES, took_ms: int = 10, door: int = 0) -> Beat:
    return Beat(door, sent_ms, sent_ms + took_ms, answer)


def test_the_longest_silence_of_any_door_counts_from_the_beginning_to_the_end() -> None:
    phase = Phase(0, 20_000)
    both = [beat(1_000), beat(19_000), beat(1_000, door=1), beat(2_000, NO, door=1), beat(9_990, door=1)]
    assert hiccup(both, phase) == 18.0
    assert hiccup(both[2:], phase) == 10.0
    assert hiccup([beat(5_000, NO)], phase) == 20.0


@pytest.mark.parametrize(
    ("one", "found"),
    [
        (beat(0), False),
        (beat(0, NO, 5_000), False),
        (beat(0, NO._replace(retry_after=None)), True),
        (beat(0, Answer(0, "ClientOSError", "", None)), True),
        (beat(0, Answer(500, "", "", "2")), True),
        (beat(0, NO, 9_000), True),
    ],
)
def test_an_answer_is_yes_or_when_to_come_again_and_in_time(one: Beat, found: bool) -> None:
    assert unfit(one) is found


def test_a_part_counts_what_came_while_it_lasted() -> None:
    phase = Phase(1_000, 3_000, acked=7, figures={"led": 28})
    copies = [Copy(topic, "x", at_ms, {}) for topic in ("commands", "calls.records") for at_ms in (999, 1_000, 3_001)]
    found = told(phase, [beat(995), beat(2_000, NO), beat(3_001)], copies)
    assert (found["acked"], found["records"], found["commands"], found["led"]) == (7, 1, 1, 28)
    assert (found["beats"], found["unfit"]) == ({"202": 1, "503 log_busy": 1}, 0)


def test_a_yes_counts_while_two_are_away_and_not_when_they_are_back() -> None:
    blind = Blind(1_000, 30_000)
    assert accepted([beat(900), beat(2_000, NO), beat(28_000, took_ms=2_500)], blind) == 0
    assert accepted([beat(1_001), beat(2_000)], blind) == 2


def test_the_slowest_refusal_is_one_that_was_asked_for_while_two_were_away() -> None:
    assert slowest([beat(900, NO, 9_000), beat(1_100, NO, 5_100)], Blind(1_000, 30_000)) == 5.1


def sound_figures() -> dict[str, Any]:
    part = {"unfit": 0, "acked": 1, "records": 1, "commands": 1, "hiccup_s": 9.9}
    two = {**part, "hiccup_s": 60.0, "accepted": 0, "orders_while_blind": 0, "flood_unfit": 0}
    whole = dict.fromkeys(WORK, 1) | dict.fromkeys(NEVER, 0)
    whole |= {"ended_alone": 0, "stopped_badly": 0, "calls_unfinished": 0, "restarts": 0}
    return {**whole, ONE: dict(part), TWO: two, TURNS: dict(part)}


def test_figures_as_they_should_be_are_sound() -> None:
    assert failures(sound_figures()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("acked_missing", 1), ("restarts", 1),
        (f"{ONE}.hiccup_s", 20.1), (f"{TURNS}.hiccup_s", 20.1), (f"{ONE}.records", 0), (f"{TURNS}.commands", 0),
        (f"{TWO}.accepted", 1), (f"{TWO}.orders_while_blind", 1), (f"{TWO}.flood_unfit", 1), (f"{TWO}.unfit", 1),
    ],
)  # fmt: skip
def test_each_figure_can_fail(name: str, value: float) -> None:
    figures = sound_figures()
    part, _, member = name.partition(".")
    (figures[part] if member else figures)[member or part] = value
    assert failures(figures) == [name]
