#!/usr/bin/env python3
"""Makes one dial order, as a dialler makes it: a row in the ledger. For trying out a switch without a campaign.

    RINGBACK_DB=... .venv/bin/python docs/dial-order.py --tenant demo --switch outbound-quickstart --to +8613812345678
    RINGBACK_DB=... .venv/bin/python docs/dial-order.py --tenant demo --switch outbound-quickstart --ask ORDER

It prints the order's id. With --ask the order is a snapshotCall about an earlier one. Exit code 1: nobody may be called
(no live stream of the switch, or dialling is not allowed on this ledger).
"""

import argparse
import asyncio
import json
import secrets
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from cti.adapters.clock import SystemClock
from cti.adapters.store import open_store
from cti.dial.rows import DialOrderRow
from cti.dial.store import WRITER
from cti.errors import DialNotAllowed, NoDialStream
from cti.settings import Settings
from schemas.dial_orders import read_dial_order

VALID_MS = 10_000  # no makeCall is valid for longer
RING_S = 30
SCRIPT = {
    "opening": {"en": "This is 95598. If you are the account holder, press 1.", "zh": "您好，这里是95598。本人请按1。"},
    "gate": {"key": "1", "timeout_s": 10, "repeats": 2},
    "body": {"en": "Your bill is ready.", "zh": "您的电费已出账。"},
    "keys": {"1": "rightParty", "2": "wrongParty"},
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Make one dial order.")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--switch", required=True)
    parser.add_argument("--trunk-group", default="main")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", help="the number to call, in E.164")
    what.add_argument("--ask", metavar="ORDER", help="ask what became of this order")
    return parser.parse_args()


def order_of(args: argparse.Namespace, now_ms: int) -> DialOrderRow:
    """The row: its body is the command as the switch gets it, without `valid_for_ms`."""
    command = "makeCall" if args.ask is None else "snapshotCall"
    own = {"about": args.ask}
    if args.ask is None:
        own = {"to": args.to, "trunk_group": args.trunk_group, "ring_timeout_s": RING_S, "attempt": 1,
               "answering_machine": "detect", "on_answer": SCRIPT,
               "ring_until": rfc3339(now_ms + VALID_MS + RING_S * 1000)}  # fmt: skip
    body = {"id": secrets.token_hex(12), "command": command, "tenant": args.tenant, "switch": args.switch} | own
    body |= {"issued_at": rfc3339(now_ms), "expires_at": rfc3339(now_ms + VALID_MS)}
    read_dial_order(body)  # what breaks the contract is not put
    text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
    return DialOrderRow(
        body["id"], args.tenant, args.switch, f"/switches/{args.switch}", args.trunk_group, command, args.ask, text,
        now_ms, now_ms + VALID_MS,
    )  # fmt: skip


def rfc3339(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


async def put(args: argparse.Namespace) -> str:
    settings = Settings.read()
    async with open_store(settings.db, SystemClock(), settings.partitions) as store:
        if store.dial is None or store.database is None:
            sys.exit("a store in memory does not dial: set RINGBACK_DB")
        dial, row = store.dial, order_of(args, int(time.time() * 1000))

        def write(connection: Connection, orders: Sequence[DialOrderRow]) -> list[set[str]]:
            return [dial.put(connection, [order]) for order in orders]

        await store.database.writer(WRITER).run(write, row)
        return row.id


if __name__ == "__main__":
    try:
        print(asyncio.run(put(arguments())))
    except (DialNotAllowed, NoDialStream) as refusal:
        sys.exit(f"nobody is called: {type(refusal).__name__} {refusal}")
