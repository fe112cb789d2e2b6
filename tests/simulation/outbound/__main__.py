"""`python -m tests.simulation.outbound [--orders] [--n N] [--seed S] [--json OUT]`: whole campaigns, faults anywhere.

With --orders the order simulation alone: that orders leave at most once. A JSON object (histories, dials or orders,
faults and violations by kind, outcomes, failed seeds, planted, trace) goes to OUT or to standard output; lines for
people go to standard error. Exit code 1: something was violated, or a planted change of the product was not caught.
"""

import argparse
import json
import sys
from pathlib import Path

from tests.simulation.campaigns import many
from tests.simulation.outbound import campaign


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.outbound")
    parser.add_argument("--orders", action="store_true", help="only that orders leave at most once")
    parser.add_argument("--n", type=int, default=500, help="how many histories")
    parser.add_argument("--seed", type=int, default=1, help="the first history's")
    parser.add_argument("--processes", type=int, default=None, help="as many as the machine has processors")
    parser.add_argument("--json", type=Path, default=None, metavar="OUT")
    asked = parser.parse_args()
    simulated = campaign.simulated if asked.orders else many.simulated
    told = simulated(asked.n, asked.seed, asked.processes)
    text = json.dumps(told, indent=1)
    if asked.json is None:
        print(text)
    else:
        asked.json.write_text(text + "\n", "utf-8")
    return int(any(told["violations"].values()) or not all(told["planted"].values()))


if __name__ == "__main__":
    sys.exit(main())
