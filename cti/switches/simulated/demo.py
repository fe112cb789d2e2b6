"""`ringback demo`: a minute of the whole product beside a switch that judges it.

Three processes: the service on a temporary database, the simulated switch with a log of its own, and this one, which
reads both and lets them agree or not. Beside them a small campaign is carried to its end on a clock of its own
(`demo_campaign`). Everything is bounded; the whole takes at most two.
"""

import argparse
import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import aiohttp

from cti.switches.simulated.comparison import contradictions, differences, product_figures
from cti.switches.simulated.demo_campaign import carried
from cti.switches.simulated.demo_processes import START_S, DemoError, finished, free_port, serving, until_ready
from cti.switches.simulated.judge import Judge
from cti.switches.simulated.reader import Reader, UnreadableError

BOUND_S = 118.0  # for everything
LIFE_S = 36.0  # callers come in
HURRY_S = 7.0  # and are gone again
REST_S = 8.0  # for the switch's process beyond that: its own start, and its last results
SETTLE_S = 3.0  # for the product's figures to have caught up
LOOK_EVERY_S = 0.2
EXIT_DIFFERENT = 1
EXIT_FAILED = 2
SCOPES = "events:write,commands:read,calls:read,numbers:reveal"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "A minute of the product with a simulated switch; exit code 0 if both agree on every figure."
    parser.add_argument("--json", dest="out", type=Path, help="where the figures go; standard output otherwise")
    parser.add_argument("--log", type=Path, help="where to keep the switch's own log; a temporary file otherwise")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--agents", type=int, default=40)
    parser.add_argument("--callers-per-min", type=float, default=110.0)
    parser.add_argument("--seconds", type=float, default=LIFE_S, help="how long callers come in")


def run(args: argparse.Namespace) -> int:
    """0 if the figures agree, 1 if they differ, 2 if the demo itself failed."""
    try:
        figures = asyncio.run(_bounded(args))
    except (DemoError, UnreadableError, OSError) as reason:
        print(f"ringback demo: {reason}", file=sys.stderr)
        return EXIT_FAILED
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    if args.out:
        args.out.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)
    return 0 if figures["agree"] else EXIT_DIFFERENT


async def _bounded(args: argparse.Namespace) -> dict[str, Any]:
    try:
        async with asyncio.timeout(BOUND_S):
            return await _demo(args)
    except TimeoutError:
        raise DemoError(f"not done within {BOUND_S:g} s") from None


async def _demo(args: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="ringback-demo-") as folder:
        port = free_port()
        url = f"http://127.0.0.1:{port}"
        database = f"sqlite:///{Path(folder) / 'demo.db'}"
        environment = os.environ | {"RINGBACK_DB": database, "RINGBACK_LISTEN": f"127.0.0.1:{port}"}
        log = args.log or Path(folder) / "switch.jsonl"
        log.unlink(missing_ok=True)
        key = await _make_key(environment)
        async with aiohttp.ClientSession() as session, serving(environment, Path(folder), "serve") as service:
            reader = Reader(session, url, key)
            await until_ready(reader, service, Path(folder))
            campaign = asyncio.create_task(carried(Path(folder), session, args.seed))
            await _simulate(args, url, key, log, environment)
            judged = await _judged(reader, log)
            figures = await campaign
            return {**judged, "agree": judged["agree"] and figures["agree"], "campaign": figures}


async def _make_key(environment: dict[str, str]) -> str:
    wanted = ("keys", "create", "--tenant", "demo", "--scopes", SCOPES, "--switches", "*", "--json")
    created = json.loads(await finished(wanted, environment, START_S))
    return str(created["key"])


async def _simulate(args: argparse.Namespace, url: str, key: str, log: Path, environment: dict[str, str]) -> None:
    """A switch whose people are quick; after LIFE_S nobody comes in any more and all go."""
    wanted = {
        "--url": url,
        "--key": key,
        "--agents": str(args.agents),
        "--callers-per-min": str(args.callers_per_min),
        "--seed": str(args.seed),
        "--pace": "hurried",
        "--close-at": str(args.seconds),
        "--for": str(args.seconds + HURRY_S),
        "--log": str(log),
    }
    words = [word for pair in wanted.items() for word in pair]
    await finished(("simulate", *words), environment, args.seconds + HURRY_S + REST_S)


# -- the judgement -----------------------------------------------------------------------------------------------------


async def _judged(reader: Reader, log: Path) -> dict[str, Any]:
    """Both sides once the product has caught up; what still differs then differs."""
    switch = figures_of(log)
    comparison: dict[str, Any] = {}
    for _ in range(int(SETTLE_S / LOOK_EVERY_S)):
        comparison = await _comparison(reader, switch)
        if comparison["agree"]:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return comparison


async def _comparison(reader: Reader, switch: dict[str, Any]) -> dict[str, Any]:
    indicators = await reader.indicators()
    product = product_figures(await reader.records(), indicators)
    differing = differences(product, switch) + contradictions(product, indicators, await reader.breaches())
    return {**product, "agree": not differing, "differences": differing, "switch": switch}


def figures_of(log: Path) -> dict[str, Any]:
    """The switch's log, heard by the judge once more from the file. Raises DemoError if the log has no end."""
    judge, summary = Judge(), False
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            summary = entry["entry"] == "summary"
            judge.hear(entry)
    if not summary or judge.live:
        raise DemoError(f"the switch's log has no summary, or {len(judge.live)} calls in it have no end")
    return judge.figures()
