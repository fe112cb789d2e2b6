"""FOLLOW-1: which reports of a fault are followed up."""

from collections import Counter

import pytest

from campaigns.core.sampling import Report, is_fault, sampled

SEED = "0" * 64


def reports(*areas: tuple[str, int], fault: str = "F1") -> list[Report]:
    return [Report(f"{fault}-{area}-{at}", fault, area) for area, count in areas for at in range(count)]


@pytest.mark.parametrize(
    ("there", "taken"), [(0, 0), (1, 1), (19, 1), (20, 1), (21, 2), (40, 2), (41, 3), (100, 5), (101, 6), (2_000, 100)]
)
def test_of_each_fault_five_in_a_hundred_and_one_at_the_least(there: int, taken: int) -> None:
    assert len(sampled(reports(("a", there)), 5, SEED)) == taken


def test_each_fault_has_its_own_sample() -> None:
    found = sampled([*reports(("a", 100)), *reports(("a", 10), fault="F2")], 5, SEED)
    assert Counter(key[:2] for key in found) == {"F1": 5, "F2": 1}


@pytest.mark.parametrize("seed", ["1", "2", "3", "4", "5", "6", "7", "8"])
def test_it_is_spread_over_the_area(seed: str) -> None:
    """Every area has its share, to the next whole report."""
    found = sampled(reports(("a", 100), ("b", 200), ("c", 300), ("d", 400)), 5, seed)
    by_area = Counter(key.split("-")[1] for key in found)
    assert len(found) == 50
    assert all(abs(by_area[area] - count) <= 1 for area, count in (("a", 5), ("b", 10), ("c", 15), ("d", 20)))


def test_the_same_file_gives_the_same_sample_in_whatever_order() -> None:
    there = reports(("a", 50), ("b", 70))
    assert sampled(there, 5, SEED) == sampled(reversed(there), 5, SEED)
    assert sampled(there, 5, SEED) != sampled(there, 5, "1" * 64), "nobody chooses it but the seed"


def test_every_report_has_the_same_chance() -> None:
    there = reports(("a", 30), ("b", 30), ("c", 40))
    counted = Counter(key for seed in range(1_000) for key in sampled(there, 5, str(seed)))
    assert len(counted) == 100
    assert min(counted.values()) > 20, "50 each on average"
    assert max(counted.values()) < 90


def test_a_hundred_is_everybody_and_a_report_that_is_there_twice_counts_once() -> None:
    assert len(sampled([*reports(("a", 7)), *reports(("a", 7))], 100, SEED)) == 7


def test_the_words_of_a_category() -> None:
    assert [is_fault(word) for word in ("fault", " Fault ", "报修", "故障报修", "complaint", "投诉", "x")] == [
        True, True, True, True, False, False, False,
    ]  # fmt: skip
