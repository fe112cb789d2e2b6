"""10,000 letters as one PDF, beside a bare compile by typst of some of the same pages.

python -m tests.benchmarks.letters    one run: a job on standard input, its figures on standard output
"""

import asyncio
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from campaigns.api.notice_letters import READ, sized
from campaigns.letters.content import Glyphs, letter, set_aside
from campaigns.letters.printer import Printer
from tests.benchmarks.figures import Figure, against
from tests.benchmarks.processes import done
from tests.campaigns.letters.printed import ITEMS, ZONE, batch_of, notice, press_here

LETTERS, RUNS = 10_000, 3
BARE = 500  # letters of the bare compile: typst has all pages of one in memory
MIB = 1 << 20
FAMILY_NAMES = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林高罗"
GIVEN_NAMES = range(0x4E00, 0x4E00 + 4_000)
Run = dict[str, float]


def figures(quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Pages a second of processor time, of both processes together; the most that the press had in memory."""
    count = LETTERS // 20 if quick else LETTERS
    printed, bare = [], []
    for _ in range(1 if quick else RUNS):
        printed.append(done("tests.benchmarks.letters", {"letters": count, "bare": False}))
        bare.append(done("tests.benchmarks.letters", {"letters": BARE, "bare": True}))
        heard.append(
            f"{count:,} letters: {printed[-1]['wall_s']:.1f} s, {printed[-1]['mb']:.1f} MB of PDF; "
            f"bare, {BARE:,}: {bare[-1]['wall_s']:.1f} s, {bare[-1]['mb']:.1f} MB"
        )
    yield against("letters", [_rate(one) for one in printed], [_rate(one) for one in bare], "pages/s", count)
    most, bare_most = max(one["peak_mb"] for one in printed), max(one["peak_mb"] for one in bare)
    yield Figure("letters_memory", most, "MB", bare_most, runs=len(printed))


def _rate(run: Run) -> float:
    return run["pages"] / run["cpu_s"]


def letters_of(count: int, glyphs: Glyphs) -> list[dict[str, Any]]:
    """Of accounts with one to three months, no two with the same name and address."""
    made = []
    for page in range(1, count + 1):
        name = FAMILY_NAMES[page % len(FAMILY_NAMES)] + chr(GIVEN_NAMES[page * 7 % len(GIVEN_NAMES)])
        address = f"江西省南昌市东湖区{chr(GIVEN_NAMES[page * 11 % len(GIVEN_NAMES)])}江路{page}号3栋2单元501室"
        row = notice(page, name=name, address=address, items=[ITEMS["arrears"]] * (1 + page % 3))
        made.append(letter(row, "zh", ZONE))
        assert not set_aside(made[-1], glyphs), row
    return made


async def printed_run(count: int) -> Run:
    """As a batch is printed; the letters are made before."""
    printer = Printer()
    made = letters_of(count, await printer.glyphs())
    before, began_s, size = _cpu_s(resource.RUSAGE_CHILDREN) + _cpu_s(), time.monotonic(), 0
    async with printer.press(batch_of()) as press:
        for first in range(0, count, READ):
            for some in sized(made[first : first + READ]):
                size += len(await press.letters(some))
        size += len(await press.end([], 0))
        peak_kib = _peak_kib(press.pid)
    spent = _cpu_s(resource.RUSAGE_CHILDREN) + _cpu_s() - before
    return _run(count, spent, began_s, peak_kib, size)


def bare_run(count: int, glyphs: Glyphs) -> Run:
    """One compile in this process."""
    made = letters_of(count, glyphs)
    before, began_s = _cpu_s(), time.monotonic()
    size = len(press_here(batch_of(), glyphs).compiled("pdf", made))
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return _run(count, _cpu_s() - before, began_s, peak_kib, size)


def _run(pages: int, cpu_s: float, began_s: float, peak_kib: int, size: int) -> Run:
    wall_s = time.monotonic() - began_s
    return {"pages": pages, "cpu_s": cpu_s, "wall_s": wall_s, "peak_mb": peak_kib * 1024 / MIB, "mb": size / MIB}


def _cpu_s(who: int = resource.RUSAGE_SELF) -> float:
    spent = resource.getrusage(who)
    return spent.ru_utime + spent.ru_stime


def _peak_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))


def main(job: dict[str, Any]) -> Run:
    """One run."""
    if not job["bare"]:
        return asyncio.run(printed_run(job["letters"]))
    return bare_run(job["letters"], asyncio.run(Printer().glyphs()))


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.stdin.read()))))
