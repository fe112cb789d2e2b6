"""Every module of the product is reached from an entry point, or stands in a list with its reason."""

import ast
import tomllib
from collections.abc import Iterable, Iterator

from cti.__main__ import COMMANDS
from tests.tidy.sources import PRODUCT, ROOT, Source, sources

# Reached otherwise than by an import. An entry that is reached, or is gone, fails the test: the list only shrinks.
REACHED_OTHERWISE = {
    "campaigns.letters.press": "run as `python -m campaigns.letters.press`",
    "cti.adapters.event_log_kafka.asyncapi": "run as `python -m cti.adapters.event_log_kafka.asyncapi`",
    "schemas.publish": "run as `python -m schemas.publish`",
}
# Alembic finds its files by path, `campaigns.kinds` its modules.
LOADED_BY_PATH = (
    "campaigns.kinds.",
    "campaigns.ledger.migrations",
    "cti.adapters.migrations.",
    "cti.sql.migration_environment",
)


def imported(source: Source) -> Iterator[str]:
    """Dotted names a file imports; of `from a import b` both `a` and `a.b`."""
    for node in ast.walk(source.tree()):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def reached(files: Iterable[Source], entry_points: Iterable[str]) -> set[str]:
    """Modules that importing the entry points brings in, packages on the way included."""
    modules = {source.module: source for source in files}
    found: set[str] = set()
    waiting = list(entry_points)
    while waiting:
        name = waiting.pop()
        parts = name.split(".")
        for module in (".".join(parts[:depth]) for depth in range(1, len(parts) + 1)):
            if module in modules and module not in found:
                found.add(module)
                waiting.extend(imported(modules[module]))
    return found


def entry_points() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = [project["scripts"], *project.get("entry-points", {}).values()]
    commands = [module for module, _ in COMMANDS.values()]  # imported when one is asked for
    return [*commands, *(target.split(":")[0] for group in groups for target in group.values())]


def test_no_module_is_dead() -> None:
    files = sources(*PRODUCT)
    by_path = {source.module for source in files if source.module.startswith(LOADED_BY_PATH)}
    alive = reached(files, [*entry_points(), *REACHED_OTHERWISE, *by_path])
    assert sorted({source.module for source in files} - alive) == []


def test_the_list_of_exceptions_is_no_longer_than_it_must_be() -> None:
    files = sources(*PRODUCT)
    assert set(REACHED_OTHERWISE) <= {source.module for source in files}
    assert reached(files, entry_points()) & set(REACHED_OTHERWISE) == set()


def test_a_dead_file_is_found() -> None:
    files = [
        Source("cti/__init__.py", ""),
        Source("cti/__main__.py", "def main():\n    from cti.parts import used\n"),
        Source("cti/parts/__init__.py", ""),
        Source("cti/parts/used.py", "import cti.deeper"),
        Source("cti/deeper.py", ""),
        Source("cti/parts/dead.py", "import cti.parts.used"),
    ]
    assert {source.module for source in files} - reached(files, ["cti.__main__"]) == {"cti.parts.dead"}
