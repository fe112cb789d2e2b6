"""Kill -9 of the serving process while a file is imported, while notices leave in a batch, while a campaign is
stopped, and while messages go to a gateway; then a judgement from outside: nothing twice, nothing half.

    python -m tests.faults.crash_campaigns [--rows 200000] [--kills 6] [--seed 1] [--db URL] [--json out.json]

Exit code 0 only if nothing is as it must not be.
"""

import argparse
import asyncio
import contextlib
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp

from tests.campaigns.bills import account, bills
from tests.campaigns.open_now import Country, open_country
from tests.faults.cluster.campaign_judge import Quieted, Told, read, verdict
from tests.faults.cluster.client import Client
from tests.faults.cluster.driver_book import SWITCH
from tests.faults.cluster.waiting import pause, until
from tests.faults.desk import Desk, Refused, adds_up
from tests.faults.served import Served, made_key

TENANT, LANE, PACE = "faults", "main", 40
UPLOAD_S, AFTER_S = (0.0, 0.3), (0.0, 0.6)  # from the beginning of what is to be interrupted to the kill
MERGED_EVERY, REJECTED_EVERY = 50, 40
FALLBACK_IN_S = 8.0
IMPORTED_A_SECOND_MIN = 250  # rows, on a busy machine: all of them must be there before their deadline
READY_MAX_S = 120.0
STOP_MAX_S = 90.0
CALLED_FIRST = 5
DECLARED = {
    "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
    "trunk_groups": {LANE: {"calls_per_second": PACE, "calls_at_once": 500}},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Site:
    """One serving process and a manager's desk before it."""

    served: Served
    desk: Desk
    session: aiohttp.ClientSession
    key: str
    chance: random.Random
    folder: Path

    async def interrupted(self, work: Awaitable[Any], after_s: tuple[float, float]) -> Any:
        """The process is killed some time after the work has begun, and started again; what came of the work."""
        task = asyncio.ensure_future(work)
        try:
            await pause(self.chance.uniform(*after_s))
            await self.served.kill()
            await self.served.start(self.session)
            return await task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def campaign(self, **settings: Any) -> str:
        wanted = {"name": "Bills", "kind": "billing", "switch": SWITCH, "trunk_group": LANE, "language": "en"}
        return await self.desk.create({**wanted, **settings})

    async def started(self, numbers: Sequence[str], **settings: Any) -> str:
        """A campaign with a contact for each number, once it could be started."""
        campaign = await self.campaign(pacing={"calls_per_second": PACE, "calls_at_once": 500}, **settings)
        imported = await self.desk.bring(campaign, b"".join(bills([one] for one in numbers)))
        assert (await self.desk.imported(campaign, imported))["contacts"] == len(numbers)

        async def could() -> bool:
            try:
                await self.desk.start(campaign, len(numbers))
            except Refused as refused:
                if refused.code != "cannot_dial":
                    raise
                return False
            return True

        await until("the campaign is started", could, READY_MAX_S, 0.3)
        return campaign


@contextlib.asynccontextmanager
async def opened(db: str, seed: int, folder: Path, environment: Mapping[str, str] | None = None) -> AsyncIterator[Site]:
    """`environment`: more variables for the process. Raises Died."""
    key = await made_key(db, TENANT)
    served = Served(db, folder / "served.log", environment)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        try:
            await served.start(session)
            desk = Desk(session, [served.url], key)
            yield Site(served, desk, session, key, random.Random(seed), folder)
        finally:
            await served.stop()


# -- an import ---------------------------------------------------------------------------------------------------------


def spoilt(rows: int, country: Country) -> tuple[bytes, int, int]:
    """A file of so many rows; how many of them are to be rejected, and how many merged with the row before."""
    numbers = [[country.number(at) if at % REJECTED_EVERY else "95598"] for at in range(rows)]
    lines = list(bills(numbers))
    merged = range(1, rows, MERGED_EVERY)
    lines += [lines[1 + at] for at in merged]
    return b"".join(lines), len(range(0, rows, REJECTED_EVERY)), len(merged)


async def imports_killed(site: Site, rows: int, kills: int) -> dict[str, Any]:
    """One file; kills while it is on its way and while it is read."""
    desk, country = site.desk, open_country(time.time() * 1000, rows)
    file, rejected, merged = spoilt(rows, country)
    campaign = await site.campaign(zone=country.zone)
    number = await site.interrupted(desk.bring(campaign, file), UPLOAD_S)
    path = f"/v1/campaigns/{campaign}/imports"
    while_running = 0
    for _ in range(kills - 1):
        while_running += (await desk.ask("GET", f"{path}/{number}"))["state"] == "running"
        await site.interrupted(pause(0.0), AFTER_S)
    last = await desk.imported(campaign, number, READY_MAX_S)
    tries = 1
    while last["state"] == "failed" and tries < kills:  # it failed whole: the file is brought again
        tries += 1
        number = await desk.bring(campaign, file)
        last = await desk.imported(campaign, number, READY_MAX_S)
    all_imports: list[dict[str, Any]] = []

    async def all_ended() -> bool:
        all_imports[:] = [await desk.ask("GET", f"{path}/{at}") for at in range(1, number + 1)]
        return all(one["state"] != "running" for one in all_imports if one["sha256"])

    await until("every import has ended", all_ended, READY_MAX_S, 0.5)
    contacts = await desk.pages(f"/v1/campaigns/{campaign}/contacts", "contacts")
    wanted = {account(at) for at in range(rows) if at % REJECTED_EVERY}
    found = Counter(str(one["account"]) for one in contacts)
    counts = {"received": rows + merged, "accepted": rows - rejected, "rejected": rejected, "merged": merged}
    progress = (await desk.read(campaign))["progress"]
    return {
        "rows": rows + merged,
        "imports_done": sum(one["state"] == "done" for one in all_imports),
        "imports_failed": sum(one["state"] == "failed" for one in all_imports),
        "imports_cut_off": sum(one["state"] == "running" for one in all_imports),  # given up some minutes later
        "cut_off_with_rows": sum(one["state"] == "running" and bool(one["received"]) for one in all_imports),
        "counts_wrong": int({name: last[name] for name in counts} != counts),
        "counts": {name: last[name] for name in counts},
        "contacts": len(contacts),
        "contacts_twice": sum(count - 1 for count in found.values()),
        "contacts_missing": len(wanted - found.keys()),
        "contacts_unknown": len(found.keys() - wanted),
        "contacts_add_up": adds_up(progress, len(wanted)),
        "killed_while_running": while_running,
    }


# -- a batch of notices ------------------------------------------------------------------------------------------------


async def batches_killed(site: Site, contacts: int, kills: int) -> dict[str, Any]:
    """All contacts are owed a notice at once; kills while the notices leave, and while they are acknowledged."""
    desk, country = site.desk, open_country(time.time() * 1000, contacts)
    await desk.ask("PUT", f"/v1/switches/{SWITCH}", {"source": f"/switches/{SWITCH}", **DECLARED})
    due_s = time.time() + FALLBACK_IN_S + contacts / IMPORTED_A_SECOND_MIN
    at = datetime.fromtimestamp(due_s, UTC).isoformat(timespec="seconds")
    campaign = await site.campaign(zone=country.zone, notice_out_by=at, fallback_by=at)
    number = await desk.bring(campaign, b"".join(bills([country.number(at)] for at in range(contacts))))
    assert (await desk.imported(campaign, number))["contacts"] == contacts
    await desk.start(campaign, contacts)

    async def owed() -> bool:
        return bool((await desk.read(campaign))["progress"]["notices"]["pending"] == contacts)

    left_s = max(0.3, due_s - time.time())
    await site.interrupted(pause(left_s), (left_s - 0.3, left_s + 0.6))
    await until("every contact has a notice", owed, READY_MAX_S, 0.5)
    made = []
    for _ in range(kills):
        work = desk.ask("POST", "/v1/notice-batches", {"campaign": campaign}, key=f"batch-{len(made)}")
        made.append(str((await site.interrupted(work, (0.0, 0.05)))["id"]))
    batches = await desk.pages("/v1/notice-batches", "batches")
    inside = [
        one for batch in batches for one in (await desk.ask("GET", f"/v1/notice-batches/{batch['id']}"))["notices"]
    ]
    notices = await desk.pages(f"/v1/notices?campaign={campaign}", "notices")
    accounts = Counter(str(one["account"]) for one in notices)
    return {
        "notices": len(notices),
        "notices_twice": sum(count - 1 for count in accounts.values()),
        "notices_missing": contacts - len(accounts),
        "notices_in_two_batches": sum(count - 1 for count in Counter(str(one["id"]) for one in inside).values()),
        "notices_in_no_batch": len({one["id"] for one in notices} - {one["id"] for one in inside}),
        "notices_not_exported": sum(one["state"] != "exported" for one in notices),
        "batches_unknown": len(set(made) - {str(one["id"]) for one in batches}),
        "batches": len(batches),
    }


# -- a stop ------------------------------------------------------------------------------------------------------------


async def stops_killed(site: Site, contacts: int, kills: int) -> dict[str, Any]:
    """Campaigns are called, one after another; kills while each is stopped."""
    country = open_country(time.time() * 1000, kills * contacts)
    numbers = [country.number(at) for at in range(kills * contacts)]
    scripts = site.folder / "scripts.json"
    scripts.write_text(json.dumps({number: ["busy"] for number in numbers}), "utf-8")
    switch = Client(0, site.folder)
    stops, told = [], []
    try:
        await switch.begin(
            "tests.faults.cluster.dialled", site.key, "--doors", site.served.url, "--seed", "1", "--lanes", LANE,
            "--pace", str(PACE), "--scripts", str(scripts),
        )  # fmt: skip
        for at in range(kills):
            stop, campaign = await _stopped(site, switch, country, numbers[at * contacts : (at + 1) * contacts])
            stops.append(stop)
            told.append((campaign, contacts))
        await until("every attempt has an end", lambda: _all_ended(site.desk, told), STOP_MAX_S, 1.0)
        await switch.ended()
    finally:
        await switch.stop()
    heard = [await _what_is_told(site.desk, *one) for one in told]
    figures = verdict(read(switch.out), heard, stops, [], country.zone, PACE)
    left = sum(one.progress[state] for one in heard for state in ("waiting", "in_progress", "unknown"))
    kept = ("dials", "received_twice", "attempts_without_end", "received_after_stop", "received_unmade",
            "received_though_not_dialled", "number_twice_at_once", "above_pace", "quiet_violations")  # fmt: skip
    return {
        **{name: figures[name] for name in kept},
        "contacts_add_up": figures["contacts_add_up"],
        "contacts_left": left,
        "cancelled": sum(one.progress["cancelled"] for one in heard),
    }


async def _stopped(site: Site, switch: Client, country: Country, numbers: Sequence[str]) -> tuple[Quieted, str]:
    """One campaign, imported, started, and stopped once some of its contacts were called."""
    desk = site.desk
    before = int(switch.told.get("received", 0))
    campaign = await site.started(numbers, zone=country.zone)

    async def called() -> bool:
        switch.check()
        return int(switch.told.get("received", 0)) >= before + CALLED_FIRST

    await until("calls are made", called, READY_MAX_S)
    acknowledged_ms = await site.interrupted(desk.stop(campaign, STOP_MAX_S), (0.0, 0.3))
    return Quieted(campaign, acknowledged_ms), campaign


async def _all_ended(desk: Desk, told: Sequence[tuple[str, int]]) -> bool:
    lines = [one for campaign, _ in told for one in await desk.attempts(campaign)]
    return all(one["decision"] != "dialled" or one.get("disposition") for one in lines)


async def _what_is_told(desk: Desk, campaign: str, contacts: int) -> Told:
    return Told(campaign, contacts, (await desk.read(campaign))["progress"], await desk.attempts(campaign), [])


# -- the judgement -----------------------------------------------------------------------------------------------------

MUST_NOT_BE_0 = frozenset({
    "rows", "imports_done", "contacts", "contacts_add_up", "killed_while_running", "counts", "notices", "batches",
    "dials", "cancelled",
})  # fmt: skip
ANY = frozenset({"imports_failed", "imports_cut_off"})
TRIALS: Mapping[str, Callable[[Site, int, int], Awaitable[dict[str, Any]]]] = {
    "imports": imports_killed, "batches": batches_killed, "stops": stops_killed,
}  # fmt: skip


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    judged = {name: value for name, value in figures.items() if name not in ANY}
    wrong = [name for name, value in judged.items() if bool(value) is not (name in MUST_NOT_BE_0)]
    return wrong + (["imports_done"] if figures.get("imports_done", 1) != 1 else [])


async def tried(name: str, size: int, kills: int, seed: int, db: str, folder: Path) -> dict[str, Any]:
    """One trial; `size`: rows or contacts. Raises Died, TooLong, Refused."""
    async with opened(db, seed, folder) as site:
        return await TRIALS[name](site, size, kills)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults.crash_campaigns", description="kill -9, and a judgement")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=sorted(TRIALS))
    parser.add_argument("--db", metavar="URL", help="an empty database; without it SQLite in a temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    sizes = {"imports": args.rows, "batches": 5_000, "stops": 1_000}
    found: dict[str, Any] = {}
    for name in [args.only] if args.only else TRIALS:
        with tempfile.TemporaryDirectory(prefix="ringback-crash-") as folder:
            db = args.db or f"sqlite:///{Path(folder) / 'crash.db'}"
            figures = asyncio.run(tried(name, sizes[name], args.kills, args.seed, db, Path(folder)))
        found[name] = figures | {"failures": failures(figures)}
    text = json.dumps(found, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", "utf-8")
    return 1 if any(one["failures"] for one in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
