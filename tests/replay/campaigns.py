"""Worked campaigns through the real service on a virtual clock, on both databases.

    python -m tests.replay.campaigns DIR [--db URL] [--json out.json]

writes {name: "passed" or the difference} and exits 0 only if there were cases and all passed. Each case has an empty
database of its own, SQLite's and PostgreSQL's. With --db one of them alone: `sqlite`, `postgresql`, or the URL of a
PostgreSQL server on which databases may be created, or of an SQLite file, whose name begins those of all. The form of a
case is told in docs/vectors.md.
"""

import argparse
import asyncio
import itertools
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from sqlalchemy import make_url

from cti.cli.logging_setup import set_up_logging
from tests.campaigns.stage import Stage, stage
from tests.campaigns.submitted import Submitted, csv_of, submit
from tests.postgres import PostgresServer
from tests.replay.cases import PASSED, ms_of
from tests.replay.vectors import stores

DATABASES = ("sqlite", "postgresql")
TOLERANCE_S = 60
PROCESSES = 2
_TIME = re.compile(r"(\d\d):(\d\d)")


async def verdict_of(case: Mapping[str, Any], url: str) -> str:
    """Play one case on the empty store at `url`: "passed", or how the contacts differ from what is expected."""
    wanted = case["campaign"]
    async with stage(url, ms_of(case["start"]), wanted["switch"], case["switch"], [wanted["trunk_group"]]) as it:
        _look_at(it, case)
        try:
            started = await submit(it, wanted, csv_of(case["rows"]))
        except AssertionError as refused:
            return f"not started: {refused}"
        await it.to(ms_of(case["until"]))
        return "; ".join(await differences(case["expect"], started)) or PASSED


def _look_at(it: Stage, case: Mapping[str, Any]) -> None:
    """The zones and times of the case's own, at which something may open."""
    it.zones |= {zone for row in case["rows"] for zone in str(row.get("zone") or "").split(";") if zone}
    it.zones |= {case["campaign"].get("zone") or "Asia/Shanghai"}
    for text in case["campaign"].get("windows") or ():
        it.at_times |= {int(hour) * 60 + int(minute) for hour, minute in _TIME.findall(str(text))}


async def differences(expected: Sequence[Mapping[str, Any]], started: Submitted) -> list[str]:
    contacts = {one["account"]: one for one in await started.contacts()}
    attempts = await started.attempts()
    notices = {one["account"]: one["state"] for one in await started.notices()}
    told: list[str] = []
    for wanted in expected:
        contact = contacts.get(wanted["account"])
        if contact is None:
            told.append(f"{wanted['account']}: no such contact")
            continue
        found = {"outcome": contact["state"], "notice": notices.get(wanted["account"])}
        told += _contact(wanted, found, attempts.get(contact["contact"], []))
    return told


def _contact(wanted: Mapping[str, Any], found: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]]) -> list[str]:
    name = wanted["account"]
    told = [
        f"{name} {key}: {wanted[key]!r} expected, {found[key]!r} found"
        for key in ("outcome", "notice")
        if key in wanted and wanted[key] != found[key]
    ]
    if wanted.get("judge") == "outcome" or "attempts" not in wanted:
        return told
    made = [one for one in attempts if one["decision"] != "refused"]
    if len(made) != len(wanted["attempts"]):
        brief = [(one["decided_at"], one["decision"], one.get("disposition")) for one in made]
        return [*told, f"{name}: {len(wanted['attempts'])} attempts expected, found {brief}"]
    for n, (one, other) in enumerate(zip(wanted["attempts"], made, strict=True), 1):
        told += [f"{name} attempt {n} {difference}" for difference in _attempt(one, other)]
    return told


def _attempt(wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    """`at`: decided not before it, and at most `tolerance_s` after; every other key as it is listed."""
    if "at" in wanted:
        late_ms = ms_of(found["decided_at"]) - ms_of(wanted["at"])
        if not 0 <= late_ms <= wanted.get("tolerance_s", TOLERANCE_S) * 1000:
            yield f"at: {late_ms / 1000} s after {wanted['at']}"
    for key, value in wanted.items():
        if key not in {"at", "tolerance_s"} and found.get(key) != value:
            yield f"{key}: {value!r} expected, {found.get(key)!r} found"


# -- the command -------------------------------------------------------------------------------------------------------


def read_cases(folder: Path) -> list[dict[str, Any]]:
    """A file is a case, or a list of cases."""
    found = []
    for file in sorted(folder.glob("*.json")):
        read = json.loads(file.read_text("utf-8"))
        for index, case in enumerate(read if isinstance(read, list) else [read]):
            found.append({"name": file.stem if index == 0 else f"{file.stem}#{index}", **case})
    return found


def verdict(case: Mapping[str, Any], url: str) -> str:
    """In a process of its own: what breaks is a verdict too."""
    return asyncio.run(verdict_of(case, url))


def _of(judged: Future[str]) -> str:
    error = judged.exception()
    return judged.result() if error is None else f"broken: {type(error).__name__}: {error}"


@contextmanager
def databases_at(where: str) -> Iterator[Callable[[], str]]:
    """Makes URLs of empty databases: of a kind, or where a URL says."""
    if where in DATABASES:
        with stores(where) as fresh:
            yield fresh
        return
    url = make_url(where)
    if url.get_backend_name() == "sqlite":
        numbers = itertools.count()
        yield lambda: f"sqlite:///{url.database}-{next(numbers)}"
    else:
        yield PostgresServer(url.set(drivername="postgresql+psycopg"), None).create_database


def verdicts(cases: Sequence[Mapping[str, Any]], databases: Sequence[str]) -> dict[str, dict[str, str]]:
    """Database -> name -> verdict."""
    told: dict[str, dict[str, str]] = {}
    with ExitStack() as stack:
        pool = stack.enter_context(ProcessPoolExecutor(PROCESSES, get_context("spawn"), set_up_logging, ("error",)))
        for database in databases:
            fresh: Callable[[], str] = stack.enter_context(databases_at(database))
            found = [pool.submit(verdict, case, fresh()) for case in cases]
            told[database] = {case["name"]: _of(one) for case, one in zip(cases, found, strict=True)}
    return told


def together(told: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Name -> "passed" where it passed on each database; else what differs, and where."""
    names = dict.fromkeys(name for found in told.values() for name in found)
    failed = {name: [f"{on}: {found[name]}" for on, found in told.items() if found[name] != PASSED] for name in names}
    return {name: " | ".join(failed[name]) or PASSED for name in names}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--db", metavar="URL")
    parser.add_argument("--only", help="cases whose name contains this")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    cases = [case for case in read_cases(args.folder) if (args.only or "") in case["name"]]
    found = together(verdicts(cases, [args.db] if args.db else DATABASES))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if args.json:
        args.json.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 0 if found and set(found.values()) == {PASSED} else 1


if __name__ == "__main__":
    sys.exit(main())
