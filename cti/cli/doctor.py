"""`ringback doctor`: checks everything the service needs, says what is wrong and how to fix it; changes nothing."""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from cti.adapters.clock import MonotonicClock, SystemClock
from cti.adapters.event_log_kafka.inspection import KafkaFacts, inspect_topics
from cti.adapters.event_log_kafka.settings import KafkaOptions, kafka_options
from cti.adapters.event_log_kafka.topics import EVENTS
from cti.adapters.ledger.inspection import Inspection, LedgerFacts, is_absent, is_there
from cti.adapters.store import MEMORY
from cti.cli import doctor_dial, doctor_kafka, doctor_ledger
from cti.cli.doctor_findings import Finding, as_json, as_text, fault, is_healthy, ok, warning
from cti.cli.doctor_ledger import SOON, VERY_SOON, Reach
from cti.cli.doctor_profile import judge_rules
from cti.cli.logging_setup import set_up_logging
from cti.core.rules import RuleBook
from cti.errors import LedgerAway, LogAway, SettingsMistake
from cti.hosting import Part, chains_of, find_parts, topics_of, variables_of
from cti.leases.ownership import HEARTBEAT_MS, SILENT_MS
from cti.ports import Clock
from cti.settings import PREFIX, Settings, names
from cti.sql.connections import database_url
from cti.topics import Topic
from cti.wiring import read_book

LOOK_MAX_S = 20.0  # for all queries of a ledger together
BETWEEN_LOOKS_MS = SILENT_MS + HEARTBEAT_MS
DAY_MS = 86_400_000
Seen = TypeVar("Seen")
OF_OTHERS = ("RINGBACK_TEST_", "RINGBACK_DATA")  # read by the tests, never by the product


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Look at settings, ledger, log, profile and switches; nothing is changed. 1: there is a fault."
    parser.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the ledger (default: RINGBACK_DB)")
    parser.add_argument("--json", action="store_true", help="print a list of {check, level, found, wanted, mend}")


def run(args: argparse.Namespace) -> int:
    """0: no fault; 1: there is one."""
    set_up_logging("critical")  # faults are reported as findings
    findings = asyncio.run(examine(args.db, SystemClock(), MonotonicClock()))
    print(as_json(findings) if args.json else as_text(findings))
    sys.stdout.flush()
    return 0 if is_healthy(findings) else 1


async def examine(db: str | None, clock: Clock, own: Clock) -> list[Finding]:
    """All findings. `clock`: wall clock of this machine; `own`: monotonic, for the time between two heartbeat reads."""
    try:
        settings = Settings.read(**({"db": db} if db else {}))
        if settings.db != MEMORY:
            database_url(settings.db)
    except SettingsMistake as mistake:
        return [fault("settings", mistake.detail, "values as docs/operations.md has them", "set the variable right")]
    options = kafka_options(settings)
    found: list[Finding] = []
    parts = _parts(found)
    found += _settings(settings, options, parts)
    book = _book(settings, found)
    facts = await _ledger(settings, options, book, clock, own, found, parts)
    if options is not None:
        await _log(options, facts, clock, topics_of(parts), found)
    elif facts is not None and facts.current:
        found += doctor_ledger.judge_reach(_sql_reaches(facts, settings, clock.now_ms()))
    return found


# -- settings and profile ----------------------------------------------------------------------------------------------


def _parts(found: list[Finding]) -> list[Part]:
    """The installed parts beside the call side."""
    try:
        parts = find_parts()
    except SettingsMistake as mistake:
        mend = "install the release that belongs to this one, or uninstall the part: no process starts with it"
        found.append(fault("parts", mistake.detail, "parts that fit together", mend))
        return []
    found += [ok("parts", ", ".join(part.name for part in parts))] if parts else []
    return parts


def _settings(settings: Settings, options: KafkaOptions | None, parts: Sequence[Part]) -> Iterator[Finding]:
    known = names() | variables_of(parts)
    unknown = sorted(
        name for name in os.environ if name.startswith(PREFIX) and name not in known and not name.startswith(OF_OTHERS)
    )
    if unknown:
        mend = "a setting of this name has no effect: correct or remove it"
        yield warning("settings", f"unknown: {', '.join(unknown)}", "names as docs/operations.md has them", mend)
    shared = settings.db != MEMORY and not settings.db.startswith("sqlite")
    if options is not None and not shared:
        mend = "set RINGBACK_DB to a PostgreSQL, or leave RINGBACK_KAFKA_BOOTSTRAP empty"
        yield fault("settings", "a Kafka log with a ledger of one process", "PostgreSQL beside Kafka", mend)
    else:
        log = "in the database" if options is None else f"Kafka at {options.bootstrap}"
        yield ok("settings", f"ledger {settings.shown()['db']}, log {log}")


def _book(settings: Settings, found: list[Finding]) -> RuleBook | None:
    try:
        book = read_book(settings.profile)
    except SettingsMistake as mistake:
        wanted, mend = "a profile that can be read", "`ringback profile check` names file, line and field"
        found.append(fault("profile", mistake.detail, wanted, mend))
        return None
    found.append(ok("profile", book.name))
    return book


# -- the ledger --------------------------------------------------------------------------------------------------------


async def _ledger(
    settings: Settings,
    options: KafkaOptions | None,
    book: RuleBook | None,
    clock: Clock,
    own: Clock,
    found: list[Finding],
    parts: Sequence[Part],
) -> LedgerFacts | None:
    """The facts of the ledger, if they could be read."""
    if settings.db == MEMORY:
        wanted, mend = "a ledger that outlives its process", "set RINGBACK_DB to an SQLite file or a PostgreSQL"
        found.append(warning("ledger", "in memory: forgotten at the end", wanted, mend))
        return None
    if not is_there(settings.db):
        found.append(_no_file(settings.db))
        return None
    inspection = Inspection(settings.db, chains_of(parts))
    try:
        facts = await _bounded(inspection, lambda: inspection.facts(clock.now_ms))
        found.append(ok("ledger", f"{facts.kind} {facts.version} answers"))
        found += await _judged(inspection, facts, settings, options, book, own)
    except LedgerAway as away:
        found.append(await _away(inspection, settings.db, away))
        return None
    finally:
        inspection.close()
    return facts


async def _away(inspection: Inspection, url: str, away: LedgerAway) -> Finding:
    """The finding for a database that does not answer: perhaps it does not exist yet."""
    with contextlib.suppress(LedgerAway):
        if not inspection.was_let_in and await asyncio.to_thread(is_absent, url):
            mend = "the first start makes it, where its user may; else createdb, with that user as the owner"
            return warning("ledger", "the server answers and has no such database", "a ledger", mend)
    mend = "start it; check RINGBACK_DB, the network and the login"
    return fault("ledger", away.detail.strip(), "a database that answers", mend)


async def _bounded(inspection: Inspection, look: Callable[[], Seen]) -> Seen:
    """Inspect in a thread. Raises `LedgerAway`, also if the server accepts a query and does not answer."""
    looking = asyncio.ensure_future(asyncio.to_thread(look))
    await asyncio.wait([looking], timeout=LOOK_MAX_S)
    if looking.done():
        return looking.result()
    inspection.give_up()
    await asyncio.wait([looking])
    raise LedgerAway(f"it took a question and did not answer within {LOOK_MAX_S:g} s") from looking.exception()


def _no_file(url: str) -> Finding:
    """An SQLite file that the first start will create, if it can."""
    path = Path(database_url(url).database or "").resolve()
    folder = path.parent
    if path.exists():
        return fault(
            "ledger", f"{path} is no file", "an SQLite file, or a name that is free", "name another in RINGBACK_DB"
        )
    if folder.is_dir() and os.access(folder, os.W_OK | os.X_OK):
        return warning("ledger", f"{path} is not there", "a ledger", "the first start makes it")
    mend = "make the folder, and give it to the user who runs Ringback"
    return fault("ledger", f"{path} is not there, and {folder} is no folder to write to", "a folder to write to", mend)


async def _judged(
    inspection: Inspection,
    facts: LedgerFacts,
    settings: Settings,
    options: KafkaOptions | None,
    book: RuleBook | None,
    own: Clock,
) -> list[Finding]:
    found = [
        *doctor_ledger.judge_server(facts),
        doctor_ledger.judge_schema(facts),
        *doctor_ledger.judge_parts(facts),
    ]
    if facts.kind == "sqlite":
        found += await _bounded(inspection, lambda: _sqlite(inspection))
    if not facts.current:
        return found
    if options is None:
        found.append(
            doctor_ledger.judge_partitions(facts.positions, settings.partitions, "set RINGBACK_PARTITIONS to that")
        )
    else:
        count = len(EVENTS) * options.partitions
        found.append(
            doctor_ledger.judge_partitions(facts.positions, count, "set RINGBACK_KAFKA_PARTITIONS to a third of that")
        )
    if facts.kind == "postgresql" and facts.holdings.heartbeats:
        await own.wait(asyncio.Event(), own.now_ms() + BETWEEN_LOOKS_MS)
        found += doctor_ledger.judge_owners(facts.holdings, await _bounded(inspection, inspection.holdings))
    elif facts.kind == "postgresql":
        found += doctor_ledger.judge_owners(facts.holdings, facts.holdings)
    found.append(doctor_ledger.judge_dead_letters(facts.letters))
    if book is not None:
        found += judge_rules(book, facts.switches, facts.sources)
    found += doctor_dial.judge_dial(facts, settings.partitions if options is None else options.partitions)
    return found


def _sqlite(inspection: Inspection) -> list[Finding]:
    mode, writing, why = inspection.journal_mode(), None, ""
    if mode == "wal":
        try:
            writing = inspection.sqlite_writing()
        except LedgerAway as away:
            why = away.detail
    return list(doctor_ledger.judge_sqlite(mode, writing, why))


# -- the log -----------------------------------------------------------------------------------------------------------


def _sql_reaches(facts: LedgerFacts, settings: Settings, now_ms: float) -> list[Reach]:
    kept_ms = settings.timeline_days * DAY_MS
    return [
        Reach(
            partition,
            facts.positions.get(partition, 0),
            head.purged,
            head.position,
            0.0 if head.unread_since_ms is None else max(now_ms - head.unread_since_ms, 0.0) / kept_ms,
        )
        for partition, head in facts.heads.items()
    ]


async def _log(
    options: KafkaOptions, facts: LedgerFacts | None, clock: Clock, topics: Sequence[Topic], found: list[Finding]
) -> None:
    now_ms = clock.now_ms()
    shares = {now_ms - share * options.retention_ms: share for share in (SOON, VERY_SOON)}
    try:
        more = [options.prefix + topic.name for topic in topics]
        kafka: KafkaFacts = await inspect_topics(options, list(shares), more)
    except (LogAway, SettingsMistake) as away:
        mend = "start the brokers; check RINGBACK_KAFKA_BOOTSTRAP, the security settings and the network"
        found.append(fault("log", away.detail, "a cluster that answers", mend))
        return
    found.append(ok("log", f"{kafka.brokers} Kafka brokers answer"))
    found += doctor_kafka.judge_topics(kafka, options, topics)
    running = facts is not None and bool(facts.holdings.heartbeats)
    found.append(doctor_kafka.judge_log_clock(kafka, clock.now_ms(), running=running))
    if facts is not None and facts.positions:
        found += doctor_ledger.judge_reach(doctor_kafka.reaches_of(kafka, options, facts.positions, shares))
