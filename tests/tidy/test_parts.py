"""Each test is in one part of the suite, and CI runs all parts: a test in none would be missed by nobody."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests import conftest
from tests.conftest import LONG, PARTS, PROCESSES, TESTS

CI = Path(".ci/run")


@pytest.mark.parametrize("place", [*PROCESSES, *LONG])
def test_what_is_listed_is_there(place: str) -> None:
    assert (TESTS / place).exists()


def test_a_file_of_which_some_tests_are_long_is_in_two_parts() -> None:
    found = {path: _parts(path) for path in sorted(TESTS.rglob("test_*.py"))}
    assert [str(path) for path, parts in found.items() if not parts] == []
    both = [path for path, parts in found.items() if len(parts) > 1]
    assert both == [path for path in found if conftest.long_if(path) not in ((), conftest.ALL)]
    assert all("long" in found[path] for path in both)


class Asked:
    """The option of a run."""

    def __init__(self, part: str) -> None:
        self._part = part

    def getoption(self, _name: str) -> str:
        return self._part


def _parts(path: Path) -> list[str]:
    asked: dict[str, Any] = {part: Asked(part) for part in PARTS}
    return [part for part in PARTS if conftest.pytest_ignore_collect(path, asked[part]) is None]


def test_ci_runs_every_part() -> None:
    makefile, run = Path("Makefile").read_text("utf-8"), CI.read_text("utf-8")
    targets = {
        part: target
        for target, recipe in re.findall(r"(?m)^([a-z-]+):[^\n=]*\n((?:\t.*\n)+)", makefile)
        for part in re.findall(r"--part (\w+)", recipe)
    }
    assert targets.keys() == set(PARTS)
    assert all(re.search(rf"(?m)^step \w+ make {target}$", run) for target in targets.values())
