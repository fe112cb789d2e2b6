"""The worked cases pass, and a case that is wrong is seen."""

import json
import sys
from pathlib import Path

import pytest

from tests.replay import hours, workdays
from tests.replay.cases import PASSED, Judge, differences, run, verdicts

VECTORS = Path(__file__).parent / "vectors"
FOLDERS: list[tuple[str, Judge, int]] = [
    ("hours", hours.judge, 180),
    ("hours-follow-up", hours.judge, 55),
    ("workdays", workdays.judge, 33),
]
CASE = {
    "profile": "power-95598",
    "kind": "billing",
    "class": "resident",
    "zones": ["Asia/Shanghai"],
    "ring_timeout_s": 30,
    "at": "2026-03-04T10:00:00+08:00",
    "expect": {"may_dial": True, "until": None, "dial_before": "2026-03-04T06:29:20+02:00"},
}


@pytest.mark.parametrize(("folder", "judge", "count"), FOLDERS)
def test_every_worked_case_passes(folder: str, judge: Judge, count: int) -> None:
    found = verdicts(VECTORS / folder, judge)
    assert {name: verdict for name, verdict in found.items() if verdict != PASSED} == {}
    assert len(found) == count


@pytest.mark.parametrize(("folder", "judge", "count"), FOLDERS)
def test_a_millisecond_off_is_seen(folder: str, judge: Judge, count: int) -> None:
    """Every instant that is expected, moved by one millisecond, makes its case fail."""
    for file in sorted((VECTORS / folder).glob("*.json")):
        for case in json.loads(file.read_text("utf-8")):
            for key, value in case["expect"].items():
                if isinstance(value, str):
                    moved = value.replace(".000+", ".001+")
                    assert moved != value
                    assert judge({**case, "expect": {**case["expect"], key: moved}}).startswith(f"{key}: ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, PASSED),
        ({"kind": "arrears"}, PASSED),
        ({"at": "2026-03-04T12:30:00+08:00"}, "may_dial: True expected, False found; until: None expected, "),
        ({"windows": ["09:00-09:30"]}, "may_dial: True expected, False found"),
        ({"closed_dates": ["2026-03-04"]}, "may_dial: True expected, False found"),
        ({"agreed_at": "2026-03-04T11:00:00+08:00"}, "may_dial: True expected, False found"),
        ({"channel": "sms"}, "dial_before: '2026-03-04T06:29:20+02:00' expected, '2026-03-04T04:30:00.000Z' found"),
        ({"zone": "Mars/Olympus"}, "may_dial: True expected, False found"),
        ({"profile": "nobody"}, "not a case: ValueError: no hours are known of the profile nobody"),
        ({"at": "2026-03-04T10:00:00"}, "not a case: ValueError: 2026-03-04T10:00:00 has no offset"),
        ({"ring_timeout_s": None}, "not a case: TypeError: "),
    ],
)
def test_what_a_case_may_say(tmp_path: Path, change: dict[str, object], said: str) -> None:
    (tmp_path / "a.json").write_text(json.dumps([{**CASE, **change}]), "utf-8")
    assert verdicts(tmp_path, hours.judge)["a.json#0"].startswith(said)


def test_a_case_without_a_name_or_with_anothers_is_file_and_index(tmp_path: Path) -> None:
    named = {**CASE, "name": "x"}
    (tmp_path / "b.json").write_text(json.dumps([CASE, named, named, "nonsense", {"name": "y"}]), "utf-8")
    found = verdicts(tmp_path, hours.judge)
    assert list(found) == ["b.json#0", "x", "b.json#2", "b.json#3", "y"]
    assert [one == PASSED for one in found.values()] == [True, True, True, False, False]
    assert found["y"] == "not a case: KeyError: 'profile'"


def test_only_what_is_expected_is_compared() -> None:
    assert differences({}, {"a": 1}) == PASSED
    assert differences({"a": None, "b": False}, {"b": False}) == PASSED
    assert differences({"b": False}, {}) == "b: False expected, None found"


@pytest.mark.parametrize(("expect", "code"), [({"may_dial": True}, 0), ({"may_dial": False}, 1), (None, 1)])
def test_the_command_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    expect: dict[str, bool] | None,
    code: int,
) -> None:
    folder, out = tmp_path / "cases", tmp_path / "out.json"
    folder.mkdir()
    if expect is not None:
        (folder / "c.json").write_text(json.dumps([{**CASE, "expect": expect}]), "utf-8")
    monkeypatch.setattr(sys, "argv", ["hours", str(folder), "--json", str(out)])
    assert run("cases", hours.judge) == code
    assert out.read_text("utf-8") == capsys.readouterr().out
    assert list(json.loads(out.read_text("utf-8"))) == ([] if expect is None else ["c.json#0"])
