"""`ringback demo`: a minute of the whole product beside a switch that judges it.

Three processes: the service on a temporary database, the simulated switch with a log of its own, and this one, which
reads both and lets them agree or not. Everything is bounded; the whole takes at most a minute.
"""

import argparse
import asyncio
import json
import os
import socket
import sys
import tempfile
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from cti.switches.simulated.comparison import contradictions, differences, product_figures
from cti.switches.simulated.judge import Judge
from cti.switches.simulated.reader import Reader, UnreadableError

START_S = 12.0  # for the service to be ready
BOUND_S = 58.0  # for everything
LIFE_S = 36.0  # callers come in
HURRY_S = 7.0  # and are gone again
REST_S = 8.0  # for the switch's process beyond that: its own start, and its last results
SETTLE_S = 3.0  # for the product's figures to have caught up
STOP_S = 4.0
LOOK_EVERY_S = 0.2
EXIT_DIFFERENT = 1
EXIT_FAILED = 2
SCOPES = "events:write,commands:read,calls:read,numbers:reveal"


class DemoError(Exception):
    """A part of the demo could not be started or did not end."""


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
        port = _free_port()
        url = f"http://127.0.0.1:{port}"
        database = f"sqlite:///{Path(folder) / 'demo.db'}"
        environment = os.environ | {"RINGBACK_DB": database, "RINGBACK_LISTEN": f"127.0.0.1:{port}"}
        log = args.log or Path(folder) / "switch.jsonl"
        log.unlink(missing_ok=True)
        key = await _make_key(environment)
        async with aiohttp.ClientSession() as session, _serving(environment, Path(folder)) as service:
            reader = Reader(session, url, key)
            await _until_ready(reader, service, Path(folder))
            await _simulate(args, url, key, log, environment)
            return await _judged(reader, log)


async def _make_key(environment: dict[str, str]) -> str:
    wanted = ("keys", "create", "--tenant", "demo", "--scopes", SCOPES, "--switches", "*", "--json")
    created = json.loads(await _finished(wanted, environment, START_S))
    return str(created["key"])


@asynccontextmanager
async def _serving(environment: dict[str, str], folder: Path) -> AsyncIterator[Process]:
    """The service as a process; stopped in good order, at last by force."""
    with (folder / "service.log").open("wb") as output:
        service = await asyncio.create_subprocess_exec(
            *_command("serve"), env=environment, stdin=DEVNULL, stdout=output, stderr=output
        )
    try:
        yield service
    finally:
        await _stop(service)


async def _stop(process: Process) -> None:
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOP_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


async def _until_ready(reader: Reader, service: Process, folder: Path) -> None:
    for _ in range(int(START_S / LOOK_EVERY_S)):
        if service.returncode is not None:
            break
        if await reader.ready():
            return
        await asyncio.sleep(LOOK_EVERY_S)
    last_lines = (folder / "service.log").read_text(encoding="utf-8", errors="replace")[-2000:]
    raise DemoError(f"the service was not ready within {START_S:g} s:\n{last_lines}")


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
    await _finished(("simulate", *words), environment, args.seconds + HURRY_S + REST_S)


async def _finished(words: tuple[str, ...], environment: dict[str, str], within_s: float) -> str:
    """What the command printed. Raises DemoError if it failed or took too long."""
    process = await asyncio.create_subprocess_exec(
        *_command(*words), env=environment, stdin=DEVNULL, stdout=PIPE, stderr=PIPE
    )
    try:
        async with asyncio.timeout(within_s):
            out, errors = await process.communicate()
    except TimeoutError:
        await _stop(process)
        raise DemoError(f"ringback {words[0]} did not end within {within_s:g} s") from None
    if process.returncode != 0:
        raise DemoError(f"ringback {words[0]} ended with {process.returncode}: {errors.decode()[-2000:]}")
    return out.decode()


def _command(*words: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "cti", *words)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


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
