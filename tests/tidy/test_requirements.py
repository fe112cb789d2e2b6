"""What is installed is pinned and hashed, complete, and says nothing of where it was fetched."""

import re
import tomllib

import pytest

from tests.tidy.sources import ROOT

FILES = ("requirements.txt", "requirements-build.txt", "requirements-dev.txt")
PIN = re.compile(r"^([a-z0-9._-]+)==(\S+)")


def pins(name: str) -> dict[str, str]:
    lines = (ROOT / name).read_text("utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := PIN.match(line))}


@pytest.mark.parametrize("name", FILES)
def test_every_requirement_has_a_version_and_a_hash(name: str) -> None:
    text = (ROOT / name).read_text("utf-8")
    blocks = re.split(r"\n(?=[a-zA-Z])", re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE))
    assert blocks
    assert [block.split()[0] for block in blocks if not PIN.match(block) or "--hash=sha256:" not in block] == []
    assert not re.search(r"://|--index|--find-links|--trusted|-e ", text)


def test_tests_run_with_the_versions_the_product_runs_with() -> None:
    development = pins("requirements-dev.txt")
    for name in ("requirements.txt", "requirements-build.txt"):
        assert pins(name).items() <= development.items()


def test_everything_the_project_asks_for_is_pinned() -> None:
    asked = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
    names = {re.split(r"[^A-Za-z0-9_-]", requirement)[0].lower() for requirement in asked}
    assert names <= set(pins("requirements.txt"))
