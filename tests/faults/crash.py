"""Kill -9 of the serving process under load, again and again; then a judgement by a process that kept its own list.

    python -m tests.faults.crash --kills 50 --seed 1 --json out.json [--db postgresql://...]

Exit code 0 only if nothing that was acknowledged is missing, and nothing happened twice.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

from tests.faults.diary import Diary
from tests.faults.judge import Reader, judged
from tests.faults.load import REQUEST_S, Line
from tests.faults.served import Died, Served, made_key

TENANT = "faults"
LINES = 10
CALLS_OF_A_LINE = 6
UP_S = (0.05, 2.2)  # how long a process may work before it is killed
EARLY_S = (0.3, 2.0)  # some are killed while they start
EARLY_SHARE = 0.15
FINISH_S = 90.0
WORK = frozenset({"acked", "calls", "commands", "records", "conflicts"})
"""Figures of how much was done: each must be above 0; all others must be 0."""


async def crashed(kills: int, seed: int, db: str, folder: Path) -> dict[str, Any]:
    """The whole trial and its judgement; `db`: an SQLAlchemy URL of an empty database. Raises Died."""
    began = time.monotonic()
    async with trial(kills, seed, db, folder) as (served, reader, diary):
        figures = await judged(reader, diary, db)
        figures |= {"kills": served.kills, "restarts": served.starts - 1, "exit_code": await served.stop()}
    return figures | {"seconds": round(time.monotonic() - began, 1), "answers": dict(sorted(diary.answers.items()))}


@contextlib.asynccontextmanager
async def trial(kills: int, seed: int, db: str, folder: Path) -> AsyncIterator[tuple[Served, Reader, Diary]]:
    """After so many kills under load: the process that serves now, a reader at its door, and what is certain."""
    key = await made_key(db, TENANT)
    served, diary = Served(db, folder / "served.log"), Diary()
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        try:
            await served.start(session)
            await _under_load(served, key, session, diary, kills, seed)
            yield served, Reader(served.url, key, session), diary
        finally:
            await served.stop()


async def _under_load(
    served: Served, key: str, session: aiohttp.ClientSession, diary: Diary, kills: int, seed: int
) -> None:
    """Kill so often; then let the load finish and get every answer."""
    chance = random.Random(seed)
    lines = [Line(f"/switches/f-{n:02}", served, key, session, diary, str(seed), CALLS_OF_A_LINE) for n in range(LINES)]
    async with _loading(lines) as failed:
        for _ in range(kills):
            await _first(failed, chance.uniform(*UP_S))
            await served.kill()
            while chance.random() < EARLY_SHARE and served.kills < kills:
                await served.spawn()
                await _first(failed, chance.uniform(*EARLY_S))
                await served.kill()
            await served.start(session)
            if served.kills >= kills:
                break
        await _first(failed, UP_S[1])
        for line in lines:
            line.closing.set()
        async with asyncio.timeout(FINISH_S):
            while not all(line.idle for line in lines):
                await _first(failed, 0.1)


@contextlib.asynccontextmanager
async def _loading(lines: list[Line]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """The lines at work; yields their tasks, none of which may fail."""
    for line in lines:
        await line.declare()
    tasks = [asyncio.create_task(part()) for line in lines for part in (line.post, line.listen, line.obey)]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _first(tasks: list[asyncio.Task[None]], seconds: float) -> None:
    """Let so much time pass; a task that fails meanwhile ends the trial."""
    done, waiting = await asyncio.wait([task for task in tasks if not task.done()], timeout=seconds)
    del waiting
    for task in done:
        task.result()


def sound(figures: dict[str, Any]) -> bool:
    """Whether work was done and nothing of it went wrong."""
    counts = {name: value for name, value in figures.items() if isinstance(value, int)}
    happened = WORK | {"kills", "restarts"}
    return all((value > 0) if name in happened else value == 0 for name, value in counts.items())


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults.crash", description="kill -9 under load, and a judgement")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", metavar="URL", help="an empty database; without it SQLite in a temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringback-crash-") as name:
        folder = Path(name)
        try:
            figures = asyncio.run(crashed(args.kills, args.seed, args.db or f"sqlite:///{folder / 'crash.db'}", folder))
        except Died as died:
            print(f"the serving process ended by itself: {died}", file=sys.stderr)
            return 2
    text = json.dumps(figures, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", "utf-8")
    return 0 if sound(figures) else 1


if __name__ == "__main__":
    sys.exit(main())
