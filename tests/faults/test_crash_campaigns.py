"""Small trials of kill -9 while campaigns are worked on; large ones: `python -m tests.faults.crash_campaigns` and
`crash_messages`.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.faults import crash_messages
from tests.faults.crash_campaigns import failures, tried

SIZES = {"imports": 3_000, "batches": 300, "stops": 200}
KILLS = {"imports": 3, "batches": 2, "stops": 2}


@pytest.mark.parametrize("name", ["imports", "stops"])
async def test_nothing_is_done_twice_or_by_halves_on_sqlite(name: str, tmp_path: Path) -> None:
    figures = await tried(name, SIZES[name], KILLS[name], 1, f"sqlite:///{tmp_path / 'crash.db'}", tmp_path)
    assert failures(figures) == [], figures


@pytest.mark.parametrize("name", ["imports", "batches"])
async def test_nothing_is_done_twice_or_by_halves_on_postgresql(name: str, tmp_path: Path, postgres_url: str) -> None:
    figures = await tried(name, SIZES[name], KILLS[name], 2, postgres_url, tmp_path)
    assert failures(figures) == [], figures


async def test_no_message_leaves_twice_and_each_receipt_arrives(tmp_path: Path) -> None:
    figures = await crash_messages.tried(120, 2, 1, f"sqlite:///{tmp_path / 'crash.db'}", tmp_path)
    assert crash_messages.failures(figures) == [], figures


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"contacts_missing": 1}, ["contacts_missing"]),
        ({"contacts_twice": 2}, ["contacts_twice"]),
        ({"imports_done": 0}, ["imports_done"]),
        ({"imports_done": 2}, ["imports_done"]),
        ({"imports_failed": 2}, []),
        ({"contacts_add_up": False}, ["contacts_add_up"]),
        ({"killed_while_running": 0}, ["killed_while_running"]),
    ],
)
def test_a_trial_with_a_fault_or_without_work_fails(changed: dict[str, Any], wrong: list[str]) -> None:
    good = {
        "rows": 10, "imports_done": 1, "imports_failed": 0, "cut_off_with_rows": 0,
        "imports_cut_off": 1, "counts_wrong": 0, "contacts": 9,
        "contacts_twice": 0, "contacts_missing": 0, "contacts_add_up": True, "killed_while_running": 1,
    }  # fmt: skip
    assert sorted(set(failures({**good, **changed}))) == wrong


@pytest.mark.parametrize(
    ("changed", "wrong"),
    [
        ({"received_twice": 1}, ["received_twice"]),
        ({"contacts_neither_reached_nor_lost": 1}, ["contacts_neither_reached_nor_lost"]),
        ({"lost": 3}, []),
        ({"lost_above_bound": 1}, ["lost_above_bound"]),
        ({"kills": 0}, ["kills"]),
        ({"messages": 0}, ["messages"]),
    ],
)
def test_a_trial_of_messages_with_a_fault_or_without_work_fails(changed: dict[str, Any], wrong: list[str]) -> None:
    good = {
        "messages": 10, "received_twice": 0, "lost": 0, "lost_above_bound": 0, "contacts_neither_reached_nor_lost": 0,
        "contacts_add_up": True, "kills": 2,
    }  # fmt: skip
    assert crash_messages.failures({**good, **changed}) == wrong
