"""A made-up month through the real door and engine: its truth comes out, to the call, however its events arrive."""

import argparse
import csv
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from cti.replay.command import add_arguments, run
from tests.postgres import PostgresServer
from tests.replay.month import Month, generate

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

DAMAGED = 12
COUNTS = ("calls", "answered", "abandoned", "abandoned_from_queue")
MEANS = ("mean_service_s", "mean_wait_answered_s")
TABLES = {"by_type": "service_type", "by_agent": "agent", "by_half_hour": "half_hour"}
NOT_MEASURABLE = {"RING-1": "delivered", "RING-2": "delivered", "HOLD-2": "held", "END-1": "connectionCleared"}


def replayed(folder: Path, file: Path, db: str, *options: str) -> dict[str, Any]:
    """What `ringback replay` writes."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    out = folder / "out.json"
    args = [str(file), "--mapping", "bank-1999", "--db", db, "--json", str(out), "--tables", str(folder), *options]
    assert run(parser.parse_args(args)) == 0
    found: dict[str, Any] = json.loads(out.read_text("utf-8"))
    return found


@pytest.fixture(scope="module")
def month() -> Month:
    return generate(seed=1999, calls_a_day=30, damaged=DAMAGED)


@pytest.fixture(scope="module")
def file(month: Month, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("month") / "month.csv"
    path.write_bytes(month.content())
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("plain")


@pytest.fixture(scope="module")
def plain(folder: Path, file: Path) -> dict[str, Any]:
    """The undisturbed replay, on SQLite."""
    return replayed(folder, file, f"sqlite:///{folder}/month.db")


def test_every_line_is_accounted_for(plain: dict[str, Any], month: Month) -> None:
    assert plain["lines_in"] == len(month.lines)
    assert plain["excluded"] == {"phantom": month.phantoms}
    assert plain["rejected"] == DAMAGED
    assert {line["line"]: line["reason"] for line in plain["rejected_lines"]} == month.damaged
    assert plain["accepted"] + month.phantoms + DAMAGED == plain["lines_in"]
    assert sum(plain["rejected_by_reason"].values()) == DAMAGED


def test_the_truth_comes_out(plain: dict[str, Any], month: Month) -> None:
    truth = month.figures[""][""].table_line()
    assert {key: plain[key] for key in (*COUNTS, *MEANS)} == truth
    assert plain["accepted"] == plain["calls"]
    assert plain["events"] == plain["events_posted"] == month.events
    assert plain["events_per_s"] > 0


@pytest.mark.parametrize(("name", "first"), TABLES.items())
def test_tables(plain: dict[str, Any], folder: Path, month: Month, name: str, first: str) -> None:
    assert plain["calls"]
    with (folder / f"{name}.csv").open(newline="", encoding="utf-8-sig") as table:
        lines = {line.pop(first): line for line in csv.DictReader(table)}
    found = {
        group: {key: int(line[key]) for key in COUNTS} | {key: float(line[key]) if line[key] else None for key in MEANS}
        for group, line in lines.items()
    }
    assert found == {group: figures.table_line() for group, figures in month.figures[first].items()}


@pytest.mark.parametrize(("rule", "missing"), NOT_MEASURABLE.items())
def test_what_was_never_recorded_is_not_zero(plain: dict[str, Any], rule: str, missing: str) -> None:
    assert plain["rules"][rule]["state"] == "not_measurable"
    assert missing in plain["rules"][rule]["missing"]
    assert plain["rules"][rule]["breaches"] is None


def test_what_was_recorded_is_measured(plain: dict[str, Any]) -> None:
    assert plain["rules"]["QUEUE-1"]["state"] == "measured"


def test_disturbed_and_on_another_database_the_records_are_the_same(
    plain: dict[str, Any], tmp_path: Path, file: Path, postgres: PostgresServer
) -> None:
    given = make_url(postgres.create_database())
    postgres.drop_database(given.render_as_string(hide_password=False))
    absent = given.render_as_string(hide_password=False)
    disturbance = ("--shuffle-s", "600", "--duplicate-every", "10", "--seed", "7")
    try:
        disturbed = replayed(tmp_path, file, absent, *disturbance)
    finally:
        postgres.drop_database(absent)
    assert disturbed["records_sha256"] == plain["records_sha256"]
    assert disturbed["events_posted"] == plain["events"] + plain["events"] // 10
    kept = {*COUNTS, *MEANS, "events", "rules", "lines_in", "accepted"}
    assert {key: disturbed[key] for key in kept} == {key: plain[key] for key in kept}


def test_a_second_replay_adds_nothing(plain: dict[str, Any], folder: Path, file: Path, tmp_path: Path) -> None:
    again = replayed(tmp_path, file, f"sqlite:///{folder}/month.db", "--shuffle-s", "60", "--seed", "1")
    assert again["records_sha256"] == plain["records_sha256"]
    assert again["calls"] == plain["calls"]


def test_one_second_more_is_another_hash(month: Month, tmp_path: Path) -> None:
    few = Month(lines=[line for line in month.lines if line["outcome"] == "AGENT"][:5])
    hashes = []
    for seconds in ("100", "101"):
        few.lines[2]["ser_time"] = seconds
        (tmp_path / "few.csv").write_bytes(few.content())
        found = replayed(tmp_path, tmp_path / "few.csv", f"sqlite:///{tmp_path}/few-{seconds}.db")
        assert found["calls"] == 5
        hashes.append(found["records_sha256"])
    assert hashes[0] != hashes[1]


@pytest.mark.parametrize(
    ("mapping", "content", "said"),
    [
        ("bank-2099", "a,b\n1,2\n", "no mapping 'bank-2099' ships"),
        ("bank-1999", "vru_line,call_id\n1,2\n", "bank-1999.toml:6: date_column: no column 'date'"),
        ("bank-1999", "", "empty"),
    ],
)
def test_what_cannot_be_read_is_told(
    mapping: str, content: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    (tmp_path / "calls.csv").write_text(content)
    db = f"sqlite:///{tmp_path}/never.db"
    assert run(parser.parse_args([str(tmp_path / "calls.csv"), "--mapping", mapping, "--db", db])) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "never.db").exists()


def test_the_database_of_live_calls_is_left_alone(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    live = f"sqlite:///{tmp_path}/live.db"
    monkeypatch.setenv("RINGBACK_DB", live)
    assert run(parser.parse_args([str(file), "--mapping", "bank-1999", "--db", live])) == 2
    assert "a replay wants one of its own" in capsys.readouterr().err
    assert not (tmp_path / "live.db").exists()
