"""`ringback simulate`: the simulated switch as a command."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from cti.adapters.clock import ScaledClock, SystemClock
from cti.ports import Clock
from cti.switches.simulated.commands import HANDLERS
from cti.switches.simulated.door import NotAllowedError
from cti.switches.simulated.exchange import Site
from cti.switches.simulated.habits import HABITS
from cti.switches.simulated.misbehaviour import Misbehaviour
from cti.switches.simulated.options import DECLARED, Options
from cti.switches.simulated.outbound_script import read_scripts
from cti.switches.simulated.simulation import simulate
from cti.switches.simulated.trunks import CALLS, MESSAGES, NO_OUTBOUND, Outbound, TrunkGroup, read_trunk_groups

EXIT_MISTAKE = 2
OUTBOUND = {"calls": CALLS, "messages": MESSAGES, "all": (*CALLS, *MESSAGES)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "A telephone switch with callers and agents, an ordinary client of /v1."
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="where Ringback listens")
    parser.add_argument("--key", required=True, help="an API key with events:write and commands:read for the switch")
    parser.add_argument("--switch", default="sim-1", help="the switch's id")
    parser.add_argument("--agents", type=_whole(0, 2000), default=40)
    parser.add_argument("--callers-per-min", type=_decimal(0, 60_000), default=40.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pace", choices=sorted(HABITS), default="realistic", help="how people behave")
    parser.add_argument("--for", dest="for_s", type=_decimal(0, 1e9), help="seconds; without it until stopped")
    parser.add_argument("--close-at", dest="close_at_s", type=_decimal(0, 1e9), help="no more callers after SECONDS")
    parser.add_argument("--log", type=Path, help="its own log, JSON lines, appended to")
    parser.add_argument("--state", type=Path, help="kept at a clean stop and gone on with at the next start")
    parser.add_argument("--misbehave", type=_misbehaviour, default=Misbehaviour(), metavar="NAME=NUMBER,...")
    parser.add_argument("--commands", type=_commands, metavar="NAME,...", help="what it can do")
    parser.add_argument("--outbound", choices=sorted(OUTBOUND), help="takes dial orders of this kind")
    parser.add_argument(
        "--trunk-groups", type=_trunk_groups, default={"main": TrunkGroup()}, metavar="NAME=PACE/MOST,..."
    )
    parser.add_argument("--script", type=Path, help="what called numbers do: JSON, number -> outcomes; others by seed")
    parser.add_argument("--agent-first", action="store_true", help="it reserves an agent before it dials, if asked to")
    parser.add_argument("--no-memory", action="store_true", help="an order that comes twice is dialled twice")
    parser.add_argument("--speed", type=_decimal(0.01, 1000), default=1.0, help="times faster than life")
    parser.add_argument("--origin-ms", type=int, help="where the faster clock starts; the same for all processes")


def run(args: argparse.Namespace) -> int:
    """The summary as JSON on standard output. 0; 2 when key, log or state cannot be used."""
    try:
        summary = asyncio.run(_run(read_options(args), clock_of(args)))
    except (NotAllowedError, OSError, ValueError) as reason:
        print(f"ringback simulate: {reason}", file=sys.stderr)
        return EXIT_MISTAKE
    print(json.dumps(summary))
    return 0


def read_options(args: argparse.Namespace) -> Options:
    site = Site(
        args.switch, args.agents, args.callers_per_min, args.seed, args.pace, outbound=read_outbound(args)
    )  # fmt: skip
    return Options(
        url=args.url,
        key=args.key,
        site=site,
        for_s=args.for_s,
        close_at_s=args.close_at_s,
        log=args.log,
        state=args.state,
        misbehave=args.misbehave,
        commands=_declared(args) if args.commands is None else args.commands,
    )


def _declared(args: argparse.Namespace) -> tuple[str, ...]:
    """A message gateway has no calls, so no commands for them."""
    return () if args.outbound == "messages" else DECLARED


def read_outbound(args: argparse.Namespace) -> Outbound:
    """Raises OSError, ValueError for a script that cannot be read."""
    if args.outbound is None:
        return NO_OUTBOUND
    scripts = {}
    if args.script is not None:
        item = json.loads(args.script.read_text(encoding="utf-8"))
        campaign = isinstance(item, dict) and isinstance(item.get("switch"), dict)
        scripts = read_scripts(item["switch"] if campaign else item)  # the file of a campaign has it as a member
    groups = args.trunk_groups if args.outbound != "messages" else {}
    return Outbound(OUTBOUND[args.outbound], groups, scripts, not args.no_memory, args.agent_first)


def clock_of(args: argparse.Namespace) -> Clock:
    if args.speed == 1.0:
        return SystemClock()
    origin_ms = SystemClock().now_ms() if args.origin_ms is None else args.origin_ms
    return ScaledClock(origin_ms, args.speed)


async def _run(options: Options, clock: Clock) -> dict[str, object]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signal_ in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signal_, stop.set)
    return await simulate(options, clock, stop)


def _whole(least: int, most: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least} to {most}")
        return number

    return read


def _decimal(least: float, most: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        number = float(text)
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return number

    return read


def _misbehaviour(text: str) -> Misbehaviour:
    try:
        return Misbehaviour.read(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from reason


def _trunk_groups(text: str) -> dict[str, TrunkGroup]:
    try:
        return read_trunk_groups(text)
    except ValueError as reason:
        raise argparse.ArgumentTypeError(str(reason)) from reason


def _commands(text: str) -> tuple[str, ...]:
    names = tuple(filter(None, text.split(",")))
    unknown = [name for name in names if name not in HANDLERS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: it can only do {', '.join(HANDLERS)}")
    return names
