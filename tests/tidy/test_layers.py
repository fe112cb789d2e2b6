"""Imports go one way: the contracts of pyproject.toml, kept by import-linter."""

import subprocess
import sys
from pathlib import Path

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


def test_a_broken_contract_is_found(tmp_path: Path) -> None:
    for package in ("schemas", "cti", "campaigns"):
        for source in (ROOT / package).rglob("*.py"):
            copy = tmp_path / source.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
    (tmp_path / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (tmp_path / "cti/core/offender.py").write_text("import asyncio\nimport cti.gateway\n", "utf-8")
    linted = lint(tmp_path)
    assert linted.returncode == 1
    assert "cti.core.offender" in linted.stdout
