"""Folders of cases: each file a list, each case judged by itself, the verdicts written as one object."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

PASSED = "passed"
Judge = Callable[[Mapping[str, Any]], str]
"""A case -> "passed" or the difference."""


def verdicts(folder: Path, judge: Judge) -> dict[str, str]:
    """Name -> verdict; a case without a name of its own is FILE#INDEX."""
    found: dict[str, str] = {}
    for name, case in _cases(folder):
        try:
            found[name] = judge(case)
        except (KeyError, TypeError, ValueError) as error:
            found[name] = f"not a case: {type(error).__name__}: {error}"
    return found


def _cases(folder: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    taken = set[str]()
    for file in sorted(folder.glob("*.json")):
        for index, case in enumerate(json.loads(file.read_text("utf-8"))):
            name = case.get("name") if isinstance(case, Mapping) else None
            name = f"{file.name}#{index}" if name is None or name in taken else name
            taken.add(name)
            yield name, case


def differences(expected: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    """In what is expected: instants are compared as instants, None with what is not there."""
    differ = [
        f"{key}: {value!r} expected, {found.get(key)!r} found"
        for key, value in expected.items()
        if _comparable(value) != _comparable(found.get(key))
    ]
    return "; ".join(differ) or PASSED


def ms_of(text: str) -> int:
    """RFC 3339 with an offset -> milliseconds since the epoch."""
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return round(time.timestamp() * 1000)


def _comparable(value: object) -> object:
    return ms_of(value) if isinstance(value, str) else value


def run(description: str, judge: Judge) -> int:
    """The command line of a replay: exit status 0 only if there were cases and all passed."""
    args = parser_of(description).parse_args()
    return told(args, judge)


def parser_of(description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    return parser


def told(args: argparse.Namespace, judge: Judge) -> int:
    """The verdicts go to standard output, and to the file."""
    found = verdicts(args.folder, judge)
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if args.json:
        args.json.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 0 if found and set(found.values()) == {PASSED} else 1
