"""The real month through `ringback replay`."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

FILE = "bank-call-centre-1999-01.csv"
MAPPING = "bank-1999"
LIMIT_S = 900


def replayed(folder: Path, db: str, *options: str) -> dict[str, Any]:
    """What the command prints."""
    command = [sys.executable, "-m", "cti", "replay", str(data()), "--mapping", MAPPING, "--db", db]
    outputs = ["--json", str(folder / "out.json"), "--tables", str(folder)]
    done = subprocess.run([*command, *outputs, *options], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads((folder / "out.json").read_text("utf-8"))
    assert json.loads(done.stdout) == found
    return found


def data() -> Path:
    return Path(os.environ["RINGBACK_DATA"]) / FILE
