"""What is compiled: its constants are Final, and nothing that is interpreted inherits from it (docs/decisions, 14)."""

import ast
import re
import runpy
from collections.abc import Iterator

from tests.tidy.sources import PRODUCT, ROOT, Source, sources

PATTERNS: tuple[str, ...] = runpy.run_path(str(ROOT / "deploy" / "compiled.py"))["COMPILED"]
OPEN_BASES = {"Protocol", "Exception", "StrEnum"}
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


def compiled_paths() -> set[str]:
    return {str(file.relative_to(ROOT)) for pattern in PATTERNS for file in ROOT.glob(pattern)}


def native_classes(compiled: list[Source]) -> Iterator[tuple[str, str]]:
    """(module, class) of each class that no interpreted one may be below: not protocols, exceptions, enumerations."""
    for source in compiled:
        for node in source.tree().body:
            if isinstance(node, ast.ClassDef) and not {ast.unparse(base) for base in node.bases} & OPEN_BASES:
                yield source.module, node.name


def inherits(source: Source, native: set[tuple[str, str]]) -> Iterator[str]:
    """Classes of an interpreted file below one of the `native`: making one raises TypeError."""
    nodes = list(ast.walk(source.tree()))
    known = {
        each.asname or each.name: (node.module or "", each.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for each in node.names
    }
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            bases = {known.get(ast.unparse(base)) for base in node.bases} & native
            yield from (f"{source.path}:{node.lineno} {node.name}({name})" for _, name in sorted(filter(None, bases)))


def test_every_constant_of_what_is_compiled_is_final() -> None:
    compiled = compiled_paths()
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


def test_nothing_interpreted_inherits_from_what_is_compiled() -> None:
    compiled = compiled_paths()
    native = set(native_classes([source for source in sources(*PRODUCT) if source.path in compiled]))
    assert len(native) > 50
    rest = [source for source in sources(*PRODUCT) if source.path not in compiled]
    assert [line for source in rest for line in inherits(source, native)] == []


def test_a_subclass_of_what_is_compiled_is_found() -> None:
    native = set(native_classes([Source("a/b.py", "class Log:\n    pass\nclass Port(Protocol):\n    pass\n")]))
    text = "from a.b import Log as Base, Port\nclass Own(Base):\n    pass\nclass Fine(Port):\n    pass\n"
    assert list(inherits(Source("sample.py", text), native)) == ["sample.py:2 Own(Log)"]
