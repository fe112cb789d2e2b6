"""A whole campaign of a file's rows through the real service, on a virtual clock, to the end of its last deadline.

    python -m tests.campaigns.whole --rows FILE --kind arrears --db URL --start 2026-03-04T09:00:00+08:00 --seed 7
        [--json out.json]

The seed decides what becomes of each call. The result is one JSON object: counts, figures, `violations`, and `digest`,
which is of what became of every contact and is the same on SQLite and PostgreSQL. Exit code 1: something is violated.
`--db`: an empty database, which is upgraded first; `sqlite` and `postgresql` name one of the test's own.
"""

import argparse
import asyncio
import csv
import hashlib
import io
import json
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from sqlalchemy import Connection, func, select

from campaigns.ledger.tables import FAR, campaigns, contacts
from cti.cli.logging_setup import set_up_logging
from tests.campaigns import never
from tests.campaigns.never import QUIET
from tests.campaigns.scripted_switch import CALLS_PER_SECOND
from tests.campaigns.seen import Seen, Violation, read
from tests.campaigns.stage import Stage, stage
from tests.campaigns.submitted import Submitted, submit
from tests.replay.campaigns import DATABASES
from tests.replay.cases import ms_of
from tests.replay.vectors import stores

HOUR_MS = 3_600_000
WORDS_EACH = 8  # of a number; the last repeats
MIX = {
    "reached": 34, "noAnswer": 24, "busy": 9, "hangUpEarly": 6, "noGate": 3, "poweredOff": 5, "machine": 5,
    "q850:21": 2, "congestion": 1.5, "failedOther": 1, "invalid": 2, "q850:28": 0.5, "suspended": 1, "fax": 0.5,
    "refused:busy": 1, "refused:expired": 0.5, "refused:error": 0.3, "refused:duplicate": 0.2, "silence": 0.5,
    "neverSeen": 1, "key0NoAgent": 1,
}  # fmt: skip
MIX_OF_MESSAGES = {"sms:delivered": 80.0, "sms:undeliverable": 20.0}
ENCODINGS = ("utf-8-sig", "gb18030")
DELIMITERS = ",;\t"
ACCOUNT, ZONE = ("account", "户号", "用户编号", "客户编号"), ("zone", "时区")
SUMS = "received is accepted + rejected + merged"
ADD_UP = "the outcomes add up to contacts"
SENT = "makeCalls received are the attempts that were sent"


class SeededWords(Mapping[str, Sequence[str]]):
    """What becomes of each call to a number: drawn by the seed and the number alone."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def __getitem__(self, number: str) -> Sequence[str]:
        random = Random(f"whole:{self._seed}:{number}")
        calls = random.choices(list(MIX), list(MIX.values()), k=WORDS_EACH)
        return [*calls, random.choices(list(MIX_OF_MESSAGES), list(MIX_OF_MESSAGES.values()))[0]]

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Whole(NamedTuple):
    """What was asked for."""

    file: bytes
    kind: str
    start_ms: int
    seed: int


# -- the campaign ------------------------------------------------------------------------------------------------------


async def played(asked: Whole, url: str) -> dict[str, Any]:
    """The figures of the campaign after its last deadline."""
    zones = zones_of_rows(asked.file)
    async with stage(url, asked.start_ms, "s1", SeededWords(asked.seed), ["main"]) as it:
        it.zones |= {zone for of_row in zones.values() for zone in of_row}
        pacing = {"calls_per_second": 5, "calls_at_once": 50}
        name = {"name": "whole", "kind": asked.kind, "switch": "s1", "trunk_group": "main", "pacing": pacing}
        started = await submit(it, name, asked.file)
        await it.to(await end_ms(it) + HOUR_MS)
        return await told(it, started, zones)


async def end_ms(it: Stage) -> int:
    """When the last deadline is past."""
    assert it.it.store.database is not None
    return max(it.now_ms, await it.it.store.database.reader.run(_last_deadline))


def _last_deadline(connection: Connection) -> int:
    of_contacts = [contacts.c.notice_out_by_ms, contacts.c.fallback_by_ms, contacts.c.expires_at_ms]
    of_campaign = [campaigns.c.notice_out_by_ms, campaigns.c.fallback_by_ms, campaigns.c.expires_at_ms]
    found = [connection.execute(select(func.max(column))).scalar() for column in (*of_contacts, *of_campaign)]
    return max((at_ms for at_ms in found if at_ms is not None and at_ms < FAR), default=0)


def zones_of_rows(file: bytes) -> dict[str, frozenset[str]]:
    """Account -> the zones that its rows name; read here once more, for the judge."""
    text = next(_decoded(file))
    delimiter = max(DELIMITERS, key=text.split("\n", 1)[0].count)
    found: dict[str, frozenset[str]] = {}
    for row in csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter):
        account = next((str(row[name]).strip() for name in ACCOUNT if row.get(name)), "")
        named = next((str(row[name]) for name in ZONE if row.get(name)), "")
        found[account] = found.get(account, frozenset()) | {zone.strip() for zone in named.split(";") if zone.strip()}
    return found


def _decoded(file: bytes) -> Iterator[str]:
    if file[:2] in (b"\xff\xfe", b"\xfe\xff"):
        yield file.decode("utf-16")
    for encoding in ENCODINGS:
        try:
            yield file.decode(encoding)
        except UnicodeDecodeError:
            continue


# -- what came of it ---------------------------------------------------------------------------------------------------


async def told(it: Stage, started: Submitted, zones: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    assert it.it.store.database is not None
    ledger = await it.it.store.database.reader.run(read)
    seen = Seen(it.switch.log(), ledger, zones, {}, CALLS_PER_SECOND)
    campaign, rows, notices = await started.campaign(), await started.contacts(), await started.notices()
    attempts = await started.attempts()
    found = [*never.violations(seen), *never.unended(seen)]
    found += _sums(started.counts, campaign, rows) + _sent(seen)
    made = [one for each in attempts.values() for one in each if one["decision"] != "refused"]
    return {
        "import": {name: started.counts[name] for name in ("received", "accepted", "rejected", "merged", "contacts")},
        "state": campaign["state"],
        "outcomes": dict(sorted(Counter(row["state"] for row in rows).items())),
        "attempts": len(made),
        "counted": sum(one["counted"] for one in made),
        "dispositions": dict(sorted(Counter(str(one.get("disposition")) for one in made).items())),
        "notices": dict(sorted(Counter(row["state"] for row in notices).items())),
        "makeCalls": len(it.switch.orders_of("makeCall")),
        "sendMessages": len(it.switch.orders_of("sendMessage")),
        "rings": len(seen.log.rings),
        "quiet_violations": sum(one.kind == QUIET for one in found),
        "violations": [f"{one.kind}: {one.what}" for one in found],
        "digest": digest(rows, attempts, notices, started.id),
    }


def _sums(counts: Mapping[str, Any], campaign: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[Violation]:
    progress = campaign["progress"]
    states = ("waiting", "in_progress", "unknown", "person", *never.FINAL)
    checks = {
        SUMS: (counts["received"], counts["accepted"] + counts["rejected"] + counts["merged"]),
        ADD_UP: (progress["contacts"], sum(progress.get(state, 0) for state in states)),
        f"{ADD_UP}, one by one": (len(rows), progress["contacts"]),
    }
    checks |= {
        f"progress counts {state}": (progress.get(state, 0), sum(row["state"] == state for row in rows))
        for state in states
    }
    return [Violation(name, f"{one} and {other}") for name, (one, other) in checks.items() if one != other]


def _sent(seen: Seen) -> list[Violation]:
    """Every makeCall that came in is an attempt of the channel auto that was sent, and the other way round."""
    came = {order for _, order, _ in seen.log.arrivals}
    sent = {one.command for one in seen.ledger.attempts if one.channel == "auto" and one.sent_at_ms is not None}
    return [Violation(SENT, f"{len(came)} and {len(sent)}: {sorted(came ^ sent)[:5]}")] if came != sent else []


def digest(
    rows: Sequence[Mapping[str, Any]], attempts: Mapping[str, Any], notices: Sequence[Mapping[str, Any]], campaign: str
) -> str:
    """Of what became of every contact; names that are drawn anew for each campaign are left out."""
    by_account = {row["account"]: row["state"] for row in notices}
    results = [
        [row["account"], row["state"], by_account.get(row["account"]), attempts.get(row["contact"], [])] for row in rows
    ]
    plain = json.dumps(sorted(results, key=lambda result: str(result[0])), sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(plain.replace(campaign, "campaign").encode()).hexdigest()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=Path, required=True, metavar="FILE")
    parser.add_argument("--kind", required=True, choices=("billing", "arrears", "outage"))
    parser.add_argument("--db", required=True, metavar="URL")
    parser.add_argument("--start", type=ms_of, required=True, metavar="TIME", help="RFC 3339")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    set_up_logging("error")  # standard output is the result alone
    asked = Whole(args.rows.read_bytes(), args.kind, args.start, args.seed)
    if args.db in DATABASES:
        with stores(args.db) as fresh:
            found = asyncio.run(played(asked, fresh()))
    else:
        found = asyncio.run(played(asked, args.db))
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    if args.json:
        args.json.write_text(text, "utf-8")
    sys.stdout.write(text)
    return 1 if found["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
