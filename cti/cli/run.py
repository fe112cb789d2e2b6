"""`ringback run`: the product with a simulated switch in one process, for a first look. One clock serves log, engine
and switch.
"""

import argparse
import asyncio
import contextlib
import json
import os
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import make_url

from cti.adapters.clock import LeapingClock, ScaledClock, ShiftedClock, SystemClock
from cti.cli.log_writer import LogWriter
from cti.cli.logging_setup import set_up_logging
from cti.cli.run_skipping import skip_waits
from cti.cli.runtime import run_serving, settle_memory, stop_on_signals
from cti.cli.serve import add_arguments as add_serve_arguments
from cti.cli.serve import settings_of, until
from cti.core.clocks import LAG_MAX_MS
from cti.errors import RingbackError
from cti.hosting import scopes_of
from cti.ports import Clock
from cti.settings import Settings
from cti.switches.simulated.board import Board
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.options import Options
from cti.switches.simulated.simulation import simulate
from cti.switches.simulated.trunks import CALLS, MESSAGES, Outbound, TrunkGroup
from cti.wiring import Service, serving

TENANT = "demo"
FIRST_KEY = "made at the first start"
SWITCH, GROUP, HOTLINE = "sim-1", "main", "95598"
APPROVAL, OFF = "RINGBACK_APPROVAL", "off"  # who tries it alone has no second key
SUBMITTING = "campaigns:write"  # the scope of whoever submits a campaign
EXAMPLE = "docs/examples/arrears.csv"
STOP_S = 4.0  # for the switch to hang up; the whole stop stays within 5 s
REMEMBER_EVERY_MS = 5_000.0

log = structlog.get_logger()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_serve_arguments(parser)
    parser.add_argument("--agents", type=int, default=20)
    parser.add_argument("--callers-per-min", type=float, default=12.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--start", type=_moment, metavar="TIME", help="what the clock shows at first, RFC 3339")
    parser.add_argument("--skip-waits", action="store_true", help="leap to the next dial while nothing happens")
    parser.add_argument("--log", type=Path, help="the switch's own log, JSON lines, appended to")


def _moment(text: str) -> float:
    """Milliseconds since the epoch."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise argparse.ArgumentTypeError("a time has its offset: 2026-03-04T10:00:00+08:00")
    return moment.timestamp() * 1000


def run(args: argparse.Namespace) -> int:
    """0 after an orderly stop; 1 when the service cannot start or had to stop."""
    os.environ.setdefault(APPROVAL, OFF)
    try:
        settings = settings_of(args)
        lines = set_up_logging("warning" if sys.stderr.isatty() else settings.log_level)
        return run_serving(_run(settings, args, lines))
    except (RingbackError, OSError, ValueError) as error:
        print(f"ringback: {error}", file=sys.stderr)
        return 1


async def _run(settings: Settings, args: argparse.Namespace, lines: LogWriter) -> int:
    kept = _kept_beside(settings.db)
    memory = _read(kept)
    clock = _clock(args.speed, memory, args.start, args.skip_waits)
    stop = stop_on_signals(lines)
    async with serving(settings, clock=clock) as service:
        lines.report_to(service.telemetry.log_lines_dropped)
        settle_memory()
        screen = LogWriter(sys.stdout)  # its output may be lost
        admin = await _first_key(service)
        _remember(kept, clock)
        hints = [*_welcome(service, admin), *clock_hint(clock.now_ms(), SystemClock().now_ms(), settings.db)]
        screen.write("".join(f"{line}\n" for line in hints))
        return await _with_switch(service, clock, args, kept, stop, screen, lines)


def _welcome(service: Service, admin: str | None) -> list[str]:
    """Where it listens, the key, and how to submit a campaign."""
    if admin is None:
        hint = "its key was shown at the first start; `ringback keys create` makes another"
        lines = [f"Ringback listens on {service.url} ({hint})"]
    else:
        lines = [f"Ringback listens on {service.url}", f"API key (shown this once): {admin}"]
    if SUBMITTING not in _scopes(service):
        return lines
    program = sys.argv[0] if Path(sys.argv[0]).name == "ringback" else "ringback"
    wishes = f"--kind arrears --switch {SWITCH} --trunk-group {GROUP}"
    return [
        *lines,
        "A campaign for it, from another terminal:",
        f"  RINGBACK_URL={service.url} RINGBACK_KEY={admin or 'rbk_...'} \\",
        f"  {program} campaign submit {EXAMPLE} {wishes}",
    ]


def clock_hint(shown_ms: float, real_ms: float, db: str) -> list[str]:
    """What an integrator is told whose own switch keeps the real time where this clock (`shown_ms`) does not."""
    if abs(shown_ms - real_ms) <= LAG_MAX_MS:  # a switch whose events differ by more is not commanded
        return []
    shown = datetime.fromtimestamp(shown_ms / 1000).astimezone().isoformat(" ", "seconds")
    return [
        f"The clock here shows {shown}, not this machine's time: --start or --speed set it, or an earlier run on {db}",
        "did. The simulated switch keeps it too. A switch that keeps real time gets no commands from this database:",
        "give it a new one (RINGBACK_DB=sqlite:///new.db).",
    ]


def _scopes(service: Service) -> list[str]:
    return scopes_of([hosted.part for hosted in service.hosted])


async def _first_key(service: Service) -> str | None:
    """A new key, if this ledger has none yet."""
    if any(key.label == FIRST_KEY and key.revoked_at_ms is None for key in await service.store.ledger.keys()):
        return None
    return await service.new_key(TENANT, sorted(_scopes(service)), ["*"], FIRST_KEY)


async def _with_switch(
    service: Service, clock: Clock, args: argparse.Namespace, kept: Path | None, stop: asyncio.Event, screen: LogWriter,
    lines: LogWriter,
) -> int:  # fmt: skip
    """Run the switch beside the service until the stop; the switch stops first."""
    reads = [scope for scope in _scopes(service) if scope.endswith(":read")]
    key = await service.new_key(TENANT, ["events:write", *reads], ["*"], "simulated switch")
    state = None if kept is None else kept.with_suffix(".switch.json")
    outbound = Outbound((*CALLS, *MESSAGES), {GROUP: TrunkGroup(caller_id=HOTLINE)})
    site = Site(SWITCH, args.agents, args.callers_per_min, args.seed, outbound=outbound)
    hang_up = asyncio.Event()
    switch = asyncio.create_task(simulate(Options(service.url, key, site, state=state, log=args.log), clock, hang_up))
    others = [
        asyncio.create_task(Board(service.url, key, screen).run(hang_up)),
        asyncio.create_task(_keep(kept, clock)),
        asyncio.create_task(_say_if_ended(switch, stop)),
    ]
    if isinstance(clock, LeapingClock):
        others.append(asyncio.create_task(skip_waits(service.url, key, clock)))
    code = await until(stop, service, lines)
    hang_up.set()
    await asyncio.wait([switch], timeout=STOP_S)
    for task in (switch, *others):
        task.cancel()
    await asyncio.gather(switch, *others, return_exceptions=True)
    _remember(kept, clock)
    await service.store.ledger.revoke_key(key.split("_")[1], int(clock.now_ms()))
    return code


async def _say_if_ended(switch: asyncio.Task[dict[str, Any]], stop: asyncio.Event) -> None:
    """A switch that ends by itself has failed: log why and stop."""
    await asyncio.wait([switch])
    if not stop.is_set() and (error := switch.exception()) is not None:
        log.error("simulated switch ended", action="switch_ended", why=str(error))
        stop.set()


def _clock(speed: float, memory: dict[str, Any], start_ms: float | None, leaping: bool) -> Clock:
    """A scaled clock that continues from the last run's time; otherwise the log's time would wait for real time."""
    real = SystemClock()
    last_ms = float(memory.get("clock_ms", 0))
    if start_ms is not None or leaping:
        from_ms = max(last_ms, real.now_ms() if start_ms is None else start_ms)
        kind = LeapingClock if leaping else ShiftedClock
        return kind(ScaledClock(real.now_ms(), speed, real), from_ms - real.now_ms())
    if speed == 1.0 and last_ms <= real.now_ms():
        return real
    return ShiftedClock(ScaledClock(real.now_ms(), speed, real), max(last_ms - real.now_ms(), 0.0))


def _kept_beside(db: str) -> Path | None:
    """The small file beside an SQLite database that a run goes on from; None for other databases."""
    if not db.startswith("sqlite"):
        return None
    file = make_url(db).database
    return Path(file + ".run.json") if file and file != ":memory:" else None


def _read(kept: Path | None) -> dict[str, Any]:
    if kept is None or not kept.is_file():
        return {}
    with contextlib.suppress(ValueError):
        found = json.loads(kept.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}


def _remember(kept: Path | None, clock: Clock) -> None:
    if kept is not None:
        new = kept.with_suffix(".new")
        new.write_text(json.dumps({"clock_ms": clock.now_ms()}), encoding="utf-8")
        new.replace(kept)


async def _keep(kept: Path | None, clock: Clock) -> None:
    while True:
        await clock.wait(asyncio.Event(), clock.now_ms() + REMEMBER_EVERY_MS)
        _remember(kept, clock)
