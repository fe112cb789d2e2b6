"""Calling hours and working days, as they were worked out without the product: every case of the data passes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

LIMIT_S = 120


@pytest.mark.parametrize(
    ("replay", "folder"), [("hours", "hours"), ("hours", "hours-follow-up"), ("workdays", "workdays")]
)
def test_every_case_passes(replay: str, folder: str, tmp_path: Path) -> None:
    cases = Path(os.environ["RINGBACK_DATA"]) / folder
    count = sum(len(json.loads(file.read_text("utf-8"))) for file in cases.glob("*.json"))
    command = [sys.executable, "-m", f"tests.replay.{replay}", str(cases), "--json", str(tmp_path / "out.json")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, check=False)
    verdicts: dict[str, str] = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert {name: verdict for name, verdict in verdicts.items() if verdict != "passed"} == {}
    assert (len(verdicts), done.returncode) == (count, 0)
    assert count > 0
