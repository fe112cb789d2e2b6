"""Findings of `ringback doctor`: one a check, with what to do about it."""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

CHECK_CHARS = 22


class Level(StrEnum):
    """Severity. A fault stops something from working, or soon will."""

    OK = "ok"
    WARNING = "warning"
    FAULT = "fault"


class Finding(NamedTuple):
    """`found` and `wanted` in a few words; `mend`: what to do, empty where nothing is wrong."""

    check: str
    level: Level
    found: str
    wanted: str = ""
    mend: str = ""


def ok(check: str, found: str) -> Finding:
    return Finding(check, Level.OK, found)


def warning(check: str, found: str, wanted: str, mend: str) -> Finding:
    return Finding(check, Level.WARNING, found, wanted, mend)


def fault(check: str, found: str, wanted: str, mend: str) -> Finding:
    return Finding(check, Level.FAULT, found, wanted, mend)


def is_healthy(findings: Iterable[Finding]) -> bool:
    """Whether there is no fault."""
    return all(finding.level is not Level.FAULT for finding in findings)


def as_json(findings: Iterable[Finding]) -> str:
    """A list of {check, level, found, wanted, mend}."""
    return json.dumps([finding._asdict() for finding in findings], ensure_ascii=False, indent=2)


def as_text(findings: Iterable[Finding]) -> str:
    """For people: a finding a line, what is wanted and how to mend it below."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level:<8} {finding.check:<{CHECK_CHARS}} {finding.found}")
        if finding.level is not Level.OK:
            lines += [
                f"{'':<9}{'wanted':<{CHECK_CHARS}} {finding.wanted}",
                f"{'':<9}{'mend':<{CHECK_CHARS}} {finding.mend}",
            ]
    return "\n".join(lines)
