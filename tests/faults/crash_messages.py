"""Kill -9 of the serving process while messages go to a real gateway over HTTP and its receipts come back; then a
judgement by the gateway's own log: no message twice, none that nobody made, and what was delivered is known.

    python -m tests.faults.crash_messages [--contacts 1000] [--kills 12] [--seed 1] [--db URL] [--json out.json]

A message that was claimed and had not left when its process was killed is never sent again: it stays unknown, and of
those there are at most AT_ONCE for each kill. Exit code 0 only if nothing is as it must not be.
"""

import argparse
import asyncio
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

from campaigns.messages.signing import headers_of
from tests.campaigns.messages.gateway_server import SECRET, gateway_server
from tests.campaigns.messages.scripted_gateway import WHSEC
from tests.campaigns.open_now import open_country
from tests.faults.cluster.driver_book import SWITCH
from tests.faults.cluster.waiting import pause, until
from tests.faults.crash_campaigns import DECLARED, READY_MAX_S, TENANT, Site, opened
from tests.faults.desk import adds_up

A_SECOND, AT_ONCE = 100, 8
ANSWER_S = 0.05  # of the gateway, so that messages are on their way when their process is killed
RECEIPT_AGAIN_S = 0.2
KILL_AFTER_S = (0.2, 1.0)
LEFT = ("waiting",)


class Receipts:
    """The gateway's word on each message, signed, and repeated under one id until it is taken."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session, self.door = session, ""
        self.refused: list[str] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def message(self, request: web.Request) -> web.StreamResponse:
        """Take a message; its receipt leaves before the answer does, as it may."""
        body = json.loads(await request.read())
        task = asyncio.create_task(self._deliver(str(body["reference"])))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        await pause(ANSWER_S)
        return web.Response(status=202)

    async def _deliver(self, reference: str) -> None:
        at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        body = json.dumps({"reference": reference, "status": "delivered", "at": at}).encode()
        while (status := await self._posted(reference.replace(".", "_"), body)) in (0, 429, 503):
            await pause(RECEIPT_AGAIN_S)
        if status != 200:
            self.refused.append(f"{reference}: {status}")

    async def _posted(self, id_: str, body: bytes) -> int:
        """The answer's status; 0: there was none."""
        signed = headers_of([SECRET], id_, int(time.time()), body)
        headers = {"Content-Type": "application/json", **signed}
        try:
            async with self._session.post(f"{self.door}/v1/message-receipts", data=body, headers=headers) as answered:
                return answered.status
        except (aiohttp.ClientError, ConnectionError):
            return 0

    async def none_under_way(self) -> bool:
        return not self._under_way

    async def stop(self) -> None:
        for task in self._under_way:
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)


async def tried(contacts: int, kills: int, seed: int, db: str, folder: Path) -> dict[str, Any]:
    """The figures. Raises Died, TooLong, Refused."""
    async with aiohttp.ClientSession() as session:
        receipts = Receipts(session)
        async with gateway_server(receipts.message) as gateway:
            file = folder / "gateways.toml"
            file.write_text(
                f'[{TENANT}]\nurl = "{gateway.url}"\nsecrets = ["{WHSEC}"]\n'
                f"messages_per_second = {A_SECOND}\nat_once = {AT_ONCE}\n", "utf-8",
            )  # fmt: skip
            environment = {"RINGBACK_MESSAGE_GATEWAYS": str(file), "RINGBACK_MESSAGE_GATEWAYS_LOOPBACK": "true"}
            try:
                async with opened(db, seed, folder, environment) as site:
                    receipts.door = site.served.url
                    campaign = await _messaged(site, contacts, kills, gateway.ids)
                    await until("every receipt is taken", receipts.none_under_way, READY_MAX_S)
                    await until("nobody waits", lambda: _is_over(site, campaign, gateway.received), READY_MAX_S, 0.5)
                    return await _judged(site, campaign, contacts, kills, gateway.received) | {
                        "receipts_refused": len(receipts.refused)
                    }
            finally:
                await receipts.stop()


async def _messaged(site: Site, contacts: int, kills: int, received: list[str]) -> str:
    """A campaign whose messages leave, with kills between; the campaign."""
    country = open_country(time.time() * 1000, contacts)
    await site.desk.ask("PUT", f"/v1/switches/{SWITCH}", {"source": f"/switches/{SWITCH}", **DECLARED})
    numbers = [country.number(at) for at in range(contacts)]
    campaign = await site.started(numbers, zone=country.zone, channels=["sms"])
    for _ in range(kills):
        before = len(received)

        async def more(before: int = before) -> bool:
            return len(received) > before or len(received) >= contacts

        await until("messages leave", more, READY_MAX_S, 0.02)
        await site.interrupted(pause(0.0), KILL_AFTER_S)
    return campaign


async def _is_over(site: Site, campaign: str, received: list[dict[str, Any]]) -> bool:
    """Nobody waits, and what was received has its end."""
    progress = (await site.desk.read(campaign))["progress"]
    reached = len({one["reference"] for one in received})
    return not any(progress[state] for state in LEFT) and progress["reached"] >= reached


async def _judged(
    site: Site, campaign: str, contacts: int, kills: int, received: list[dict[str, Any]]
) -> dict[str, Any]:
    lines = [line for line in await site.desk.attempts(campaign) if line["decision"] == "dialled"]
    made = {str(line["command"]): line for line in lines}
    counts = Counter(str(one["id"]) for one in received)
    people = Counter(str(one["to"]) for one in received)
    lost = made.keys() - counts.keys()
    progress = (await site.desk.read(campaign))["progress"]
    return {
        "messages": len(received),
        "received_twice": sum(count - 1 for count in counts.values()),
        "received_by_a_person_twice": sum(count - 1 for count in people.values()),
        "received_unmade": len(counts.keys() - made.keys()),
        "received_without_end": sum(made[id_].get("disposition") != "reached" for id_ in counts if id_ in made),
        "reached_unreceived": sum(made[id_].get("disposition") == "reached" for id_ in lost),
        "lost": len(lost),
        "lost_above_bound": max(0, len(lost) - AT_ONCE * kills),
        "contacts_add_up": adds_up(progress, contacts),
        "contacts_left": sum(progress[state] for state in LEFT),
        "contacts_neither_reached_nor_lost": contacts - progress["reached"] - len(lost),
        "kills": site.served.kills,
    }


MUST_NOT_BE_0 = frozenset({"messages", "contacts_add_up", "kills"})
ANY = frozenset({"lost"})


def failures(figures: Mapping[str, Any]) -> list[str]:
    """What is not as it must be."""
    return [name for name, found in figures.items() if name not in ANY and bool(found) is not (name in MUST_NOT_BE_0)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.faults.crash_messages", description="kill -9, and a judgement")
    parser.add_argument("--contacts", type=int, default=1_000)
    parser.add_argument("--kills", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--db", metavar="URL", help="an empty database; without it SQLite in a temporary folder")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="ringback-crash-") as folder:
        db = args.db or f"sqlite:///{Path(folder) / 'crash.db'}"
        figures = asyncio.run(tried(args.contacts, args.kills, args.seed, db, Path(folder)))
    found = figures | {"failures": failures(figures)}
    text = json.dumps(found, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", "utf-8")
    return 1 if found["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
