"""`ringback callback`: promise a caller a call, list what was promised, cancel one."""

import argparse
import asyncio
import json
import sys
from pathlib import Path
from typing import Any

SUMMARY = "promise a caller a call: add, list, cancel"
VARIABLES = ("RINGBACK_KEY", "RINGBACK_URL")
DONE, REFUSED, USAGE = 0, 1, 2
PROMISES = ("open", "kept", "missed")
MEMBERS = ("due_at", "switch", "trunk_group", "queue", "channel", "zone", "agreed_at", "agreed_by", "reason", "result",
           "reference")  # fmt: skip
"""Of the body of POST /v1/callbacks, each an option of `add`."""
NEEDED = frozenset({"due_at", "switch", "trunk_group"})
Done = tuple[int, Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exit codes: 0 done, 1 refused, 2 usage."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    add = actions.add_parser("add", help="a call at a time; says when it is made, where the hours move it")
    add.add_argument("number", metavar="NUMBER")
    for name in MEMBERS:
        about = "RFC 3339: 2026-03-04T15:00:00+08:00" if name.endswith("_at") else None
        add.add_argument(f"--{name.replace('_', '-')}", required=name in NEEDED, help=about)
    listed = actions.add_parser("list", help="in the order of their time")
    listed.add_argument("--promise", choices=PROMISES, help="those that are open, kept or missed (default: all)")
    cancel = actions.add_parser("cancel", help="it is not wanted any more")
    cancel.add_argument("id", metavar="ID")
    for action in actions.choices.values():
        action.add_argument("--url", default=None, help="of the service (default: RINGBACK_URL)")
        action.add_argument("--key", default=None, help="an API key (default: RINGBACK_KEY)")
        action.add_argument("--json", type=Path, metavar="OUT", help="write what came of it as JSON")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 refused, 2 usage."""
    from campaigns.client.command import door_of
    from campaigns.client.terminal import Terminal

    try:
        url, key = door_of(args)
        if getattr(args, "id", None) is not None and not (args.id.isascii() and args.id.isalnum()):
            raise ValueError(f"{args.id!r} is no callback's id")
    except ValueError as mistake:
        print(f"ringback callback: {mistake}", file=sys.stderr)
        return USAGE
    return asyncio.run(_run(args, url, key, Terminal.of_process()))


async def _run(args: argparse.Namespace, url: str, key: str, terminal: Any) -> int:
    import aiohttp

    from campaigns.client.door import Away, Door, Problem

    async with aiohttp.ClientSession() as session:
        try:
            found = await _done(args, Door(session, url, key), terminal)
            if args.json is not None:
                args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        except (Problem, Away, OSError) as reason:
            print(f"ringback callback: {reason}", file=sys.stderr)
            return REFUSED
    return DONE


async def _done(args: argparse.Namespace, door: Any, terminal: Any) -> Any:
    from campaigns.client import callbacks

    if args.action == "add":
        given = {name: getattr(args, name) for name in MEMBERS}
        body = {"number": args.number} | {name: value for name, value in given.items() if value is not None}
        return await callbacks.add(door, body, terminal)
    if args.action == "list":
        return await callbacks.listed(door, args.promise, terminal)
    return await callbacks.cancel(door, args.id, terminal)
