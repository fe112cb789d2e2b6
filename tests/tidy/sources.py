"""The Python files of the repository, read once."""

import ast
import io
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = ("schemas", "cti", "campaigns")
PACKAGES = (*PRODUCT, "tests")


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file: `path` relative to the repository with forward slashes."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """The dotted name; a package's is that of its folder."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def is_package(self) -> bool:
        return self.path.endswith("/__init__.py")

    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    def comments(self) -> Iterator[tuple[int, str]]:
        """(line, text) of every comment; strings that look like one are not."""
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """All Python files below the named top folders."""
    found = [path for package in packages for path in sorted((ROOT / package).rglob("*.py"))]
    assert found, packages
    return tuple(Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in found)
