"""`python -m tests.mutation [--json OUT] [--only PATTERN ..] [--sample N]`: is each change of the core caught?

Lines for people go to standard error; a JSON object, name -> "caught" or what happened, goes to OUT or to standard
output. Exit code 1: a mutant survived or was not judged, or the list of equivalent ones is not what it must be.
"""

import argparse
import json
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from tests.mutation.judging import CAUGHT, SURVIVED, Trial, judged
from tests.mutation.reviewed import EQUIVALENT, FOLDER, JUDGES, TESTS, Equivalent
from tests.mutation.sites import Mutant, mutants, mutated

ROOT = Path(__file__).parents[2]
UNCHANGED = "unchanged"


def everything(root: Path, modules: Sequence[str] = tuple(JUDGES)) -> list[Mutant]:
    """All mutants of these modules."""
    files = [f"{FOLDER}/{module}.py" for module in modules]
    return [mutant for file in files for mutant in mutants((root / file).read_text("utf-8"), file)]


def excused(found: Sequence[Mutant], table: Sequence[Equivalent]) -> tuple[dict[str, str], list[str]]:
    """({name of an equivalent mutant: reason}, the table's entries that fit no mutant, or several)."""
    reasons: dict[str, str] = {}
    stale: list[str] = []
    for entry in table:
        wanted = (f"{FOLDER}/{entry.module}.py", entry.line, entry.part, entry.what)
        names = [mutant.name for mutant in found if (mutant.file, mutant.line_text, mutant.part, mutant.what) == wanted]
        if len(names) == 1:
            reasons[names[0]] = entry.reason
        else:
            stale.append(f"{' | '.join(wanted)}: fits {len(names)} mutants")
    return reasons, stale


def chosen(found: Sequence[Mutant], only: Sequence[str], sample: int | None, seed: int) -> list[Mutant]:
    """Those whose name has one of the patterns in it; of these a sample, each module in turn."""
    fitting = [one for one in found if not only or any(fnmatchcase(one.name, f"*{pattern}*") for pattern in only)]
    if sample is None:
        return fitting
    random.Random(seed).shuffle(fitting)
    turn: Counter[str] = Counter()
    order = []
    for mutant in fitting:
        order.append((turn[mutant.file], mutant))
        turn[mutant.file] += 1
    return [mutant for _, mutant in sorted(order, key=lambda pair: pair[0])][:sample]


def trials(root: Path, found: Sequence[Mutant]) -> Iterator[Trial]:
    """The modules as they are, whose tests must pass; then the mutants."""
    files = dict.fromkeys(mutant.file for mutant in found)
    for file in files:
        yield _trial(f"{file} {UNCHANGED}", file, compile((root / file).read_text("utf-8"), str(root / file), "exec"))
    for mutant in found:
        tree = mutated((root / mutant.file).read_text("utf-8"), mutant.n)
        yield _trial(mutant.name, mutant.file, compile(tree, str(root / mutant.file), "exec"))


def _trial(name: str, file: str, code: object) -> Trial:
    tests = [f"{TESTS}/{test}.py" for test in JUDGES[Path(file).stem]]
    return Trial(name, file.removesuffix(".py").replace("/", "."), code, tests)


def faults(results: Mapping[str, str], reasons: Mapping[str, str]) -> list[str]:
    """What is wrong, a line each."""
    found = []
    for name, verdict in results.items():
        wanted = SURVIVED if name in reasons or name.endswith(UNCHANGED) else CAUGHT
        if verdict != wanted:
            beside = " though it is listed as equivalent" if name in reasons else ""
            found.append(f"{name}: {verdict}{beside}")
    return found


def main() -> int:
    """Judge all, or those asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutation", description="Is every change caught by a test?")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the verdicts there")
    parser.add_argument("--only", action="append", default=[], metavar="PATTERN", help="part of a name; repeatable")
    parser.add_argument("--sample", type=int, metavar="N", help="so many only, from every module")
    parser.add_argument("--seed", type=int, default=1, help="of the sample")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes at once")
    args = parser.parse_args()
    every = everything(ROOT)
    reasons, stale = excused(every, EQUIVALENT)
    found = chosen(every, args.only, args.sample, args.seed)
    if not found:
        parser.error("no mutant has such a name")
    results: dict[str, str] = {}
    for trial, verdict in judged(trials(ROOT, found), args.jobs):
        results[trial.name] = verdict
        if verdict != CAUGHT and not trial.name.endswith(UNCHANGED):
            print(f"  {verdict}: {trial.name}", file=sys.stderr, flush=True)
    wrong = [*stale, *faults(results, reasons)]
    told = {name: _told(name, results[name], reasons) for name in (mutant.name for mutant in found)}
    text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
    if args.json is None:
        sys.stdout.write(text)
    else:
        args.json.write_text(text, "utf-8")
    print(f"{len(told)} mutants, {Counter(results.values())[CAUGHT]} caught", *wrong, sep="\n", file=sys.stderr)
    return 1 if wrong else 0


def _told(name: str, verdict: str, reasons: Mapping[str, str]) -> str:
    return f"equivalent: {reasons[name]}" if name in reasons and verdict == SURVIVED else verdict


if __name__ == "__main__":
    sys.exit(main())
