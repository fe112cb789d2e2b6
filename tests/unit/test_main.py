"""The `ringback` command, whatever becomes of it."""

import argparse
import gc
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


SERVED = ("aiohttp", "alembic", "sqlalchemy", "cti.wiring", "campaigns.wiring")
"""What only a process that serves needs."""


def test_who_only_speaks_to_a_service_does_not_import_it() -> None:
    """Else each line of a script takes more than a second."""
    asked = f"""
import sys
from cti.__main__ import main
try:
    main(["campaign", "--help"])
except SystemExit:
    print([name for name in {SERVED!r} if name in sys.modules])
"""
    told = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.splitlines()[-1] == "[]"


def test_the_collector_runs_after_a_command_is_loaded() -> None:
    assert command.loaded("profile") is not None
    assert gc.isenabled()


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        ended = subprocess.run(
            [sys.executable, "-m", "cti", "profile", "check", "power-95598"],
            stdout=out, stderr=subprocess.PIPE, check=False, timeout=60,
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (1, b"")
