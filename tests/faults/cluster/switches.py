"""Some switches as a process of their own: they post to every gateway in turn, and listen at two.

    python -m tests.faults.cluster.switches --doors URL,URL --seed S --lines N --first N --out FILE   (the key: stdin)

The first line of standard input is the key; its end says that no call may begin any more. Then the calls are brought
to their ends, every answer is waited for, and the diary goes into the file. A line of JSON a second says how far it is.
"""

import argparse
import asyncio
import json
import sys
from itertools import cycle
from pathlib import Path

import aiohttp

from tests.faults.cluster.journal import written
from tests.faults.cluster.stories import story
from tests.faults.cluster.waiting import pause, until
from tests.faults.diary import Diary
from tests.faults.load import REQUEST_S, Line

CALLS_OF_A_LINE = 6
TELL_EVERY_S = 1.0
DECLARE_MAX_S = 60.0
FINISH_MAX_S = 180.0


class Around:
    """All gateways, one after the other."""

    def __init__(self, urls: list[str]) -> None:
        self._urls = cycle(urls)
        self.up = asyncio.Event()
        self.up.set()  # whether somebody is there is found out by trying

    @property
    def url(self) -> str:
        return next(self._urls)


async def switched(doors: list[str], key: str, seed: str, names: range, out: Path) -> None:
    """All of it."""
    diary, around = Diary(), Around(doors)
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        lines = [Line(f"/switches/f-{n:02}", around, key, session, diary, seed, CALLS_OF_A_LINE, story) for n in names]
        for line in lines:
            await _declared(line)
        async with asyncio.TaskGroup() as group:
            at_work = [group.create_task(work()) for line in lines for work in (line.listen, line.listen, line.obey)]
            at_work.append(group.create_task(_telling(diary)))
            posting = [group.create_task(line.post()) for line in lines]
            await asyncio.to_thread(sys.stdin.read)
            for line in lines:
                line.closing.set()
            async with asyncio.timeout(FINISH_MAX_S):
                await asyncio.wait(posting)
                while not all(line.idle for line in lines):
                    await pause(0.1)
            for task in at_work:
                task.cancel()
    written(diary, out)


async def _declared(line: Line) -> None:
    async def declared() -> bool:
        try:
            await line.declare()
        except (aiohttp.ClientError, TimeoutError, AssertionError):
            return False
        return True

    await until("a switch declares itself", declared, DECLARE_MAX_S)


async def _telling(diary: Diary) -> None:
    while True:
        told = {"acked": diary.acknowledged, "calls": len(diary.calls), "answers": diary.answers}
        print(json.dumps(told), flush=True)
        await pause(TELL_EVERY_S)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults.cluster.switches")
    parser.add_argument("--doors", required=True)
    parser.add_argument("--seed", required=True)
    parser.add_argument("--first", type=int, required=True)
    parser.add_argument("--lines", type=int, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    key = sys.stdin.readline().strip()
    names = range(args.first, args.first + args.lines)
    asyncio.run(switched(args.doors.split(","), key, args.seed, names, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
