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
from cti.replay.decoding import GUESSED
from cti.replay.door import Door, door
from cti.replay.events import Reading, read_events
from cti.replay.mapping import Mapping
from cti.replay.mapping_file import MappingFile, MappingRefused, load
from cti.replay.report import COLUMNS, Group, Record, Summary, half_hour_of
from cti.replay.rows import FILE_BYTES_MAX, FileRefused, Table
from cti.replay.table import read_table
from cti.settings import Settings
from cti.web.csv_text import csv_of
from cti.wiring import Service, serving
from schemas.records import records_digest

TENANT = "replay"
SCOPES = ("events:write", "calls:read", "numbers:reveal")
REJECTED_SHOWN_MAX = 1000
SHUFFLE_MAX_S = 3600.0
# historic data is old, and a month passes in a minute: neither age nor silence may close or drop a call here
HISTORY_DAYS = 500 * 365
TABLES = {"by_type": "service_type", "by_agent": "agent", "by_half_hour": "half_hour"}


@dataclass(frozen=True, slots=True)
class Plan:
    """All that is known before the product starts."""

    mapping: Mapping
    encoding: str | None
    columns_never_filled: list[str]
    reading: Reading
    bodies: list[bytes]
    db: str
    records: Path | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options; docs/replay.md tells what each does."""
    parser.add_argument("file", type=Path, metavar="FILE", help="call records: delimited text, JSON lines, a workbook")
    parser.add_argument("--mapping", required=True, metavar="NAME|FILE.toml", help="how columns become events")
    parser.add_argument("--db", required=True, metavar="URL", help="SQLAlchemy URL of a database of the replay's own")
    parser.add_argument("--shuffle-s", type=_seconds, default=0.0, metavar="S", help="post events up to S s late")
    parser.add_argument("--duplicate-every", type=_count, default=0, metavar="N", help="post every Nth event again")
    parser.add_argument("--seed", type=int, default=0, help="which shuffling (default 0)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.add_argument("--records", type=Path, metavar="FILE", help="write the call records there, as JSON lines")
    parser.add_argument("--tables", type=Path, metavar="FOLDER", help="write by_type, by_agent, by_half_hour as CSV")


def run(args: argparse.Namespace) -> int:
    """0: figures printed; 1: no line was accepted, or the product failed; 2: file or mapping cannot be used."""
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
    if not plan.reading.accepted:
        print(f"{args.file}: no line was accepted{_first_rejection(plan.reading)}", file=sys.stderr)
        return 1
    return 0


async def replay(plan: Plan) -> tuple[dict[str, Any], Summary]:
    """Start the product, post everything, wait until all is committed, read back the results."""
    settings = Settings.read(
        db=plan.db,
        listen="127.0.0.1:0",
        timeline_days=HISTORY_DAYS,
        records_days=HISTORY_DAYS,
        call_idle_max_s=HISTORY_DAYS * 86_400,
    )
    async with serving(settings, interventions=False, parts=()) as service:
        key = await service.new_key(TENANT, SCOPES, [plan.mapping.switch])
        async with door(service.url, key) as way:
            await way.declare(plan.mapping.switch, plan.mapping.source, plan.reading.kinds())
            posted, seconds = await _post(way, service, plan.bodies)
            return await _figures(way, plan, posted, seconds)


async def _post(way: Door, service: Service, bodies: list[bytes]) -> tuple[int, float]:
    started_s = time.perf_counter()
    posted = await way.post(bodies)
    await service.drained()
    return posted, time.perf_counter() - started_s


async def _figures(way: Door, plan: Plan, posted: int, seconds: float) -> tuple[dict[str, Any], Summary]:
    """Everything that is reported; the counts of calls come from the product's records alone."""
    agents = {call: agent async for call, agent in way.agents()}
    reading = plan.reading
    summary = Summary(_groups(plan.mapping, agents), wait_known="queued" in reading.kinds())
    lines = [line async for line in way.records()]
    own: list[bytes] = []
    digest = records_digest(_counted(lines, plan.mapping.source, summary, own))
    if plan.records is not None:
        plan.records.write_bytes(b"".join(line + b"\n" for line in own))
    figures = {
        "encoding": plan.encoding,
        "columns_never_filled": plan.columns_never_filled,
        "lines_in": reading.lines_in,
        "accepted": reading.accepted,
        "excluded": dict(reading.excluded),
        "rejected": len(reading.rejected),
        "rejected_by_reason": dict(Counter(str(line.reason) for line in reading.rejected)),
        "rejected_lines": [asdict(line) for line in reading.rejected[:REJECTED_SHOWN_MAX]],
        **summary.total.figures(summary.wait_known),
        "records_sha256": digest,
        "events": len(reading.events),
        "events_posted": posted,
        "events_per_s": round(posted / seconds, 1) if seconds else None,
        "rules": await way.rules() if reading.accepted else _nothing_measured(await way.rules()),
    }
    return figures, summary


def _nothing_measured(rules: dict[str, Any]) -> dict[str, Any]:
    """A file of which no line was accepted has measured nothing, whatever the database knew before."""
    return {
        rule: {"state": "not_measurable", "breaches": None, "missing": said["missing"]} for rule, said in rules.items()
    }


def _counted(lines: Iterable[bytes], source: str, summary: Summary, own: list[bytes]) -> Iterator[Record]:
    """The records of this source, each added to the summary as it passes, and its line to `own`."""
    for line in lines:
        record: Record = json.loads(line)
        if record["source"] == source:
            summary.add(record)
            own.append(line)
            yield record


def _groups(mapping: Mapping, agents: dict[str, str | None]) -> dict[str, Group]:
    """The key by which each table groups; no agent is the empty string."""
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
    if args.file.stat().st_size > FILE_BYTES_MAX:
        raise FileRefused(f"{args.file}: larger than {FILE_BYTES_MAX} bytes")
    mapping, table = _read(args.file, mapping_file)
    reading = read_events(table.rows, mapping, round(time.time() * 1000))
    disturbance = Disturbance(round(args.shuffle_s * 1000), args.duplicate_every, args.seed)
    bodies = in_order_of_arrival(reading.events, disturbance)
    never_filled = table.never_filled(column for _, column in mapping.columns_used())
    return Plan(mapping, table.encoding, never_filled, reading, bodies, args.db, args.records)


def _read(file: Path, mapping_file: MappingFile) -> tuple[Mapping, Table]:
    """The file's records and their mapping; prints a notice if the encoding is neither given nor UTF-8."""
    mapping = mapping_file.mapping
    layout = mapping.layout(file.name)
    try:
        table = read_table(file.read_bytes(), layout)
    except FileRefused as error:
        raise FileRefused(f"{file}: {error}") from error
    if table.columns is not None:
        mapping_file.refuse_missing_columns(table.columns)
    if table.encoding == GUESSED and mapping.encoding is None:
        print(f"{file}: not UTF-8, read as {GUESSED}; the mapping's `encoding` says otherwise", file=sys.stderr)
    return (mapping.with_iso_times() if layout.format == "xlsx" else mapping), table


def _first_rejection(reading: Reading) -> str:
    if not reading.rejected:
        return ""
    first = reading.rejected[0]
    return f": line {first.line}: {first.reason}: {first.detail}"


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
