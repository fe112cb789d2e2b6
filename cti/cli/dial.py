"""`ringback dial`: allow dialling on a ledger that an older release has made, and see whether it is allowed.

Processes of an older release know nothing of dial orders. An operator stops the last of them, then says so here.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from sqlalchemy import Connection

from cti.adapters.clock import SystemClock
from cti.adapters.ledger.inspection import LedgerFacts, facts_of_release
from cti.adapters.store import MEMORY
from cti.cli.logging_setup import set_up_logging
from cti.dial.allowed import allow
from cti.errors import RingbackError, SettingsMistake
from cti.settings import Settings
from cti.sql.connections import database_url, sqlite_file
from cti.sql.database import Database
from cti.sql.sqlite_file import FileLock
from cti.web.instants import optional_rfc3339, rfc3339

WRITER = "dial-command"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """allow, status."""
    parser.description = "Whether orders to dial may be made on a ledger. A new ledger allows it from the start."
    commands = parser.add_subparsers(dest="dial_command", required=True, metavar="allow|status")
    allowing = commands.add_parser("allow", help="allow it: no process of an older release runs any more")
    allowing.add_argument("--by", default=os.environ.get("USER", "an operator"), help="who says so (default: USER)")
    status = commands.add_parser("status", help="show whether it is allowed, and what runs")
    for command in (allowing, status):
        command.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the ledger (default: RINGBACK_DB)")
        command.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: it is allowed; 1: it is not, or the ledger cannot be used."""
    set_up_logging("warning")
    try:
        return asyncio.run(_run(args))
    except RingbackError as error:
        print(f"ringback dial: {error}", file=sys.stderr)
        return 1


async def _run(args: argparse.Namespace) -> int:
    db = Settings.read(**({"db": args.db} if args.db else {})).db
    if db == MEMORY:
        raise SettingsMistake("in memory nothing is dialled: set RINGBACK_DB to an SQLite file or a PostgreSQL")
    facts = await asyncio.to_thread(facts_of_release, db)
    if args.dial_command == "allow":
        with _unserved(db):
            await _allow(db, facts, args.by)
        facts = await asyncio.to_thread(facts_of_release, db)
    found = shown(facts)
    print(json.dumps(found, ensure_ascii=False) if args.json else as_text(found))
    return 0 if found["allowed"] else 1


def _unserved(db: str) -> contextlib.AbstractContextManager[object]:
    """An SQLite file is served by one process, whose release nobody can tell: none may run. Raises `StoreInUse`."""
    file = sqlite_file(db)
    return contextlib.nullcontext() if file is None else FileLock(file)


async def _allow(db: str, facts: LedgerFacts, by: str) -> None:
    """Raises `SettingsMistake` where a process of an older release certainly runs."""
    assert facts.dial is not None, "the schema is this release's"
    if facts.dial.older_sessions:
        found = f"{facts.dial.older_sessions} database sessions are of processes of an older release"
        raise SettingsMistake(f"{found}: stop these first; engines: {', '.join(facts.holdings.heartbeats) or 'none'}")
    database = Database(database_url(db), [WRITER])
    try:
        await database.start([])
        now_ms = int(SystemClock().now_ms())
        await database.writer(WRITER).run(partial(_allowed, at_ms=now_ms), by)
    finally:
        await database.stop()


def _allowed(connection: Connection, by: Sequence[str], at_ms: int) -> list[bool]:
    return [allow(connection, at_ms, who) for who in by]


def shown(facts: LedgerFacts) -> dict[str, Any]:
    """The setting, and what was checked."""
    dial = facts.dial
    assert dial is not None, "the schema is this release's"
    return {
        "allowed": dial.allowed.on,
        "allowed_at": optional_rfc3339(dial.allowed.allowed_at_ms),
        "by": dial.allowed.by,
        "upgraded_at": rfc3339(dial.allowed.upgraded_at_ms),
        "older_sessions": dial.older_sessions,
        "engines": sorted(facts.holdings.heartbeats),
    }


def as_text(found: dict[str, Any]) -> str:
    """For people."""
    said = f"yes, since {found['allowed_at']}, by {found['by']}" if found["allowed"] else "no"
    return "\n".join(
        (
            f"dialling is allowed: {said}",
            f"database sessions from before {found['upgraded_at']}, of an older release: {found['older_sessions']}",
            f"engines: {', '.join(found['engines']) or 'none'}; each of them must be of this release",
        )
    )
