"""The cores compute: no clock, no chance, no I/O, no concurrency, no logging. Time enters as a number."""

import ast
from collections.abc import Iterator

import pytest

from tests.tidy.sources import Source, sources

BANNED_MODULES = frozenset(
    {
        "aiohttp",
        "aiokafka",
        "asyncio",
        "concurrent",
        "ctypes",
        "http",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "prometheus_client",
        "psycopg",
        "queue",
        "random",
        "secrets",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "structlog",
        "subprocess",
        "sys",
        "tempfile",
        "threading",
        "time",
        "urllib",
    }
)
BANNED_CALLS = frozenset({"breakpoint", "compile", "eval", "exec", "input", "open", "print"})
# Whatever it is called on: datetime.now(), date.today(), uuid.uuid4(), ...
BANNED_METHODS = frozenset({"now", "today", "utcnow", "uuid1", "uuid4", "getenv"})


def impurities(source: Source) -> Iterator[str]:
    """`path:line what` of every import and call that the core may not have."""
    for node in ast.walk(source.tree()):
        found: list[str] = []
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names if alias.name.split(".")[0] in BANNED_MODULES]
        elif isinstance(node, ast.ImportFrom):
            names = {alias.name for alias in node.names}
            banned = (node.module or "").split(".")[0] in BANNED_MODULES
            found = [node.module or ""] if banned else sorted(names & BANNED_METHODS)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found = [node.func.id] if node.func.id in BANNED_CALLS else []
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            found = [node.func.attr] if node.func.attr in BANNED_METHODS else []
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await | ast.AsyncWith | ast.AsyncFor | ast.Global):
            found = [type(node).__name__]
        yield from (f"{source.path}:{getattr(node, 'lineno', 0)} {name}" for name in found)


def test_the_core_is_pure() -> None:
    assert [finding for source in sources("cti/core", "campaigns/core") for finding in impurities(source)] == []


@pytest.mark.parametrize(
    "line",
    [
        "import asyncio",
        "import os.path",
        "from time import monotonic",
        "from uuid import uuid4",
        "started = datetime.now(UTC)",
        "key = uuid.uuid4()",
        "text = open('a').read()",
        "async def advance(): ...",
    ],
)
def test_an_impurity_is_found(line: str) -> None:
    assert len(list(impurities(Source("cti/core/sample.py", line)))) == 1


def test_plain_computing_is_none() -> None:
    plain = "from schemas.reasons import Outcome\nimport re\n\ndef due(now_ms: int) -> int: return max(now_ms, 1)\n"
    assert list(impurities(Source("cti/core/sample.py", plain))) == []
