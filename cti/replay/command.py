"""`ringback replay`: historic call records through the product's own door, and the figures that come out."""

import argparse
import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from cti.cli.logging_setup import set_up_logging
from cti.errors import RingbackError, SettingsMistake
from cti.replay.arrivals import Disturbance, in_order_of_arrival
from cti.replay.door import Door, door
from cti.replay.events import Reading, read_events
from cti.replay.mapping import Mapping
from cti.replay.mapping_file import MappingRefused, load
from cti.replay.report import COLUMNS, Group, Record, Summary, half_hour_of
from cti.replay.rows import FILE_BYTES_MAX, FileRefused, read_table
from cti.settings import Settings
from cti.web.csv_text import csv_of
from cti.wiring import Service, serving
from schemas.records import records_digest

TENANT = "replay"
SCOPES = ("events:write", "calls:read", "numbers:reveal")
REJECTED_SHOWN_MAX = 1000
SHUFFLE_MAX_S = 3600.0
# history is old by nature, and a month goes by in a minute: here neither age nor silence may close or drop a call
HISTORY_DAYS = 500 * 365
TABLES = {"by_type": "service_type", "by_agent": "agent", "by_half_hour": "half_hour"}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known before the product starts."""

    mapping: Mapping
    reading: Reading
    bodies: list[bytes]
    db: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; docs/replay.md tells what each does."""
    parser.add_argument("file", type=Path, metavar="FILE", help="call records: delimited text with a header")
    parser.add_argument("--mapping", required=True, metavar="NAME|FILE.toml", help="how columns become events")
    parser.add_argument("--db", required=True, metavar="URL", help="SQLAlchemy URL of a database of the replay's own")
    parser.add_argument("--shuffle-s", type=_seconds, default=0.0, metavar="S", help="post events up to S s late")
    parser.add_argument("--duplicate-every", type=_count, default=0, metavar="N", help="post every Nth event again")
    parser.add_argument("--seed", type=int, default=0, help="which shuffling (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="write by_type, by_agent, by_half_hour as CSV")


def run(args: argparse.Namespace) -> int:
    """0: figures printed; 1: the product failed or refused; 2: the file or the mapping cannot be used."""
    try:
        plan = _plan(args)
    except (MappingRefused, FileRefused, SettingsMistake, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    set_up_logging("warning")
    try:
        figures, summary = asyncio.run(replay(plan))
        written = json.dumps(figures, ensure_ascii=False, indent=2) + "\n"
        if args.tables is not None:
            _write_tables(args.tables, summary)
        if args.json is not None:
            args.json.write_text(written, encoding="utf-8")
    except (RingbackError, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    sys.stdout.write(written)
    return 0


async def replay(plan: Plan) -> tuple[dict[str, Any], Summary]:
    """Start the product, post everything, wait until all is committed, read back what came of it."""
    settings = Settings.read(
        db=plan.db,
        listen="127.0.0.1:0",
        timeline_days=HISTORY_DAYS,
        records_days=HISTORY_DAYS,
        call_idle_max_s=HISTORY_DAYS * 86_400,
    )
    async with serving(settings, interventions=False) as service:
        key = await service.new_key(TENANT, SCOPES, [plan.mapping.switch])
        async with door(service.url, key) as way:
            await way.declare(plan.mapping.switch, plan.mapping.source, plan.mapping.facts())
            posted, seconds = await _post(way, service, plan.bodies)
            return await _figures(way, plan, posted, seconds)


async def _post(way: Door, service: Service, bodies: list[bytes]) -> tuple[int, float]:
    started_s = time.perf_counter()
    posted = await way.post(bodies)
    await service.drained()
    return posted, time.perf_counter() - started_s


async def _figures(way: Door, plan: Plan, posted: int, seconds: float) -> tuple[dict[str, Any], Summary]:
    """Everything that is told, the counts of calls from the product's records alone."""
    agents = {call: agent async for call, agent in way.agents()}
    summary = Summary(_groups(plan.mapping, agents))
    lines = [line async for line in way.records()]
    digest = records_digest(_counted(lines, plan.mapping.source, summary))
    reading = plan.reading
    figures = {
        "lines_in": reading.lines_in,
        "accepted": reading.accepted,
        "excluded": dict(reading.excluded),
        "rejected": len(reading.rejected),
        "rejected_by_reason": dict(Counter(str(one.reason) for one in reading.rejected)),
        "rejected_lines": [asdict(one) for one in reading.rejected[:REJECTED_SHOWN_MAX]],
        **summary.total.figures(),
        "records_sha256": digest,
        "events": len(reading.events),
        "events_posted": posted,
        "events_per_s": round(posted / seconds, 1) if seconds else None,
        "rules": await way.rules(),
    }
    return figures, summary


def _counted(lines: Iterable[bytes], source: str, summary: Summary) -> Iterator[Record]:
    """The records of this source, each added to the summary as it passes."""
    for line in lines:
        record: Record = json.loads(line)
        if record["source"] == source:
            summary.add(record)
            yield record


def _groups(mapping: Mapping, agents: dict[str, str | None]) -> dict[str, Group]:
    """What each table groups by; nobody is the empty word."""
    kind = mapping.service_type
    return {
        "service_type": lambda record: "" if kind is None else record[kind] or "",
        "agent": lambda record: agents[record["call"]] or "",
        "half_hour": half_hour_of(ZoneInfo(mapping.time_zone)),
    }


def _write_tables(folder: Path, summary: Summary) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for file, name in TABLES.items():
        (folder / f"{file}.csv").write_bytes(csv_of((name, *COLUMNS), summary.table(name)))


def _plan(args: argparse.Namespace) -> Plan:
    if args.db == Settings.read().db:
        raise SettingsMistake("--db: that database is for live calls; a replay wants one of its own")
    mapping_file = load(args.mapping)
    mapping = mapping_file.mapping
    if args.file.stat().st_size > FILE_BYTES_MAX:
        raise FileRefused(f"{args.file}: larger than {FILE_BYTES_MAX} bytes")
    table = read_table(args.file.read_bytes(), mapping.delimiter)
    mapping_file.refuse_missing_columns(table.columns)
    reading = read_events(table.rows, mapping)
    disturbance = Disturbance(round(args.shuffle_s * 1000), args.duplicate_every, args.seed)
    return Plan(mapping, reading, in_order_of_arrival(reading.events, disturbance), args.db)


def _seconds(word: str) -> float:
    seconds = float(word)
    if not 0 <= seconds <= SHUFFLE_MAX_S:
        raise argparse.ArgumentTypeError(f"0 to {SHUFFLE_MAX_S:g} seconds")
    return seconds


def _count(word: str) -> int:
    count = int(word)
    if count < 0:
        raise argparse.ArgumentTypeError("0 (none) or more")
    return count
