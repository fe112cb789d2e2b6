"""Names that say nothing are not used, in no file and no folder."""

import re

import pytest

from tests.tidy.sources import PACKAGES, ROOT

BANNED_WORDS = frozenset({"base", "common", "helper", "helpers", "manager", "managers", "misc", "util", "utils"})


def banned_words(path: str) -> set[str]:
    return BANNED_WORDS & set(re.split(r"[^a-z]+", path.lower()))


def test_no_file_has_an_empty_name() -> None:
    paths = [path.relative_to(ROOT).as_posix() for package in PACKAGES for path in (ROOT / package).rglob("*")]
    assert [path for path in paths if "__pycache__" not in path and banned_words(path)] == []


@pytest.mark.parametrize("path", ["cti/utils.py", "cti/call_manager.py", "tests/common/calls.py", "schemas/base.py"])
def test_an_empty_name_is_found(path: str) -> None:
    assert banned_words(path)


def test_a_word_inside_another_is_none() -> None:
    assert not banned_words("cti/database.py")
