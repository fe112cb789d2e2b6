"""The real month through `ringback replay`, judged by a plain script over the same file."""

import csv
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance import plain_figures
from tests.acceptance.replaying import data, replayed
from tests.postgres import PostgresServer

PUBLISHED = {
    "lines_in": 31599,
    "excluded": {"phantom": 240},
    "rejected": 0,
    "accepted": 31359,
    "calls": 31359,
    "answered": 27060,
    "abandoned": 4299,
    "abandoned_from_queue": 3101,
    "mean_service_s": 183.4517,
    "mean_wait_answered_s": 35.0280,
    "events": 106464,
}
FIRST = {"by_type": "service_type", "by_agent": "agent", "by_half_hour": "half_hour"}


@pytest.fixture(scope="module")
def calls() -> list[dict[str, str]]:
    return plain_figures.calls(data())


def test_the_published_figures(real: dict[str, Any]) -> None:
    assert {key: real[key] for key in PUBLISHED} == PUBLISHED


def test_the_plain_script_says_the_same(real: dict[str, Any], calls: list[dict[str, str]]) -> None:
    figures = plain_figures.figures(calls)
    assert {key: real[key] for key in figures} == figures


@pytest.mark.parametrize("name", plain_figures.TABLES)
def test_tables_equal_the_plain_script(
    real: dict[str, Any], folder: Path, calls: list[dict[str, str]], name: str
) -> None:
    assert real["calls"]
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8-sig") as table:
        lines = {line.pop(FIRST[name]): line for line in csv.DictReader(table)}
    expected = plain_figures.table(name, calls)
    written = {
        group: {key: "" if value is None else str(value) for key, value in figures.items()}
        for group, figures in expected.items()
    }
    assert lines == written


def test_disturbed_on_sqlite(real: dict[str, Any], tmp_path: Path) -> None:
    disturbed = replayed(
        tmp_path, f"sqlite:///{tmp_path}/month.db", "--shuffle-s", "5", "--duplicate-every", "10", "--seed", "7"
    )
    judge_disturbed(disturbed, real)


def test_disturbed_on_postgresql(real: dict[str, Any], tmp_path: Path, postgres: PostgresServer) -> None:
    url = postgres.create_database()
    postgres.drop_database(url)
    try:
        disturbed = replayed(tmp_path, url, "--shuffle-s", "5", "--duplicate-every", "10", "--seed", "7")
    finally:
        postgres.drop_database(url)
    judge_disturbed(disturbed, real)


def judge_disturbed(disturbed: dict[str, Any], real: dict[str, Any]) -> None:
    assert disturbed["records_sha256"] == real["records_sha256"]
    assert {key: disturbed[key] for key in PUBLISHED} == PUBLISHED
    assert disturbed["events_posted"] == 106464 + 106464 // 10


def test_ringing_and_holds_are_not_measurable(real: dict[str, Any]) -> None:
    for rule in ("RING-1", "RING-2", "HOLD-1", "HOLD-2", "HOLD-3", "END-1"):
        assert real["rules"][rule]["state"] == "not_measurable", rule
    assert real["rules"]["QUEUE-1"]["state"] == "measured"
