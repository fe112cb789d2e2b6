"""Functions and files stay small enough to be read. The limits only tighten."""

import ast
from collections.abc import Iterator

from tests.tidy.sources import PACKAGES, Source, sources

FUNCTION_LINES_MAX = 70
FILE_LINES_MAX = 400


def oversized(source: Source) -> Iterator[str]:
    """What is too long in a file: itself, or functions in it."""
    lines = len(source.text.splitlines())
    if lines > FILE_LINES_MAX:
        yield f"{source.path} has {lines} lines"
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            length = (node.end_lineno or node.lineno) - first + 1
            if length > FUNCTION_LINES_MAX:
                yield f"{source.path}:{first} {node.name} has {length} lines"


def test_nothing_is_oversized() -> None:
    assert [finding for source in sources(*PACKAGES) for finding in oversized(source)] == []


def test_the_limits_hold_to_the_line() -> None:
    def function_of(lines: int) -> Source:
        return Source("sample.py", "def long():\n" + "    pass\n" * (lines - 1))

    assert list(oversized(function_of(FUNCTION_LINES_MAX))) == []
    assert list(oversized(function_of(FUNCTION_LINES_MAX + 1))) == ["sample.py:1 long has 71 lines"]
    assert list(oversized(Source("sample.py", "x = 1\n" * FILE_LINES_MAX))) == []
    assert list(oversized(Source("sample.py", "x = 1\n" * (FILE_LINES_MAX + 1)))) == ["sample.py has 401 lines"]
