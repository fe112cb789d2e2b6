"""`ringback campaign`: submit a file, watch it, pause, resume, stop, freeze everything, export what came of it."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

SUMMARY = "a file of contacts becomes a campaign: submit, approve, status, pause, drain, stop, withdraw, revise, export"
VARIABLES = ("RINGBACK_KEY", "RINGBACK_URL")
NAME_CHARS_MAX = 128  # of a campaign
HERE = "http://127.0.0.1:8080"
DONE, REFUSED, USAGE = 0, 1, 2
KINDS = ("billing", "arrears", "outage", "follow-up", "reminder")
SENT = (  # arguments that go out as they came
    "switch", "trunk_group", "set", "keep", "reason", "area", "number", "starts_at", "restores_at", "start_at", "until",
)  # fmt: skip
UNREACHED = ("fallback", "expired", "cancelled", "person", "unknown")
WHAT = ("contacts", "attempts", "notices", "rejected")
Done = tuple[int, Any]
"""The exit code, and what `--json` has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Exit codes: 0 done, 1 refused, 2 usage, 3 too many rows rejected."""
    parser.description = (
        "Outbound campaigns, through the HTTP API. Exit code: 0 done, 1 refused, 2 usage, 3 rows rejected."
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add_submit(actions.add_parser("submit", help="a file becomes a campaign, which is started"))
    status = actions.add_parser("status", help="how far it is, and what happens next")
    status.add_argument("id", metavar="ID")
    status.add_argument("--watch", action="store_true", help="until every contact is final")
    start = actions.add_parser("start", help="a draft that was submitted without being started")
    start.add_argument("id", metavar="ID")
    start.add_argument("--yes", action="store_true", help="without asking")
    _add_start(start)
    _add_second_key(actions)
    for name, about in (
        ("pause", "dial no more for now"), ("resume", "go on"), ("stop", "for good"),
        ("drain", "call nobody new; what has begun goes on to its end"),
    ):  # fmt: skip
        action = actions.add_parser(name, help=about)
        which = action.add_mutually_exclusive_group(required=True)
        which.add_argument("id", metavar="ID", nargs="?")
        which.add_argument("--all", action="store_true", help="every campaign for which it makes sense")
        if name == "stop":
            action.add_argument(
                "--live", choices=("finish", "clear"), default="finish", help="what becomes of live calls"
            )
    withdraw = actions.add_parser("withdraw", help="a wrong file: nobody of that import is called any more")
    withdraw.add_argument("id", metavar="ID")
    withdraw.add_argument("n", metavar="N", type=int, help="the number of the import; 1 is the first")
    rehearse = actions.add_parser("rehearse", help="how it would go: the end, lines, deadlines; nobody is called")
    rehearse.add_argument("id", metavar="ID")
    rehearse.add_argument("--start-at", metavar="TIME", help="RFC 3339 (default: now)")
    test = actions.add_parser("test-call", help="your own number hears what contacts would hear")
    test.add_argument("id", metavar="ID")
    test.add_argument("--number", required=True, help="your own telephone")
    rerun = actions.add_parser("rerun", help="those whom an ended campaign did not reach, as a draft of their own")
    rerun.add_argument("id", metavar="ID")
    rerun.add_argument("--state", action="append", choices=UNREACHED, default=[], help="may be repeated")
    revise = actions.add_parser(
        "revise", help="an outage ends at another time, or is cancelled: who was told is told again"
    )
    revise.add_argument("id", metavar="ID")
    revise.add_argument("--area", required=True, help="of the outage, as in the file")
    revise.add_argument("--starts-at", required=True, metavar="TIME", help="when the power goes off: RFC 3339")
    change = revise.add_mutually_exclusive_group(required=True)
    change.add_argument("--restores-at", metavar="TIME", help="when it is expected back now")
    change.add_argument("--cancelled", action="store_true", help="the power stays on")
    freeze = actions.add_parser("freeze", help="nothing more is sent, for any campaign")
    freeze.add_argument("--reason", default="frozen by hand", help="for the record")
    actions.add_parser("thaw", help="the end of a freeze")
    export = actions.add_parser("export", help="into a file")
    export.add_argument("id", metavar="ID")
    export.add_argument("--what", choices=WHAT, required=True)
    export.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="attempts: NDJSON where it ends in .ndjson"
    )
    export.add_argument("--batch", metavar="ID", help="notices of a batch that was made before, instead of a new one")
    export.add_argument("--headers", choices=("en", "zh"), default="", help="the language of a CSV's headers")
    export.add_argument("--items", action="store_true", help="contacts: a row an item, which can be submitted again")
    for action in actions.choices.values():
        action.add_argument("--url", default=None, help=f"of the service (default: RINGBACK_URL, else {HERE})")
        action.add_argument("--key", default=None, help="an API key (default: RINGBACK_KEY)")
        action.add_argument("--json", type=Path, metavar="OUT", help="write what came of it as JSON")


def _add_start(action: argparse.ArgumentParser) -> None:
    action.add_argument("--start-at", metavar="TIME", help="RFC 3339: it starts by itself then")
    beside = "though another campaign of the kind has the same accounts and items"
    action.add_argument("--allow-overlap", action="store_true", help=beside)


def _add_second_key(actions: Any) -> None:
    from campaigns.client.options import setting

    approve = actions.add_parser("approve", help="by a second key, which had no hand in it")
    approve.add_argument("id", metavar="ID")
    approve.add_argument("--emergency", metavar="N", type=int, help="the exception to the quiet hours of this number")
    approve.add_argument("--yes", action="store_true", help="without asking")
    patch = actions.add_parser("patch", help="other pace, windows or priority, while it runs too")
    patch.add_argument("id", metavar="ID")
    member = "pacing.calls_at_once=5, windows=09:00-11:00,14:00-17:00, priority=2"
    patch.add_argument("--set", type=setting, action="append", required=True, metavar="KEY=VALUE", help=member)
    emergency = actions.add_parser("emergency", help="an exception to the quiet hours of an outage")
    emergency.add_argument("id", metavar="ID")
    emergency.add_argument("--reason", help="for the record")
    emergency.add_argument("--until", metavar="TIME", help="RFC 3339; a day from now at the latest")
    emergency.add_argument("--end", action="store_true", help="before its time")


def _add_submit(submit: argparse.ArgumentParser) -> None:
    from campaigns.client.options import most, setting

    submit.add_argument("file", type=Path, metavar="FILE", help="CSV, xlsx or NDJSON as it was exported")
    submit.add_argument("--sheet", default="", metavar="NAME", help="of a workbook (default: the first that is shown)")
    submit.add_argument("--kind", choices=KINDS, required=True)
    submit.add_argument("--switch", required=True)
    submit.add_argument("--trunk-group", required=True)
    member = "of the campaign: attempts_max=2, pacing.calls_at_once=5, closed_dates=2026-05-01"
    submit.add_argument("--set", type=setting, action="append", default=[], metavar="KEY=VALUE", help=member)
    submit.add_argument("--keep", default="", metavar="NAME,...", help="other columns of the file to keep")
    limit = "beyond it the campaign stays a draft, exit code 3 (default: 5 percent)"
    submit.add_argument("--max-rejected", type=most, default=most("5%"), metavar="LIMIT", help=f"5%% or 20: {limit}")
    submit.add_argument("--yes", action="store_true", help="start without asking")
    _add_start(submit)
    submit.add_argument("--wait", action="store_true", help="until every contact is final")


def run(args: argparse.Namespace) -> int:
    """0 done, 1 refused, 2 usage, 3 rows rejected."""
    from campaigns.client.terminal import Terminal

    terminal = Terminal.of_process()
    try:
        url, key = door_of(args)
        _check(args, terminal)
    except ValueError as mistake:
        print(f"ringback campaign: {mistake}", file=sys.stderr)
        return USAGE
    return asyncio.run(_run(args, url, key, terminal))


def door_of(args: argparse.Namespace) -> tuple[str, str]:
    """Address and key. Raises ValueError."""
    url = args.url or os.environ.get("RINGBACK_URL") or HERE
    key = args.key or os.environ.get("RINGBACK_KEY") or ""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a service: http://HOST:PORT")
    if not key or not key.isascii() or not key.isprintable():
        raise ValueError("no API key: --key, or RINGBACK_KEY")
    return url, key


def _check(args: argparse.Namespace, terminal: Any) -> None:
    """Raises ValueError for what cannot be done, before anything is."""
    try:
        json.dumps([getattr(args, name, None) for name in SENT], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise ValueError("an argument is not UTF-8") from None
    if args.action in {"submit", "start", "approve"} and not args.yes and terminal.ask is None:
        raise ValueError("nobody can be asked here: --yes goes on without asking")
    if args.action == "emergency" and args.end is bool(args.reason or args.until):
        raise ValueError("emergency takes --reason and --until, or --end")
    if args.action == "emergency" and not args.end and not (args.reason and args.until):
        raise ValueError("emergency takes --reason and --until")
    if args.action == "patch":
        args.body = _members_of(args)
    if args.action == "submit":
        if not args.file.is_file():
            raise ValueError(f"{args.file} is no file")
        args.body = _campaign_of(args)
    if getattr(args, "batch", None) and args.what != "notices":
        raise ValueError("--batch belongs to --what notices")
    if getattr(args, "items", False) and args.what != "contacts":
        raise ValueError("--items belongs to --what contacts")
    if getattr(args, "id", None) is not None and not (args.id.isascii() and args.id.isalnum()):
        raise ValueError(f"{args.id!r} is no campaign's id")


def _members_of(args: argparse.Namespace) -> dict[str, Any]:
    """The body of PATCH /v1/campaigns/ID. Raises ValueError."""
    from campaigns.client.options import campaign_of

    return campaign_of(args.set)


def _start_of(args: argparse.Namespace) -> dict[str, Any]:
    """The options of a start, beside the number of contacts."""
    at = {} if args.start_at is None else {"start_at": args.start_at}
    return {**at, **({"allow_overlap": True} if args.allow_overlap else {})}


def _campaign_of(args: argparse.Namespace) -> dict[str, Any]:
    """The body of POST /v1/campaigns. Raises ValueError."""
    from campaigns.client.lines import clean
    from campaigns.client.options import campaign_of

    given = {
        "name": clean(args.file.stem, NAME_CHARS_MAX),
        "kind": args.kind,
        "switch": args.switch,
        "trunk_group": args.trunk_group,
    }
    return given | campaign_of(args.set)


async def _run(args: argparse.Namespace, url: str, key: str, terminal: Any) -> int:
    import aiohttp

    from campaigns.client.door import Away, Door, Problem

    async with aiohttp.ClientSession() as session:
        try:
            code, found = await RUN[args.action](args, Door(session, url, key), terminal)
        except (Problem, Away, OSError) as reason:
            print(f"ringback campaign: {reason}", file=sys.stderr)
            code, found = REFUSED, {"problem": getattr(reason, "body", None) or {"detail": str(reason)}}
    if args.json is None:
        return code
    try:
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as reason:
        print(f"ringback campaign: {reason}", file=sys.stderr)
        return code or REFUSED
    return code


async def _submit(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.submission import Wish, submit

    wish = Wish(args.file, args.body, args.max_rejected, args.yes, args.wait, args.keep, args.sheet, _start_of(args))
    return await submit(door, wish, terminal)


async def _status(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.door import needed
    from campaigns.client.lines import status_lines
    from campaigns.client.watching import until_over

    if args.watch:
        return DONE, await until_over(door, args.id, terminal)
    found = await door.get(f"/campaigns/{args.id}")
    needed(found, id=str, state=str, progress=dict)
    terminal.say(*status_lines(found))
    return DONE, found


async def _start(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.actions import start

    found = await start(door, args.id, args.yes, terminal, _start_of(args))
    return (REFUSED if found is None else DONE), found


async def _approve(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.second_key import approve, approve_emergency

    if args.emergency is None:
        found = await approve(door, args.id, args.yes, terminal)
    else:
        found = await approve_emergency(door, args.id, args.emergency, args.yes, terminal)
    return (REFUSED if found is None else DONE), found


async def _patch(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.second_key import patch

    return DONE, await patch(door, args.id, args.body, terminal)


async def _emergency(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.second_key import ask_emergency, end_emergency

    if args.end:
        return DONE, await end_emergency(door, args.id, terminal)
    return DONE, await ask_emergency(door, args.id, args.reason, args.until, terminal)


async def _act(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.actions import act, act_on_all

    body = {"live": args.live} if args.action == "stop" else {}
    if args.all:
        every = await act_on_all(door, args.action, body, terminal)
        return (REFUSED if any("problem" in answer for answer in every.values()) else DONE), every
    return DONE, await act(door, args.action, args.id, body, terminal)


async def _withdraw(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.withdrawing import withdraw

    found = await withdraw(door, args.id, args.n, terminal)
    return (DONE if found["acknowledged"] else REFUSED), found


async def _rehearse(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.planning import rehearse

    return DONE, await rehearse(door, args.id, args.start_at, terminal)


async def _test_call(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.planning import test_call

    return DONE, await test_call(door, args.id, args.number, terminal)


async def _rerun(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.planning import rerun

    return DONE, await rerun(door, args.id, args.state, terminal)


async def _revise(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.revising import revise

    change = {"cancelled": True} if args.cancelled else {"restores_at": args.restores_at}
    body = {"where": {"area": args.area, "starts_at": args.starts_at}, "set": change}
    found = await revise(door, args.id, body, terminal)
    return (DONE if found["acknowledged"] else REFUSED), found


async def _freeze(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.actions import freeze

    return DONE, await freeze(door, args.reason, terminal)


async def _thaw(_args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.actions import thaw

    return DONE, await thaw(door, terminal)


async def _export(args: argparse.Namespace, door: Any, terminal: Any) -> Done:
    from campaigns.client.exporting import Ask, export

    said = await export(door, args.id, args.what, args.out, Ask(args.batch, args.headers, args.items))
    terminal.say(f"{args.out}: {said}")
    return DONE, {"campaign": args.id, "what": args.what, "out": str(args.out), "said": said}


RUN: dict[str, Callable[[argparse.Namespace, Any, Any], Awaitable[Done]]] = {
    "submit": _submit,
    "status": _status,
    "start": _start,
    "approve": _approve,
    "patch": _patch,
    "emergency": _emergency,
    **dict.fromkeys(("pause", "resume", "stop", "drain"), _act),
    "withdraw": _withdraw,
    "rehearse": _rehearse,
    "rerun": _rerun,
    "test-call": _test_call,
    "revise": _revise,
    "freeze": _freeze,
    "thaw": _thaw,
    "export": _export,
}
