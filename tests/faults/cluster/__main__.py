"""Faults upon a real cluster, by seed; then a judgement by what the clients are sure of.

    python -m tests.faults.cluster --kills 200 --seed 1 --json out.json [--logs FOLDER]
    python -m tests.faults.cluster --scenario broker-away [--seconds 120] [--how killed] --json out.json
    python -m tests.faults.cluster --scenario brokers --how killed [--seconds 60] --json out.json
    python -m tests.faults.cluster --scenario orders [--seconds 120] --seed 1 --json out.json
    python -m tests.faults.cluster --scenario dialler [--seconds 120] --seed 1 --json out.json

Exit code 0 only if nothing that was acknowledged is missing, nothing happened twice, and nothing stands still.
"""

import argparse
import asyncio
import json
import signal
import sys
import tempfile
from collections.abc import Coroutine
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from tests.faults.cluster import brokers, dialling, ordering, restarting, scenarios, upgrading
from tests.faults.cluster.client import ClientFailed
from tests.faults.cluster.plan import STOPPED, planned
from tests.faults.cluster.trial import failures, tried
from tests.faults.cluster.waiting import TooLong
from tests.faults.desk import Refused

Judged = tuple[dict[str, Any], list[str]]
"""The figures, and those that are not as they must be."""


async def _trial(args: argparse.Namespace, folder: Path) -> Judged:
    if args.scenario == brokers.NAME:
        figures = await brokers.tried(args.seconds, args.how, args.seed, folder)
        return figures, brokers.failures(figures)
    if args.scenario is None:
        figures = await tried(planned(args.kills, args.seed), args.seed, folder)
        return figures, failures(figures)
    if args.scenario == upgrading.NAME:
        figures = await upgrading.upgraded(args.seed, folder)
        return figures, upgrading.failures(figures)
    if args.scenario == ordering.NAME:
        figures = await ordering.ordered(ordering.Trial(seconds=args.seconds, seed=args.seed), folder)
        return figures, ordering.failures(figures)
    if args.scenario == dialling.NAME:
        figures = await dialling.dialled(dialling.Trial(seconds=args.seconds, seed=args.seed), folder)
        return figures, dialling.failures(figures)
    if args.scenario == restarting.NAME:
        figures = await restarting.restarted(args.seed, folder)
        return figures, restarting.failures(figures)
    figures = await scenarios.away(args.scenario, args.seconds, args.how, args.seed, folder)
    return figures, scenarios.failures(args.scenario, figures)


async def _until_told(work: Coroutine[Any, Any, Judged]) -> Judged:
    """To its end, or to Ctrl-C or SIGTERM: then everything that was started is stopped."""
    task = asyncio.ensure_future(work)
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, task.cancel)
    return await task


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults.cluster", description="faults upon a cluster, and a judgement")
    parser.add_argument("--kills", type=int, default=200, help="how many faults")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--logs", type=Path, metavar="FOLDER", help="keep what the processes say there")
    others = (brokers.NAME, dialling.NAME, ordering.NAME, restarting.NAME, upgrading.NAME)
    parser.add_argument("--scenario", choices=[*sorted(scenarios.AWAY), *others], help="instead of many faults")
    parser.add_argument("--seconds", type=float, default=120.0, help="a server is away, or faults come, for so long")
    parser.add_argument("--how", choices=scenarios.HOWS, default=STOPPED)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = args.logs or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ringback-faults-")))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            figures, wrong = asyncio.run(_until_told(_trial(args, folder)))
        except (TooLong, ClientFailed, Refused) as failed:
            print(f"the trial did not come to its end: {failed}", file=sys.stderr)
            return 2
        except asyncio.CancelledError:
            return 130
    text = json.dumps(figures | {"failures": wrong}, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", "utf-8")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
