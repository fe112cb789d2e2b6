"""A file of bills, imported over HTTP on both databases, beside the least that any import does: parse, normalise, COPY.

python -m tests.benchmarks.campaign_files    the baseline: a job on standard input, its seconds on standard output
"""

import csv
import io
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from sqlalchemy import make_url

from campaigns.imports.numbers import Number, normalised
from tests.benchmarks.figures import Figure, against
from tests.benchmarks.processes import Spoken, done, spoken
from tests.benchmarks.product import pause
from tests.benchmarks.stores import Fresh
from tests.benchmarks.wire import Door, Lane
from tests.campaigns.bills import HEADER, bills

ROWS, RUNS, MILLION = 200_000, 3, 1_000_000
IMPORTED_MAX_S, ROWS_A_SECOND_LEAST = 240.0, 1_000
LOOK_S = 0.05
MIB = 1 << 20
TABLE = "bench_contacts"
COPIED = (
    "id", "campaign", "tenant", "no", "account", "name", "address", "customer_class", "phones", "items", "hours_class",
    "next_at_ms",
)  # fmt: skip
MAKE = (
    f"CREATE TABLE {TABLE} (id text PRIMARY KEY, campaign text, tenant text, no int8, account text, name text,"
    " address text, customer_class text, phones text, items text, hours_class text, next_at_ms int8)"
)
SETTINGS = {"name": "A benchmark", "kind": "billing", "switch": "bench-calls", "trunk_group": "main"}


def figures(stores: Mapping[str, Fresh], size: int | None, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """`size`: rows of the file. The baseline is on PostgreSQL, in the same run, beside both."""
    rows = size or (ROWS // 10 if quick else ROWS)
    yield from _of_rows(stores, "import", rows, 1 if quick or size else RUNS, heard)


def of_a_million(stores: Mapping[str, Fresh], quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Once: what is not constant in a file's length shows here."""
    if quick:
        heard.append("left out: it takes minutes")
    else:
        yield from _of_rows(stores, "import_million", MILLION, 1, heard)


def _of_rows(stores: Mapping[str, Fresh], name: str, rows: int, runs: int, heard: list[str]) -> Iterator[Figure]:
    with _file(rows) as path, stores["postgresql"]() as bare_url:
        for store, suffix in (("postgresql", ""), ("sqlite", "_sqlite")):
            with stores[store]() as url:
                yield from _of_store(name, suffix, url, bare_url, path, rows, runs, heard)


def _of_store(
    name: str, suffix: str, url: str, bare_url: str, path: Path, rows: int, runs: int, heard: list[str]
) -> Iterator[Figure]:
    """The whole product is one process, and its peak is measured over all runs."""
    imported, bare, cpu = [], [], []
    with spoken("tests.benchmarks.server", "--db", url, "--part", "whole") as server:
        said = server.heard()
        door, before = Door(said["url"], said["key"]), _peak_mb(server)
        for _ in range(runs):
            began_s = server.asked()["cpu_s"]
            imported.append(rows / _imported(door, path.read_bytes(), rows))
            used_us = (server.asked()["cpu_s"] - began_s) / rows * 1e6
            job = {"db": bare_url, "path": str(path)}
            one = done("tests.benchmarks.campaign_files", job, within_s=max(IMPORTED_MAX_S, rows / ROWS_A_SECOND_LEAST))
            bare.append(rows / one["seconds"])
            cpu.append((used_us, one["cpu_s"] / rows * 1e6))
            heard.append(
                f"imported {imported[-1]:,.0f} rows/s, {used_us:.1f} us of its own a row; parsed, normalised and"
                f" copied {bare[-1]:,.0f} rows/s, {cpu[-1][1]:.1f} us"
            )
        peak = _peak_mb(server)
    yield against(f"{name}_rows{suffix}", imported, bare, "rows/s", rows)
    used, bare_used = median(one for one, _ in cpu), median(one for _, one in cpu)
    yield Figure(f"{name}_cpu{suffix}", used, "us", bare_used, runs=runs, batch=rows)
    yield Figure(f"{name}_memory{suffix}", peak, "MB", before)


def _peak_mb(server: Spoken) -> float:
    """What the server had in memory at most, so far."""
    return float(server.asked()["rss_kib"]) * 1024 / MIB


@contextmanager
def _file(rows: int) -> Iterator[Path]:
    """Mainland mobiles, as a billing centre has them."""
    with tempfile.TemporaryDirectory(prefix="ringback-bench-") as folder:
        path = Path(folder) / "bills.csv"
        with path.open("wb") as out:
            out.writelines(bills([f"138{at:08}"] for at in range(rows)))
        yield path


def _imported(door: Door, file: bytes, rows: int) -> float:
    """Seconds from the first byte of a file to the import's end."""
    made = door.ask("POST", "/v1/campaigns", SETTINGS)
    assert made.status == 201, made
    path = f"/v1/campaigns/{made.json()['id']}/imports"
    began_s, most_s = time.monotonic(), max(IMPORTED_MAX_S, rows / ROWS_A_SECOND_LEAST)
    with door.connected() as connection:
        connection.settimeout(most_s)
        connection.sendall(door.request("POST", f"{path}?file=bills.csv", file, "text/csv"))
        lane = Lane(connection)
        answers = lane.received()
        while not answers:
            answers = lane.received()
    assert answers[0].status == 202, answers
    found: dict[str, Any] = {"state": "running"}
    while found["state"] not in ("done", "failed") and time.monotonic() - began_s < most_s:
        pause(LOOK_S)
        found = door.ask("GET", f"{path}/1").json()
    assert (found["state"], found["contacts"]) == ("done", rows), found
    return time.monotonic() - began_s


def copied(job: dict[str, Any]) -> dict[str, Any]:
    """The baseline. The table has a primary key and no other index."""
    address = make_url(job["db"]).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(address) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(MAKE)
        connection.commit()
        began_s, used_s, now_ms = time.perf_counter(), time.process_time(), int(time.time() * 1000)
        with connection.cursor() as cursor, cursor.copy(f"COPY {TABLE} ({', '.join(COPIED)}) FROM STDIN") as copy:
            for no, row in enumerate(_rows(Path(job["path"])), start=1):
                copy.write_row(_contact(no, row, now_ms))
        connection.commit()
        return {"seconds": time.perf_counter() - began_s, "cpu_s": time.process_time() - used_s}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with io.TextIOWrapper(path.open("rb"), "utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _contact(no: int, row: dict[str, str], now_ms: int) -> tuple[Any, ...]:
    number = normalised(row["number"])
    assert isinstance(number, Number), number
    phones = json.dumps([[number.e164, list(number.zones)]])
    item = json.dumps([{name: row[name] for name in HEADER[6:]}])
    return (
        f"c-{no}", "c", "bench", no, row["account"], row["name"], row["address"], row["class"], phones, item,
        "1|resident|Asia/Shanghai", now_ms,
    )  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(copied(json.loads(sys.stdin.read()))))
