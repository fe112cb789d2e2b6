"""The attacks, one after the other, each on a real process, on SQLite and on PostgreSQL.

    python -m tests.hostile --json out.json
    python -m tests.hostile --only C2-flood --only H3-largest-call --store sqlite

Each attack starts `ringback serve` on an empty store, on loopback, and has its own time limit; an attack that breaks
off has failed, and the next one goes on. The JSON document holds an entry "NAME:STORE" for each:
{"tried": what, "figure": measured values, "passed": true or false}; `figure.wrong` names the rules that were broken.

Exit code 0 only if all passed; 1: some did not; 2: there is no attack of such a name.
"""

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from tests.benchmarks.stores import fresh_postgres, fresh_sqlite
from tests.hostile.attack import ATTACKS, BOTH, POSTGRESQL, SQLITE, Attack, Bench, carried_out
from tests.hostile.every import ALL
from tests.postgres import running_server

Chosen = list[tuple[Attack, str]]


def chosen(names: list[str] | None, store: str) -> Chosen:
    """Attacks with their stores, one store after the other. Raises KeyError for an unknown name."""
    attacks = [ATTACKS[name] for name in names or ATTACKS]
    stores = BOTH if store == "both" else (store,)
    return [(one, each) for each in stores for one in attacks if each in one.stores]


async def run(which: Chosen, folder: Path, kept: dict[str, Any]) -> None:
    """Carry out each, and put its entry into `kept`; a line each on standard error."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    with benches(folder, {store for _, store in which}) as made:
        for one, store in which:
            name = f"{one.name}:{store}"
            entry = await carried_out(one, made[store](one.name))
            kept[name] = entry
            wrong = "; ".join(entry["figure"].get("wrong", ()))
            print(f"{'passed' if entry['passed'] else 'FAILED'}  {name}  {wrong}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def benches(folder: Path, stores: set[str]) -> Iterator[dict[str, Any]]:
    """By kind of store: a function from an attack's name to its bench. One PostgreSQL serves all of them."""
    with contextlib.ExitStack() as stack:
        made: dict[str, Any] = {SQLITE: lambda name: Bench(SQLITE, fresh_sqlite, folder / f"{name}-{SQLITE}")}
        if POSTGRESQL in stores:
            server = stack.enter_context(running_server())
            fresh = partial(fresh_postgres, server)
            made[POSTGRESQL] = lambda name: Bench(POSTGRESQL, fresh, folder / f"{name}-{POSTGRESQL}", server)
        yield made


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.hostile", description="bounded attacks on a real process")
    parser.add_argument("--only", action="append", metavar="NAME", help=f"one of {', '.join(ALL)}; may be repeated")
    parser.add_argument("--store", choices=(*BOTH, "both"), default="both")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    try:
        which = chosen(args.only, args.store)
    except KeyError as unknown:
        print(f"no such attack: {unknown.args[0]}; there are {', '.join(ALL)}", file=sys.stderr)
        return 2
    kept: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="ringback-hostile-", ignore_cleanup_errors=True) as name:
        try:
            asyncio.run(run(which, Path(name), kept))
        finally:
            text = json.dumps(kept, indent=2, ensure_ascii=False)
            print(text)
            if args.json is not None:
                args.json.write_text(text + "\n", "utf-8")
    return 0 if len(kept) == len(which) and all(entry["passed"] for entry in kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
