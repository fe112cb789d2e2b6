"""`python -m tests.benchmarks [--json OUT] [--only NAME ...] [--quick] [--rows N]`: the product's figures.

Lines for people go to standard error as they are found; the list as JSON to OUT, or to standard output.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from tests.benchmarks import (
    campaign_files,
    campaign_intents,
    campaign_opening,
    cluster,
    decisions,
    lateness,
    letters,
    live_calls,
    not_called,
    orders,
    orders_beside,
    throughput,
)
from tests.benchmarks.figures import Figure
from tests.benchmarks.stores import Fresh, stores

Section = Callable[[], Iterator[Figure]]


class Heard(list[str]):
    """Remarks, shown as they come."""

    def append(self, line: str) -> None:
        super().append(line)
        print(f"  {line}", file=sys.stderr, flush=True)


def sections(fresh: Mapping[str, Fresh], quick: bool, heard: list[str], rows: int | None) -> dict[str, Section]:
    """What can be asked for by name. `rows`: of the file that is imported."""
    return {
        **{f"throughput-{store}": partial(throughput.figures, store, fresh[store], quick, heard) for store in fresh},
        "lateness": partial(lateness.figures, fresh["sqlite"], quick, heard),
        "live-calls": partial(live_calls.figures, fresh, quick, heard),
        "cluster": partial(cluster.figures, quick, heard),
        "orders": partial(orders.figures, fresh["postgresql"], quick, heard),
        "orders-beside": partial(orders_beside.figures, fresh["postgresql"], quick, heard),
        "campaigns-intents": partial(campaign_intents.figures, fresh["postgresql"], quick, heard),
        "campaigns-imports": partial(campaign_files.figures, fresh, rows, quick, heard),
        "campaigns-million": partial(campaign_files.of_a_million, fresh, quick, heard),
        "campaigns-not-called": partial(not_called.figures, fresh, quick, heard),
        "campaigns-opening": partial(campaign_opening.figures, fresh["postgresql"], quick, heard),
        "letters": partial(letters.figures, quick, heard),
        "decisions": partial(decisions.figures, quick, heard),
    }


def completed(section: Section, found: list[Figure]) -> bool:
    """Whether a section came to its end; the others are run all the same."""
    try:
        for figure in section():
            found.append(figure)
            print(figure.line(), file=sys.stderr, flush=True)
    except (AssertionError, OSError, RuntimeError, subprocess.SubprocessError) as fault:
        print(f"  failed: {fault!r}", file=sys.stderr, flush=True)
        return False
    return True


def main() -> int:
    """Run all, or those asked for; 1 when one of them failed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="The product's figures.")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the list there")
    parser.add_argument("--only", action="append", metavar="NAME", help="sections whose name begins so; repeatable")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: to see that it works")
    parser.add_argument(
        "--rows", type=int, metavar="N", help="campaigns-imports: a file of so many rows, imported once"
    )
    args = parser.parse_args()
    found: list[Figure] = []
    failed: list[str] = []
    with stores() as fresh:
        for name, section in sections(fresh, args.quick, Heard(), args.rows).items():
            if args.only and not any(name.startswith(one) for one in args.only):
                continue
            print(name, file=sys.stderr, flush=True)
            if not completed(section, found):
                failed.append(name)
    told = json.dumps([figure.told() for figure in found], indent=2) + "\n"
    if args.json is None:
        sys.stdout.write(told)
    else:
        args.json.write_text(told, encoding="utf-8")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
