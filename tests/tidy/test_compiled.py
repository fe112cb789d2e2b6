"""What is compiled reads its constants without a look-up: each is Final (docs/decisions, 14)."""

import ast
import re
import runpy
from collections.abc import Iterator

from tests.tidy.sources import PRODUCT, ROOT, Source, sources

PATTERNS: tuple[str, ...] = runpy.run_path(str(ROOT / "deploy" / "compiled.py"))["COMPILED"]
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")


def looked_up(source: Source) -> Iterator[str]:
    """Constants of a module that are not Final: compiled code asks its dictionary for them each time."""
    for node in source.tree().body:
        match node:
            case ast.Assign(targets=targets):
                names = [each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name), annotation=annotation) if "Final" not in ast.unparse(
                annotation
            ):
                names = [name]
            case _:
                names = []
        yield from (f"{source.path}:{node.lineno} {name}" for name in names if CONSTANT.fullmatch(name))


def test_every_constant_of_what_is_compiled_is_final() -> None:
    compiled = {str(file.relative_to(ROOT)) for pattern in PATTERNS for file in ROOT.glob(pattern)}
    found = [source for source in sources(*PRODUCT) if source.path in compiled]
    assert len(found) == len(compiled) > 50
    assert [line for source in found for line in looked_up(source)] == []


def test_a_constant_that_is_looked_up_is_found() -> None:
    text = (
        "A_MS: Final = 1\nB_MS = 2\nC, _D = 3, 4\nE_: dict[str, int] = {}\nAlias = tuple[int, int]\nF: Final[int] = 5\n"
    )
    assert list(looked_up(Source("sample.py", text))) == [
        "sample.py:2 B_MS", "sample.py:3 C", "sample.py:3 _D", "sample.py:4 E_",
    ]  # fmt: skip
