"""Orders leave at most once: 500 histories by seed, and a few planted changes that their judge must catch. All that is
planted is tried by `make simulate ORDERS=1`.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.outbound.campaign import histories, report
from tests.simulation.outbound.judge import KINDS, is_open
from tests.simulation.outbound.planted import ALL, Planted, caught
from tests.simulation.outbound.site import WEEKS_MAX

HISTORIES = 500
QUICKLY_CAUGHT = ("claim takes sent orders again", "an unanswered question is not dialled", "withdraws what was sent")
NOON_MS = 1_772_425_800_000  # 2026-03-02 12:30 in Shanghai: the rest hours end


@pytest.mark.parametrize("first", range(1, HISTORIES + 1, WEEKS_MAX))
async def test_no_order_is_sent_twice_or_too_late_whatever_happens(first: int) -> None:
    told = await histories(range(first, min(first + WEEKS_MAX, HISTORIES + 1)))
    assert [(one.seed, one.violations) for one in told if one.violations] == []
    assert sum(one.orders for one in told) > len(told)


async def test_a_seed_plays_the_same_history_wherever_it_is_played() -> None:
    first = await histories([11, 12, 13])
    again = await histories([13])
    assert first[2] == again[0]
    assert len({one.trace for one in first}) == 3


@pytest.mark.parametrize("planted", [one for one in ALL if one.name in QUICKLY_CAUGHT], ids=lambda one: one.name)
async def test_a_planted_change_is_caught(planted: Planted) -> None:
    assert await caught(planted, 1) is not None


def test_each_kind_of_violation_has_two_planted_changes_or_more() -> None:
    kinds = [one.kind for one in ALL]
    assert {kind for kind in KINDS if kinds.count(kind) < 2} == {"history_broken"}
    assert len({one.name for one in ALL}) == len(ALL)


async def test_the_report_counts_every_kind() -> None:
    told = report(await histories([1]))
    assert told["violations"] == dict.fromkeys(KINDS, 0)
    assert (told["histories"], told["failed"]) == (1, [])
    assert set(told) >= {"histories", "orders", "faults", "violations", "trace"}


def test_the_judges_hours_are_those_of_the_rest_and_of_debts() -> None:
    assert is_open(NOON_MS - 1, "Asia/Shanghai")
    assert not is_open(NOON_MS, "Asia/Shanghai")
    assert is_open(NOON_MS, "Asia/Urumqi")
    assert not is_open(NOON_MS - 3 * 3_600_000, "Asia/Urumqi")


def test_the_command_replays_one_seed(tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    command = [sys.executable, "-m", "tests.simulation.outbound", "--n", "1", "--seed", "3", "--json", str(out)]
    subprocess.run([*command, "--orders"], check=True, capture_output=True)
    told = json.loads(out.read_text("utf-8"))
    assert (told["histories"], told["planted"]) == (1, {})
    assert told["violations"] == dict.fromkeys(KINDS, 0)
