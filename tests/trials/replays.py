"""The trials of the replay: every r*.csv of a folder through `ringback replay`, judged against right values.

A file's mapping stands beside it under the same name, or in `mappings/` here where it needs one of its own. Right
values are those of `replays_right.py`, or of a file of the same name that ends in .right.json.
"""

import argparse
import contextlib
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cti.replay import command
from tests.replay.vectors import differences
from tests.trials.replays_right import RIGHT

MAPPINGS = Path(__file__).parent / "mappings"
SUFFIXES = (".csv", ".jsonl", ".xlsx", ".log")
PASSED = "passed"
NOT_USABLE, NOTHING_DONE = 2, 1
LATIN1, EPOCH = "r7-latin1", "r2-epoch"


@dataclass(frozen=True, slots=True)
class Replayed:
    """What one replay came to."""

    code: int
    said: str
    figures: dict[str, Any] = field(default_factory=dict)
    records: list[dict[str, Any]] = field(default_factory=list)


def run(folder: Path, right: Mapping[str, Any] = RIGHT) -> dict[str, str]:
    """{file: "passed" or the difference} of every r*.csv (and .jsonl, .xlsx, .log) in a folder."""
    found: dict[str, str] = {}
    for file in files_of(folder):
        found |= run_file(file, right)
    return found


def files_of(folder: Path) -> list[Path]:
    """The trials of a folder, without the mappings beside them."""
    return sorted(path for path in folder.glob("r*") if path.suffix in SUFFIXES)


def run_file(file: Path, right: Mapping[str, Any] = RIGHT) -> dict[str, str]:
    """The judgement of one file, and of what is tried with it besides."""
    found = {file.stem: _judged(replayed(file, _mapping(file)), _right(file, right))}
    if file.stem == LATIN1:
        found[f"{LATIN1}, encoding not said"] = _never_something_else(replayed(file, file.with_suffix(".toml")))
    if file.stem == EPOCH:
        found[f"{EPOCH}, a format that cannot be read"] = _refused_format(file)
    return found


def replayed(file: Path, mapping: Path | str) -> Replayed:
    """One file through the command, into a database of its own."""
    parser = argparse.ArgumentParser()
    command.add_arguments(parser)
    with tempfile.TemporaryDirectory() as name:
        out, records = Path(name) / "out.json", Path(name) / "records.jsonl"
        options = ["--db", f"sqlite:///{name}/trial.db", "--json", str(out), "--records", str(records)]
        args = parser.parse_args([str(file), "--mapping", str(mapping), *options])
        said = io.StringIO()
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(said):
            code = command.run(args)
        if not out.exists():
            return Replayed(code, said.getvalue())
        lines = records.read_text("utf-8").splitlines()
        by_subject = sorted(map(json.loads, lines), key=lambda record: str(record["subject"]))
        return Replayed(code, said.getvalue(), json.loads(out.read_text("utf-8")), by_subject)


def _mapping(file: Path) -> Path:
    own = MAPPINGS / f"{file.stem}.toml"
    return own if own.exists() else file.with_suffix(".toml")


def _right(file: Path, right: Mapping[str, Any]) -> Mapping[str, Any] | None:
    beside = file.with_suffix(".right.json")
    if not beside.exists():
        return right.get(file.stem)
    found: Mapping[str, Any] = json.loads(beside.read_text("utf-8"))
    return found


def _judged(result: Replayed, right: Mapping[str, Any] | None) -> str:
    if result.code:
        return f"exit {result.code}: {result.said.strip()}"
    if right is None:
        counts = {name: result.figures[name] for name in ("lines_in", "accepted", "calls", "answered")}
        return f"no right values are known for this file, which gives {counts}"
    found = differences("figures", right.get("figures", {}), result.figures)
    records = right.get("records")
    if records is not None and len(records) != len(result.records):
        found.append(f"{len(records)} records expected, {len(result.records)} found")
    for index, (expected, record) in enumerate(zip(records or (), result.records, strict=False)):
        found += differences(f"records[{index}]", expected, record)
    return "; ".join(found) or PASSED


def _never_something_else(result: Replayed) -> str:
    """Bytes of an encoding that nobody said: set aside with their line, or read and said; never silently."""
    lines = result.figures.get("rejected_lines", [])
    refused = result.code == NOTHING_DONE and bool(lines) and all("line" in line and line["detail"] for line in lines)
    return PASSED if refused or "not UTF-8" in result.said else f"read silently as {result.figures.get('encoding')}"


def _refused_format(file: Path) -> str:
    """No cell can be read by `%Q`: the check says so before any line is read."""
    with tempfile.TemporaryDirectory() as name:
        mapping = Path(name) / "never.toml"
        mapping.write_text(_mapping(file).read_text("utf-8").replace('"%s"', '"%Q"'), "utf-8")
        result = replayed(file, mapping)
    refused = result.code == NOT_USABLE and "time_format" in result.said
    return PASSED if refused else f"exit {result.code}: {result.said.strip() or 'accepted'}"
