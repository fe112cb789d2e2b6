"""A small campaign of the demonstration, from its file to its end, judged by the log of the switch that was dialled on.

A service and its simulated switch run on one fast clock that begins at 10:00 of a working day, and skips what is only
waiting: the third attempts come in the afternoon. The campaign is submitted by the product's own command. Then every
order that the switch received is an attempt that the ledger calls sent, and came once; every attempt that the ledger
calls dialled was received; and every contact has an outcome.
"""

import csv
import json
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import aiohttp

from cti.switches.simulated.demo_processes import START_S, finished, free_port, serving, until_ready
from cti.switches.simulated.reader import Reader

CONTACTS = 24
START = "2026-03-04T10:00:00+08:00"  # a Wednesday
AS_OF = date(2026, 3, 4)
SPEED = 20  # an order is good for seconds: faster, a busy machine lets it expire
CARRIED_S = 90.0  # for the campaign, once the service is ready
RATE = Decimal("0.001")  # a day, of a resident
COLUMNS = (
    "account", "name", "number", "address", "months", "arrears", "penalty_rate_per_day", "penalty_from", "as_of",
    "total_due", "pay_at",
)  # fmt: skip
SCOPES = "campaigns:read,campaigns:write,notices:export,calls:read"
FINAL = ("reached", "promised", "paid", "disputed", "fallback", "suppressed", "cancelled", "expired")


async def carried(folder: Path, session: aiohttp.ClientSession, seed: int) -> dict[str, Any]:
    """What came of it, on both sides. Raises DemoError, UnreadableError."""
    folder = folder / "campaign"
    folder.mkdir()
    port, log, file = free_port(), folder / "switch.jsonl", folder / "arrears.csv"
    url = f"http://127.0.0.1:{port}"
    write_rows(file)
    environment = os.environ | {
        "RINGBACK_DB": f"sqlite:///{folder / 'demo.db'}", "RINGBACK_LISTEN": f"127.0.0.1:{port}", "RINGBACK_URL": url,
    }  # fmt: skip
    wanted = ("keys", "create", "--tenant", "demo", "--scopes", SCOPES, "--json")
    key = str(json.loads(await finished(wanted, environment, START_S))["key"])
    site = ("--agents", "0", "--callers-per-min", "0", "--seed", str(seed), "--log", str(log))
    clock = ("--speed", str(SPEED), "--start", START, "--skip-waits")
    reader = Reader(session, url, key)
    async with serving(environment, folder, "run", *clock, *site) as service:
        await until_ready(reader, service, folder)
        await _submitted(file, folder / "out.json", environment | {"RINGBACK_KEY": key})
        [campaign] = await reader.campaigns()
        attempts = await reader.attempts(campaign["id"])
    return judged(campaign, attempts, received(log))


async def _submitted(file: Path, out: Path, environment: Mapping[str, str]) -> None:
    """Submit it and wait for its end."""
    wishes = ("--kind", "arrears", "--switch", "sim-1", "--trunk-group", "main", "--set", "pacing.calls_per_second=5")
    more = ("--set", "pacing.calls_at_once=40")
    words = ("campaign", "submit", str(file), *wishes, *more, "--yes", "--wait", "--json", str(out))
    await finished(words, environment, CARRIED_S)


def write_rows(file: Path) -> None:
    """A file as a billing centre exports it."""
    with file.open("w", encoding="utf-8-sig", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        writer.writerows(_row(number) for number in range(1, CONTACTS + 1))


def _row(number: int) -> Sequence[object]:
    owed, since = Decimal(40 + 7 * number), date(2026, 2, 1)
    days = (AS_OF - since).days + 1
    penalty = (owed * RATE * days).quantize(Decimal("0.01"), ROUND_HALF_UP)
    account, phone = f"31{number:08d}", f"138{12340000 + number}"
    return (
        account, f"客户{number}", phone, f"南昌市阳光路{number}号", "202601", f"{owed}.00", RATE, since.isoformat(),
        AS_OF.isoformat(), owed + penalty, "南昌市中山路营业厅",
    )  # fmt: skip


def received(log: Path) -> list[str]:
    """The ids of the orders to call that the switch received, in order."""
    with log.open(encoding="utf-8") as lines:
        entries = (json.loads(line) for line in lines)
        return [str(entry["id"]) for entry in entries if entry["entry"] == "makeCall"]


def judged(campaign: Mapping[str, Any], attempts: Sequence[Mapping[str, Any]], dials: Sequence[str]) -> dict[str, Any]:
    """The figures, and each difference between the ledger and the switch's log by name."""
    progress = campaign["progress"]
    outcomes = {state: progress[state] for state in FINAL if progress.get(state)}
    sent = [str(each["command"]) for each in attempts if each.get("channel") == "auto" and each.get("sent_at")]
    twice = sorted(order for order, times in Counter(dials).items() if times > 1)
    called = {str(each["command"]) for each in attempts if each["decision"] == "dialled"}
    lost, unsent = sorted(called.intersection(sent).difference(dials)), sorted(set(dials) - set(sent))
    found = [
        (campaign["state"] == "done", f"the campaign is {campaign['state']}, not done"),
        (sum(outcomes.values()) == progress["contacts"], f"outcomes {outcomes} of {progress['contacts']}"),
        (not twice, f"received twice: {twice}"),
        (not lost, f"sent, and not received: {lost}"),
        (not unsent, f"received, and not sent: {unsent}"),
    ]
    differences = [what for well, what in found if not well]
    return {
        "contacts": progress["contacts"],
        "outcomes": outcomes,
        "dispositions": progress.get("dispositions"),
        "notices": progress.get("notices"),
        "sent": len(called.intersection(sent)),
        "not_dialled": len(sent) - len(called.intersection(sent)),  # sent too late for the switch to dial them
        "dials_received": len(dials),
        "agree": not differences,
        "differences": differences,
    }
