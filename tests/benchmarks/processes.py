"""Processes of a benchmark: started by us, spoken to in lines of JSON, ended by us."""

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
STOP_S = 30.0
JOB_S = 300.0


class Spoken:
    """A running process of ours that answers lines with lines."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process

    def heard(self) -> Any:
        """Its next line. Raises RuntimeError when it has ended instead."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args!r} ended with code {self.process.wait(STOP_S)}")
        return json.loads(line)

    def asked(self, line: str = "") -> Any:
        """What it says to a line."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.heard()


@contextmanager
def spoken(module: str, *arguments: str) -> Iterator[Spoken]:
    """`python -m module`, until the block ends: its standard input is closed and it has STOP_S to go."""
    process = subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        yield Spoken(process)
    finally:
        try:
            process.communicate(timeout=STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def done(module: str, job: Mapping[str, Any], *arguments: str, within_s: float = JOB_S) -> Any:
    """What `python -m module arguments` makes of a job. Raises CalledProcessError; TimeoutExpired after `within_s`."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments], input=json.dumps(job), stdout=subprocess.PIPE, text=True, cwd=ROOT,
        check=True, timeout=within_s,
    )  # fmt: skip
    return json.loads(ran.stdout)
