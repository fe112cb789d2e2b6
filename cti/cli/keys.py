"""`ringback keys`: make, list and revoke API keys. A key is shown once, when it is made; only its hash is kept."""

import argparse
import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from typing import Any

from cti.adapters.clock import SystemClock
from cti.adapters.store import open_store
from cti.cli.logging_setup import set_up_logging
from cti.errors import RingbackError, SettingsMistake
from cti.gateway.bindings import SWITCH_ID_PATTERN
from cti.gateway.keys import make_key
from cti.hosting import find_parts, scopes_of
from cti.ports import Registry
from cti.rows import KeyRow
from cti.settings import Settings
from cti.web.auth import SCOPES
from cti.web.instants import optional_rfc3339, rfc3339
from cti.web.query import instant

TENANT = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}\Z", re.ASCII)
SWITCH = re.compile(SWITCH_ID_PATTERN + r"\Z", re.ASCII)
DAYS = re.compile(r"([1-9][0-9]{0,3})d\Z", re.ASCII)
DAY_MS = 86_400_000
LABEL_CHARS_MAX = 200
KEY_ID_CHARS = 12
Command = Callable[[Registry, argparse.Namespace, int], Awaitable[int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """create, list, revoke."""
    parser.description = "API keys: made, listed and revoked in the ledger; the service need not run."
    commands = parser.add_subparsers(dest="keys_command", required=True, metavar="create|list|revoke")
    create = commands.add_parser("create", help="make a key and show it, this once")
    create.add_argument("--tenant", type=_tenant, required=True, help="whose events and reads it is for")
    create.add_argument("--scopes", type=_scopes, required=True, help=f"comma-separated: {', '.join(SCOPES)}, a part's")
    create.add_argument("--switches", type=_switches, default="*", help='comma-separated switch ids, or "*" (default)')
    create.add_argument("--label", type=_label, default="", help="what it is for, in your words")
    create.add_argument("--expires", type=_expiry, help="until when it is good: 90d, or 2027-01-31T00:00:00Z")
    create.set_defaults(keys_run=_create)
    listing = commands.add_parser("list", help="list all keys; no secrets")
    listing.set_defaults(keys_run=_list)
    revoke = commands.add_parser("revoke", help="end a key; it stops working within 5 s")
    revoke.add_argument("id", help="the key's id: the part between rbk_ and the secret")
    revoke.set_defaults(keys_run=_revoke)
    for command in (create, listing, revoke):
        command.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the ledger (default: RINGBACK_DB)")
        command.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: the ledger cannot be used, or there is no such key."""
    set_up_logging("warning")
    try:
        return asyncio.run(_run(args))
    except RingbackError as error:
        print(f"ringback keys: {error}", file=sys.stderr)
        return 1


async def _run(args: argparse.Namespace) -> int:
    settings = Settings.read(**({"db": args.db} if args.db else {}))
    clock = SystemClock()
    store = open_store(settings.db, clock, settings.partitions)
    command: Command = args.keys_run
    async with store:
        return await command(store.ledger, args, int(clock.now_ms()))


async def _create(registry: Registry, args: argparse.Namespace, now_ms: int) -> int:
    expires_at_ms = None if args.expires is None else args.expires(now_ms)
    if expires_at_ms is not None and expires_at_ms <= now_ms:
        print(f"ringback keys: --expires {rfc3339(expires_at_ms)} is over already", file=sys.stderr)
        return 1
    row, key = await make_key(registry, args.tenant, args.scopes, args.switches, args.label, now_ms, expires_at_ms)
    if args.json:
        print(json.dumps(shown(row) | {"key": key}, ensure_ascii=False))
    else:
        print(f"{key}\nKeep it now: it is shown this once. Its id is {row.id}.")
    return 0


async def _list(registry: Registry, args: argparse.Namespace, _now_ms: int) -> int:
    rows = sorted(await registry.keys(), key=_age)
    if args.json:
        print(json.dumps([shown(row) for row in rows], ensure_ascii=False))
        return 0
    for row in rows:
        ended = "" if row.expires_at_ms is None else f"  expires {rfc3339(row.expires_at_ms)}"
        ended += "" if row.revoked_at_ms is None else f"  revoked {rfc3339(row.revoked_at_ms)}"
        print(f"{row.id}  {row.tenant}  {row.scopes}  switches {row.switches}  {row.label}{ended}")
    return 0


def _age(row: KeyRow) -> tuple[int, str]:
    return row.created_at_ms, row.id


async def _revoke(registry: Registry, args: argparse.Namespace, now_ms: int) -> int:
    key_id = args.id.removeprefix("rbk_")[:KEY_ID_CHARS]  # a whole key is taken too
    revoked = await registry.revoke_key(key_id, now_ms)
    if args.json:
        print(json.dumps({"id": key_id, "revoked": revoked}))
    else:
        print(f"{key_id} is revoked" if revoked else f"There is no key {key_id} that is in force")
    return 0 if revoked else 1


def shown(row: KeyRow) -> dict[str, Any]:
    """A key as it may be shown: without its digest."""
    return {
        "id": row.id,
        "tenant": row.tenant,
        "scopes": row.scopes.split(),
        "switches": row.switches.split(),
        "label": row.label,
        "created_at": rfc3339(row.created_at_ms),
        "revoked_at": optional_rfc3339(row.revoked_at_ms),
        "expires_at": optional_rfc3339(row.expires_at_ms),
    }


def _tenant(value: str) -> str:
    if TENANT.match(value) is None:
        raise argparse.ArgumentTypeError("a tenant is 1 to 63 of a-z, 0-9, - and _, and starts with a letter or digit")
    return value


def _scopes(value: str) -> str:
    names = value.split(",")
    try:
        known = scopes_of(find_parts())
    except SettingsMistake as mistake:
        raise argparse.ArgumentTypeError(str(mistake)) from None
    unknown = sorted(set(names) - set(known))
    if unknown:
        raise argparse.ArgumentTypeError(f"no such scope: {', '.join(unknown)}; there are {', '.join(known)}")
    return " ".join(dict.fromkeys(names))


def _switches(value: str) -> str:
    names = value.split(",")
    if value != "*" and any(SWITCH.match(name) is None for name in names):
        raise argparse.ArgumentTypeError('switch ids are letters, digits, ".", "_" and "-", up to 64; or "*" alone')
    return " ".join(dict.fromkeys(names))


def _expiry(value: str) -> Callable[[int], int]:
    """A function that computes a key's expiry from the current time."""
    if (days := DAYS.match(value)) is not None:
        return lambda now_ms: now_ms + int(days[1]) * DAY_MS
    try:
        at_ms: int = instant("--expires", "").read(value)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"days like 90d (1 to 9999), or {error}") from None
    return lambda _now_ms: at_ms


def _label(value: str) -> str:
    if len(value) > LABEL_CHARS_MAX or not (value.isprintable() or not value):
        raise argparse.ArgumentTypeError(f"a label is printable text of at most {LABEL_CHARS_MAX} characters")
    return value
