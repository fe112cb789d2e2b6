"""The `ringback` command, whatever becomes of it."""

import argparse
import os
import subprocess
import sys

import pytest

from cti import __main__ as command


def test_an_interruption_is_no_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_: argparse.Namespace) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("cti.cli.migrate.run", interrupted)
    assert command.main(["migrate"]) == 130


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        ended = subprocess.run(
            [sys.executable, "-m", "cti", "profile", "check", "power-95598"],
            stdout=out, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, b"")
