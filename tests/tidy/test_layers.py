"""Imports go one way: the contracts of pyproject.toml, kept by import-linter."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.tidy.sources import ROOT

LINT = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", LINT], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


def test_the_contracts_are_kept() -> None:
    linted = lint(ROOT)
    assert linted.returncode == 0, linted.stdout + linted.stderr
    assert " 0 broken" in linted.stdout


def copy_sources(tmp_path: Path) -> None:
    for package in ("schemas", "cti", "campaigns"):
        for source in (ROOT / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    copy_sources(tmp_path)
    offenders = {
        "cti/core/offender.py": "import asyncio\nimport cti.gateway\n",
        "cti/sql/offender.py": "import cti.errors\n",
        "cti/hosting_offender.py": "",
        "campaigns/offender.py": "import cti.adapters.store\n",
    }
    for name, text in offenders.items():
        (tmp_path / name).write_text(text, "utf-8")
    linted = lint(tmp_path)
    assert linted.returncode == 1
    for offender in ("cti.core.offender", "cti.sql.offender", "campaigns.offender"):
        assert offender in linted.stdout
    assert "hosting_offender" in linted.stdout, "a module without a layer"


@pytest.mark.parametrize("room", ["ports", "sql.writer", "leases.ports", "hosting", "web.route", "errors", "telemetry"])
def test_campaigns_may_use_its_rooms(room: str, tmp_path: Path) -> None:
    copy_sources(tmp_path)
    (tmp_path / "campaigns/guest.py").write_text(f"import cti.{room}\nimport schemas.envelope\n", "utf-8")
    linted = lint(tmp_path)
    assert linted.returncode == 0, linted.stdout
