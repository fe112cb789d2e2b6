"""Whom nobody calls, among a million entries: the look-up that a turn of the dialler makes for all whom it may call,
and that of one number alone, beside a bare SELECT by the key for each.

python -m tests.benchmarks.not_called    one run: a job on standard input, its figures on standard output
"""

import json
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import create_engine, make_url, text

from campaigns.core.reasons import Disposition
from campaigns.dialler.turn import BEYOND_ROOM, DUE_MAX
from campaigns.ledger import do_not_call
from campaigns.ledger.people import line_keys
from campaigns.wiring import CHAIN as CAMPAIGNS
from cti.adapters.migrations import CHAIN
from cti.sql.connections import database_url, reader_engine, sqlite_file
from cti.sql.schema import upgrade
from tests.benchmarks.figures import Figure
from tests.benchmarks.processes import done
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import TENANT

ENTRIES, RUNS = 1_000_000, 3
CONTACTS = DUE_MAX + BEYOND_ROOM  # of a turn, each with its number and its account
TURNS, ALONE = 40, 2_000  # in a run
VALID_MS = 2_000  # of an order
STRIDE = 7_919  # prime: numbers from all over the table
FILL = """INSERT INTO campaign_do_not_call (tenant, line, id, reason, since_ms, made_at_ms, who)
    WITH RECURSIVE given (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM given WHERE n < :entries - 1)
    SELECT :tenant, '+86138' || substr(CAST(100000000 + 2 * n AS text), 2), 'entry-' || CAST(n AS text), :reason, 1, n,
    'bench' FROM given"""
BARE = "SELECT reason FROM campaign_do_not_call WHERE tenant = ? AND line = ?"


def figures(stores: Mapping[str, Fresh], quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Microseconds a number or account; half of the numbers are entries."""
    entries = ENTRIES // 50 if quick else ENTRIES
    for store, suffix in (("postgresql", ""), ("sqlite", "_sqlite")):
        with stores[store]() as url:
            _fill(url, entries)
            runs = [
                done("tests.benchmarks.not_called", {"db": url, "entries": entries})
                for _ in range(1 if quick else RUNS)
            ]
        bare = median(run["bare_us"] for run in runs)
        heard.append(f"{store}: {entries:,} entries, {runs[0]['found']:,} of {runs[0]['asked']:,} numbers found")
        for name, of in (("of_a_turn", "turn_us"), ("alone", "alone_us")):
            value = median(run[of] for run in runs)
            yield Figure(f"not_called_{name}{suffix}", value, "us", bare, runs=len(runs), batch=entries)


def _fill(url: str, entries: int) -> None:
    upgrade(url, [CHAIN, CAMPAIGNS])
    engine = create_engine(database_url(url))
    try:
        with engine.begin() as connection:
            given = {"tenant": TENANT, "reason": Disposition.OPTED_OUT.value, "entries": entries}
            connection.execute(text(FILL), given)  # every second number
        with engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    finally:
        engine.dispose()


def asked(job: dict[str, Any]) -> dict[str, Any]:
    """The three ways in turn, so that what else the machine does meanwhile is the same for all."""
    numbers = (number_of(at * STRIDE % (2 * job["entries"])) for at in count())
    engine, bare = reader_engine(database_url(job["db"]), 1), _bare(job["db"])
    now_ms, found, spent = int(time.time() * 1000), 0, {"turn_us": 0.0, "alone_us": 0.0, "bare_us": 0.0}
    try:
        with engine.connect() as connection:
            for _ in range(TURNS):
                some = [next(numbers) for _ in range(CONTACTS)]
                lines = [line for at, number in enumerate(some) for line in line_keys(f"account {at}", number)]
                by_turn, spent_s = _timed(
                    lambda lines=lines: do_not_call.holding(connection, TENANT, lines, now_ms, now_ms + VALID_MS)
                )
                spent["turn_us"] += spent_s / len(lines) / TURNS * 1e6
                one_by_one, spent_s = _timed(lambda lines=lines: [line for line in lines if bare(line)])
                spent["bare_us"] += spent_s / len(lines) / TURNS * 1e6
                assert sorted(by_turn) == sorted(one_by_one), "they do not find the same"
                found += len(by_turn)
            alone = [next(numbers) for _ in range(ALONE)]
            _, spent_s = _timed(lambda: [do_not_call.holding(connection, TENANT, [one], now_ms) for one in alone])
            spent["alone_us"] = spent_s / ALONE * 1e6
    finally:
        engine.dispose()
    return {**spent, "found": found, "asked": TURNS * CONTACTS}


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it gives, and its seconds."""
    began_s = time.perf_counter()
    return work(), time.perf_counter() - began_s


def number_of(at: int) -> str:
    return f"+86138{at:08}"


def _bare(url: str) -> Callable[[str], Sequence[Any] | None]:
    """The statement alone, on a connection of the driver's own."""
    file = sqlite_file(url)
    if file is not None:
        own = sqlite3.connect(file)
        return lambda line: own.execute(BARE, (TENANT, line)).fetchone()
    address = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    connection, statement = psycopg.connect(address), BARE.replace("?", "%s").encode()
    return lambda line: connection.execute(statement, (TENANT, line)).fetchone()


if __name__ == "__main__":
    print(json.dumps(asked(json.loads(sys.stdin.read()))))
