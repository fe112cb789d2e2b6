"""`ringback dead-letters`: list, show and replay entries that were set aside. The service may be running."""

import argparse
import asyncio
import base64
import contextlib
import json
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Sequence
from datetime import datetime
from typing import Any

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.settings import kafka_options
from cti.adapters.ledger.inspection import facts_of_release
from cti.adapters.store import MEMORY, open_ledger, open_store
from cti.cli.dead_letters_replay import LetterId, Replay, Verdict, verdicts, waiting_letters
from cti.cli.logging_setup import set_up_logging
from cti.errors import RingbackError, SettingsMistake
from cti.hosting import find_parts, topics_of
from cti.ports import DeadLetters
from cti.rows import DeadLetterFilter, DeadLetterLine, DeadLetterRow
from cti.settings import Settings
from cti.web.instants import ms_of, optional_rfc3339, rfc3339
from schemas.reasons import DeadLetter

LETTER_ID = re.compile(r"([0-9]{1,4}):([0-9]{1,18})\Z", re.ASCII)
LIMIT, LIMIT_MAX = 100, 10_000
DETAIL_CHARS_SHOWN = 100
Command = Callable[[Settings, argparse.Namespace], Coroutine[Any, Any, int]]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """list, show, replay."""
    parser.description = "Entries of the log that could not be used, byte for byte with their reason."
    commands = parser.add_subparsers(dest="letters_command", required=True, metavar="list|show|replay")
    listing = commands.add_parser("list", help="those that wait, the oldest first")
    listing.add_argument("--limit", type=_limit, default=LIMIT, help=f"lines of a page (default {LIMIT})")
    listing.add_argument("--after", type=_cursor, metavar="CURSOR", help="go on where a page ended")
    listing.add_argument("--all", action="store_true", help="also those that were replayed")
    listing.set_defaults(letters_run=_list)
    show = commands.add_parser("show", help="one, its bytes on standard output, what is known of it on standard error")
    show.add_argument("letter_id", type=_letter_id, metavar="PARTITION:POSITION")
    show.set_defaults(letters_run=_show)
    replay = commands.add_parser("replay", help="judge again, append to the log what can be used, and mark it")
    replay.add_argument("letter_ids", type=_letter_id, nargs="*", metavar="PARTITION:POSITION")
    replay.add_argument("--dry-run", action="store_true", help="only say what would be replayed")
    replay.add_argument("--again", action="store_true", help="also what was replayed before, where given by position")
    replay.set_defaults(letters_run=_replay)
    for command in (listing, replay):
        command.add_argument("--reason", choices=list(DeadLetter), help="only those of this reason")
        command.add_argument("--tenant", help="only those of this tenant")
        command.add_argument("--since", type=_instant, metavar="TIME", help="only those appended since (RFC 3339)")
    for command in (listing, show, replay):
        command.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the ledger (default: RINGBACK_DB)")
        command.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: done; 1: a letter is not there or stays, or the store cannot be used; 2: letters were named wrongly."""
    set_up_logging("warning")
    if args.letters_command == "replay" and (mistake := _mistake(args)):
        print(f"ringback dead-letters replay: {mistake}", file=sys.stderr)
        return 2
    try:
        settings = Settings.read(**({"db": args.db} if args.db else {}))
        if settings.db == MEMORY:
            raise SettingsMistake("a ledger in memory is visible only to its own process")
        facts_of_release(settings.db)  # reading creates no ledger, and upgrades none under a running service
        command: Command = args.letters_run
        return asyncio.run(command(settings, args))
    except RingbackError as error:
        print(f"ringback dead-letters: {error}", file=sys.stderr)
        return 1


# -- list --------------------------------------------------------------------------------------------------------------


async def _list(settings: Settings, args: argparse.Namespace) -> int:
    wanted = DeadLetterFilter(args.reason, args.tenant, args.since, waiting=not args.all)
    async with open_ledger(settings.db, as_it_is=True) as ledger:
        lines = await ledger.dead_letters(wanted, args.after, args.limit)
    cursor = cursor_of(lines[-1]) if len(lines) == args.limit else None
    if args.json:
        print(json.dumps({"letters": [_as_json(line) for line in lines], "after": cursor}))
        return 0
    for line in lines:
        replayed = "" if line.replayed_at_ms is None else f"  replayed {rfc3339(line.replayed_at_ms)}"
        letter_id = f"{line.partition}:{line.position}"
        print(
            f"{letter_id:<14} {rfc3339(line.at_ms)}  {line.reason:<15} {line.tenant}  {line.size} bytes{replayed}  "
            f"{plain(line.detail)[:DETAIL_CHARS_SHOWN]}"
        )
    if cursor is not None:
        print(f"more: --after {cursor}", file=sys.stderr)
    return 0


def cursor_of(line: DeadLetterLine) -> str:
    """The end of a page, in the form of `--after`."""
    return f"{line.at_ms}:{line.partition}:{line.position}"


def _as_json(line: DeadLetterLine) -> dict[str, Any]:
    return {
        "place": f"{line.partition}:{line.position}",
        "tenant": line.tenant,
        "reason": line.reason,
        "detail": line.detail,
        "appended_at": rfc3339(line.at_ms),
        "bytes": line.size,
        "replayed_at": optional_rfc3339(line.replayed_at_ms),
    }


def plain(text: str, kept: str = "") -> str:
    """Untrusted text for a terminal: escapes what is neither printable nor in `kept`."""
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in text
    )


# -- show --------------------------------------------------------------------------------------------------------------


async def _show(settings: Settings, args: argparse.Namespace) -> int:
    async with open_ledger(settings.db, as_it_is=True) as ledger:
        letter = await ledger.dead_letter(*args.letter_id)
    if letter is None:
        print(f"There is no dead letter {args.letter_id[0]}:{args.letter_id[1]}", file=sys.stderr)
        return 1
    line = DeadLetterLine(*letter[:6], len(letter.body), letter.replayed_at_ms)
    if args.json:
        print(json.dumps(_as_json(line) | _body(letter)))
        return 0
    for name, value in _as_json(line).items():
        print(f"{name}: {plain(str(value))}", file=sys.stderr)
    if sys.stdout.isatty():
        print(plain(letter.body.decode("utf-8", "backslashreplace"), kept="\n\t"))
        return 0
    sys.stdout.buffer.write(letter.body)
    sys.stdout.buffer.flush()
    return 0


def _body(letter: DeadLetterRow) -> dict[str, str | None]:
    """The bytes as text where they are UTF-8, and always in base64."""
    try:
        text: str | None = letter.body.decode()
    except UnicodeDecodeError:
        text = None
    return {"body": text, "body_base64": base64.b64encode(letter.body).decode()}


# -- replay ------------------------------------------------------------------------------------------------------------


async def _replay(settings: Settings, args: argparse.Namespace) -> int:
    stayed = 0
    async with contextlib.aclosing(_verdicts(settings, args)) as found:
        async for verdict in found:
            stayed += verdict.state == "stays"
            print(json.dumps(_verdict(verdict)) if args.json else _said(verdict))
    return 1 if stayed else 0


def _mistake(args: argparse.Namespace) -> str:
    if bool(args.letter_ids) == (args.reason is not None):
        return "give either positions or a --reason"
    if args.letter_ids and (args.tenant is not None or args.since is not None):
        return "--tenant and --since go with a --reason; positions name dead letters one by one"
    if args.again and not args.letter_ids:
        return "--again needs positions: a replay by --reason never repeats what was replayed"
    return ""


async def _verdicts(settings: Settings, args: argparse.Namespace) -> AsyncGenerator[Verdict]:
    """A dry run needs no log and creates nothing."""
    clock, wanted = SystemClock(), DeadLetterFilter(args.reason, args.tenant, args.since)
    topics = topics_of(find_parts())
    if args.dry_run:
        async with open_ledger(settings.db, as_it_is=True) as ledger:
            named = _named(args, ledger, wanted, clock.now_ms())
            async for verdict in verdicts(ledger, named, topics, again=args.again):
                yield verdict
        return
    async with open_store(
        settings.db, clock, settings.partitions, server_clock=True, kafka=kafka_options(settings)
    ) as store:
        replay = Replay(store.log, store.ledger, topics, store.topics, again=args.again)
        async for verdict in replay.run(_named(args, store.ledger, wanted, store.log.now_ms())):
            yield verdict


def _named(
    args: argparse.Namespace, letters: DeadLetters, wanted: DeadLetterFilter, before_ms: float
) -> AsyncIterator[LetterId]:
    return _each(args.letter_ids) if args.letter_ids else waiting_letters(letters, wanted, before_ms)


async def _each(letter_ids: Sequence[LetterId]) -> AsyncIterator[LetterId]:
    for letter_id in dict.fromkeys(letter_ids):
        yield letter_id


def _verdict(verdict: Verdict) -> dict[str, Any]:
    at = None if verdict.at is None else f"{verdict.at[0]}:{verdict.at[1]}"
    letter_id = f"{verdict.letter_id[0]}:{verdict.letter_id[1]}"
    return {"place": letter_id, "state": verdict.state, "position": at, "why": verdict.why}


def _said(verdict: Verdict) -> str:
    shown = _verdict(verdict)
    at = f" as {shown['position']}" if shown["position"] else ""
    return f"{shown['place']} {verdict.state}{at}" + (f": {plain(verdict.why)}" if verdict.why else "")


# -- arguments ---------------------------------------------------------------------------------------------------------


def _letter_id(word: str) -> LetterId:
    found = LETTER_ID.match(word)
    if found is None:
        raise argparse.ArgumentTypeError("a position is PARTITION:POSITION, as the list shows it")
    return int(found[1]), int(found[2])


def _cursor(word: str) -> tuple[int, int, int]:
    parts = word.split(":")
    if len(parts) != 3 or not all(re.fullmatch(r"[0-9]{1,18}", part) for part in parts):
        raise argparse.ArgumentTypeError("a cursor is what the page before said")
    return int(parts[0]), int(parts[1]), int(parts[2])


def _limit(word: str) -> int:
    if not (word.isascii() and word.isdigit() and 1 <= int(word) <= LIMIT_MAX):
        raise argparse.ArgumentTypeError(f"1 to {LIMIT_MAX}")
    return int(word)


def _instant(word: str) -> int:
    try:
        at = datetime.fromisoformat(word)
    except ValueError:
        raise argparse.ArgumentTypeError("an RFC 3339 time, like 2026-03-02T01:00:00Z") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError("a time with its offset, like 2026-03-02T09:00:00+08:00")
    return ms_of(at)
