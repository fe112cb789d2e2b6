"""Reading a mapping file: every mistake in it is named by file, line and field."""

import tomllib
from collections.abc import Iterator
from importlib import resources
from pathlib import Path as FilePath

from pydantic import ValidationError

from cti.replay.mapping import CLOSING, OPENING, EventSource, Mapping, Path
from cti.replay.moments import mistake_in, mistake_in_date
from schemas.call_events import DATA_MODELS
from schemas.profile_lines import Lines

FILE_BYTES_MAX = 1_000_000
UNION_BRANCHES = ("str", "bool", "int", "ColumnValue")

Mistake = tuple[Path, str]


class MappingRefused(Exception):
    """The mapping cannot be used; `problems` are sentences `file:line: field: what`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class MappingFile:
    """A mapping together with the file it came from, so that later complaints name the line too."""

    def __init__(self, name: str, text: str, mapping: Mapping) -> None:
        self.name = name
        self.mapping = mapping
        self._lines = Lines(text)

    def refuse_missing_columns(self, columns: list[str]) -> None:
        """Raise MappingRefused, with every line, if the mapping reads a column the file lacks and must have."""
        known = {*columns, *self.mapping.columns_optional}
        missing = [(path, column) for path, column in self.mapping.columns_used() if column not in known]
        if missing:
            raise MappingRefused([_sentence(self.name, self._lines, at, f"no column {name!r}") for at, name in missing])


def load(name_or_file: str) -> MappingFile:
    """A mapping that ships with the product, by name, or a file of one's own (a path that ends in .toml)."""
    if not name_or_file.endswith(".toml"):
        return parse(_shipped(name_or_file), f"{name_or_file}.toml")
    path = FilePath(name_or_file)
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise MappingRefused([f"{name_or_file}: larger than {FILE_BYTES_MAX} bytes"])
        return parse(path.read_bytes(), name_or_file)
    except OSError as error:
        raise MappingRefused([f"{name_or_file}: {error.strerror or error}"]) from error


def shipped_names() -> list[str]:
    """The mappings that ship with the product."""
    folder = resources.files("cti.replay").joinpath("mappings")
    return sorted(entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))


def _shipped(name: str) -> bytes:
    names = shipped_names()
    if name not in names:
        raise MappingRefused([f"no mapping {name!r} ships with the product (there are: {', '.join(names)})"])
    return resources.files("cti.replay").joinpath("mappings", f"{name}.toml").read_bytes()


def parse(text: bytes, file: str) -> MappingFile:
    """Read and check a mapping; raises MappingRefused with every mistake found."""
    try:
        readable = text.decode("utf-8-sig")
        tree = tomllib.loads(readable)
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise MappingRefused([f"{file}:{line}: not UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise MappingRefused([f"{file}: not TOML: {error}"]) from error
    lines = Lines(readable)
    try:
        mapping = Mapping.model_validate(tree)
    except ValidationError as error:
        found = [(_path(each["loc"]), each["msg"].removeprefix("Value error, ")) for each in error.errors()]
        raise MappingRefused([_sentence(file, lines, path, what) for path, what in found]) from error
    problems = [_sentence(file, lines, path, what) for path, what in _mistakes(mapping)]
    if problems:
        raise MappingRefused(problems)
    return MappingFile(file, readable, mapping)


def _sentence(file: str, lines: Lines, path: Path, what: str) -> str:
    field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")
    return f"{file}:{lines.of(path)}: {field or 'the file'}: {what}"


def _path(loc: Path) -> Path:
    """Without the names of the union's branches, which are ours and not the file's."""
    return tuple(part for part in loc if part not in UNION_BRANCHES)


def _mistakes(mapping: Mapping) -> Iterator[Mistake]:
    yield from _mistakes_in_columns(mapping)
    yield from _mistakes_in_formats(mapping)
    yield from _mistakes_in_times(mapping)
    seen: set[str] = set()
    for index, event in enumerate(mapping.event):
        if event.at not in mapping.times:
            yield ("event", index, "at"), f"no such time: {event.at}"
        if event.key in seen:
            yield ("event", index, "kind"), f"a second event {event.key!r}: give it a name of its own"
        seen.add(event.key)
        yield from ((("event", index, *path), what) for path, what in _mistakes_in_event(event))
    kinds = {event.kind for event in mapping.event}
    if not kinds & set(OPENING):
        yield ("event",), f"no event opens the call (one of {', '.join(OPENING)})"
    if CLOSING not in kinds:
        yield ("event",), f"no event closes the call ({CLOSING})"


def _mistakes_in_columns(mapping: Mapping) -> Iterator[Mistake]:
    """What is wrong with the columns of a file without a header, which the mapping itself names."""
    if mapping.columns is None:
        return
    used = {column for _, column in mapping.columns_used()}
    for column in sorted(column for column in used if mapping.columns.count(column) > 1):
        yield ("columns",), f"a column that is used is there twice: {column!r}"
    if mapping.cells_min is not None and mapping.cells_min > len(mapping.columns):
        yield ("cells_min",), f"more than the {len(mapping.columns)} columns"
    known = {*mapping.columns, *mapping.columns_optional}
    yield from ((path, f"no column {column!r}") for path, column in mapping.columns_used() if column not in known)


def _mistakes_in_formats(mapping: Mapping) -> Iterator[Mistake]:
    """Formats by which no cell can ever be read."""
    if (mapping.date_column is None) != (mapping.date_format is None):
        yield ("date_format",), "date_column and date_format belong together"
    day_elsewhere = mapping.date_column is not None
    found = [(("date_format",), mistake_in_date(form)) for form in mapping.date_format or ()]
    found += [(("time_format",), mistake_in(form, day_elsewhere)) for form in mapping.time_format]
    yield from ((path, what) for path, what in found if what is not None)
    for name, source in mapping.times.items():
        for form in source.format or ():
            if (what := mistake_in(form, day_elsewhere)) is not None:
                yield ("times", name), what


def _mistakes_in_times(mapping: Mapping) -> Iterator[Mistake]:
    known: set[str] = set()
    for name, source in mapping.times.items():
        yield from (
            (("times", name), f"{other} is no time named above it")
            for other in source.times_named()
            if other not in known
        )
        known.add(name)


def _mistakes_in_event(event: EventSource) -> Iterator[Mistake]:
    model = DATA_MODELS.get(event.kind)
    if model is None:
        yield ("kind",), f"no such call event: {event.kind}"
        return
    fields = {field.alias or name for name, field in model.model_fields.items()}
    yield from (
        (("data", field), f"{event.kind} has no such field (it has: {', '.join(sorted(fields - {'private'}))})")
        for field in event.data
        if field not in fields - {"private"}
    )
