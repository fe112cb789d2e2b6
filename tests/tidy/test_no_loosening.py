"""No test sleeps or is skipped; no check is switched off by a comment."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests.tidy.sources import PACKAGES, Source, sources

BANNED_IN_TESTS = frozenset({"sleep", "skip", "skipif", "skipIf", "skipUnless", "xfail", "importorskip"})
SWITCHED_OFF = re.compile(
    r"#\s*(type:\s*ignore|noqa|ruff:\s*noqa|mypy:\s*ignore|pragma:\s*no\s*cover|nosec)", re.IGNORECASE
)
# Files that may sleep, each with its reason: none does.
MAY_SLEEP: dict[str, str] = {}


def loosened(source: Source) -> Iterator[str]:
    """`path:line name` of every sleep, skip and expected failure."""
    for node in ast.walk(source.tree()):
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name in BANNED_IN_TESTS and not (name == "sleep" and source.path in MAY_SLEEP):
            yield f"{source.path}:{getattr(node, 'lineno', 0)} {name}"
        if isinstance(node, ast.ImportFrom):
            yield from (
                f"{source.path}:{node.lineno} {alias.name}" for alias in node.names if alias.name in BANNED_IN_TESTS
            )


def switched_off(source: Source) -> Iterator[str]:
    """`path:line comment` of every comment that silences a check."""
    yield from (f"{source.path}:{line} {text}" for line, text in source.comments() if SWITCHED_OFF.search(text))


def test_no_test_sleeps_or_is_skipped() -> None:
    assert [finding for source in sources("tests") for finding in loosened(source)] == []


def test_no_check_is_switched_off() -> None:
    assert [finding for source in sources(*PACKAGES) for finding in switched_off(source)] == []


@pytest.mark.parametrize(
    "line",
    [
        "time.sleep(1)",
        "await asyncio.sleep(0)",
        "from asyncio import sleep",
        "@pytest.mark.xfail\ndef test(): ...",
        "pytest.skip('x')",
    ],
)
def test_a_loosened_test_is_found(line: str) -> None:
    assert list(loosened(Source("tests/sample.py", line)))


@pytest.mark.parametrize("comment", ["type: ignore[misc]", "noqa: E501", "pragma: no cover", "nosec"])
def test_a_silenced_check_is_found(comment: str) -> None:
    assert list(switched_off(Source("cti/sample.py", f"x = 1  # {comment}\n")))
    assert list(switched_off(Source("cti/sample.py", f"x = '# {comment}'\n"))) == []
