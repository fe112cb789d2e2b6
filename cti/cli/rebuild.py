"""`ringback rebuild --into URL`: replays the event log into a fresh ledger; sends no command.

The existing log and ledger are not changed. The result is compared with the old ledger, record by record. Keys and
declared switches, which are in no log, are copied from it.
"""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.inspection import inspect_topics
from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.adapters.event_log_kafka.settings import KafkaOptions, kafka_options
from cti.adapters.event_log_kafka.topics import EVENTS
from cti.adapters.ledger.inspection import facts_of_release
from cti.adapters.ledger.rebuilding import begin_log_after, tables_at
from cti.adapters.store import MEMORY, WholeLedger, open_ledger, open_store
from cti.cli.logging_setup import set_up_logging
from cti.cli.rebuild_digest import Comparison, Digest, compare, digest
from cti.cli.rebuild_log import LogToRebuild
from cti.core.rules import RuleBook
from cti.engine.gathering import CallLimits
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.errors import LedgerAway, RingbackError, SettingsMistake
from cti.gateway.pulse import Pulse
from cti.ports import Clock, EventLog
from cti.rows import Fence, Round
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.wiring import call_limits, read_book

LOOK_MS = 200.0
TELL_EVERY_MS = 2_000.0
OWNER = "rebuild"
DIFFERS = 3
Tell = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Source:
    """The log and the ledger to rebuild from."""

    log: EventLog
    begins: Mapping[int, int]  # the last position deleted from each partition
    original: WholeLedger | None  # the existing ledger
    in_ledger: bool  # the log is in the ledger's own database


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """The result. `tenants`: compared with the original, or the digest alone where there is none."""

    entries: int
    ended: int
    live: int
    complete: bool  # the log held its first entry
    tenants: Mapping[str, Comparison | Digest]

    @property
    def differs(self) -> bool:
        """Whether a complete log gave other records. One whose start was deleted necessarily does."""
        return self.complete and any(
            isinstance(comparison, Comparison) and not comparison.equal for comparison in self.tenants.values()
        )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.description = "Replay the event log into a fresh ledger, and compare its records with the old one's."
    parser.add_argument("--into", required=True, metavar="URL", help="SQLAlchemy URL of a database that holds nothing")
    parser.add_argument("--db", metavar="URL", help="SQLAlchemy URL of the ledger that there is (default: RINGBACK_DB)")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """0: rebuilt; 1: refused or failed; 3: rebuilt, but a log that holds everything gave other records."""
    set_up_logging("warning")
    try:
        settings = Settings.read(**({"db": args.db} if args.db else {}))
        rebuilt = asyncio.run(rebuild(settings, args.into, SystemClock(), _on_standard_error))
    except RingbackError as error:
        print(f"ringback rebuild: {error}", file=sys.stderr)
        return 1
    print(json.dumps(as_json(rebuilt), ensure_ascii=False, indent=2) if args.json else as_text(rebuilt))
    return DIFFERS if rebuilt.differs else 0


async def rebuild(settings: Settings, into: str, clock: Clock, tell: Tell) -> Rebuilt:
    """Rebuild. `tell`: (entries read, entries in all), every few seconds. Raises `RingbackError`."""
    if into == MEMORY or settings.db == MEMORY:
        raise SettingsMistake("a database in memory does not outlive this command")
    held = await asyncio.to_thread(tables_at, into)
    if held:
        raise SettingsMistake(f"--into needs a database that holds nothing; this one has {', '.join(sorted(held)[:5])}")
    book = read_book(settings.profile)
    async with _source(settings, clock) as source, open_ledger(into) as target:
        log = LogToRebuild(source.log, clock, source.begins, (await source.log.end()).positions)
        if source.in_ledger:  # first of all: a service on a rebuild that broke off then refuses, and misses nothing
            await asyncio.to_thread(begin_log_after, into, log.ends, int(clock.now_ms()))
        await _prepare(target, source)
        await _work(book, call_limits(settings), log, target, clock, tell)
        return await _compared(log, target, source.original)


# -- what is read ------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _source(settings: Settings, clock: Clock) -> AsyncIterator[Source]:
    options = kafka_options(settings)
    if options is not None:
        async with _kafka_source(settings, options, clock) as source:
            yield source
        return
    facts = await asyncio.to_thread(facts_of_release, settings.db)
    async with open_store(settings.db, clock, settings.partitions, server_clock=True) as store:
        yield Source(store.log, {partition: head.purged for partition, head in facts.heads.items()}, store.ledger, True)


@contextlib.asynccontextmanager
async def _kafka_source(settings: Settings, options: KafkaOptions, clock: Clock) -> AsyncIterator[Source]:
    """The old ledger may be lost: that is what a rebuild is for."""
    facts = await inspect_topics(options, [])
    missing = [kind for kind in EVENTS if options.prefix + kind not in facts.topics]
    if missing:
        raise SettingsMistake(f"there is no topic {options.prefix}{missing[0]}: nothing to rebuild from")
    log = KafkaEventLog(options, clock)
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(log.stop)
        await log.start()
        original: WholeLedger | None = None
        try:
            await asyncio.to_thread(facts_of_release, settings.db)
            original = await stack.enter_async_context(open_ledger(settings.db, as_it_is=True))
        except (LedgerAway, SettingsMistake) as away:
            print(f"ringback rebuild: no ledger to compare with: {away}", file=sys.stderr)
        yield Source(log, facts.firsts, original, False)


# -- what is written ---------------------------------------------------------------------------------------------------


async def _prepare(target: WholeLedger, source: Source) -> None:
    """Start where the log begins; copy what no log holds."""
    claims = await target.claim(OWNER, source.log.partitions)
    await target.commit(
        Round(fences=[Fence(claim.partition, claim.epoch, source.begins[claim.partition], 0) for claim in claims])
    )
    if source.original is not None:
        for key in await source.original.keys():
            await target.add_key(key)
        for switch in await source.original.switches():
            await target.put_switch(switch)


async def _work(
    book: RuleBook, limits: CallLimits, log: LogToRebuild, target: WholeLedger, clock: Clock, tell: Tell
) -> None:
    """Run an engine until it has read everything. Raises what stops it; `LogTruncated` if retention was faster."""
    pulse = Pulse()
    engine = Engine(log, target, clock, book, CallMetrics(Telemetry()), pulse, interventions=False, limits=limits)
    await engine.start()
    turning = asyncio.create_task(engine.run())
    reported_ms = clock.now_ms()
    try:
        while True:
            moved = pulse.moved
            if log.is_read(engine.positions):
                break
            if turning.done():
                turning.result()
            await log.end()
            await clock.wait(moved, clock.now_ms() + LOOK_MS)
            if clock.now_ms() - reported_ms >= TELL_EVERY_MS:
                reported_ms = clock.now_ms()
                tell(*log.progress(engine.positions))
    finally:
        turning.cancel()
        await asyncio.gather(turning, return_exceptions=True)
        await engine.stop()
    tell(*log.progress(engine.positions))


# -- what came of it ---------------------------------------------------------------------------------------------------


async def _compared(log: LogToRebuild, target: WholeLedger, original: WholeLedger | None) -> Rebuilt:
    sources = [*await target.sources(), *(await original.sources() if original is not None else ())]
    tenants: dict[str, Comparison | Digest] = {}
    ended = 0
    for tenant in sorted({row.tenant for row in sources}):
        if original is None:
            tenants[tenant] = alone = await digest(target, tenant)
            ended += alone.records
        else:
            tenants[tenant] = both = await compare(target, original, tenant)
            ended += both.rebuilt.records
    live = 0
    async for some in target.live_calls(range(log.partitions)):
        live += len(some)
    return Rebuilt(log.progress(log.ends)[0], ended, live, log.complete, tenants)


def as_json(rebuilt: Rebuilt) -> dict[str, Any]:
    """As JSON."""
    return {
        "entries": rebuilt.entries,
        "calls": rebuilt.ended + rebuilt.live,
        "live": rebuilt.live,
        "records": rebuilt.ended,
        "log_complete": rebuilt.complete,
        "tenants": {tenant: _digests(result) for tenant, result in rebuilt.tenants.items()},
    }


def _digests(result: Comparison | Digest) -> dict[str, Any]:
    if isinstance(result, Digest):
        return result.as_json() | {"original": None}
    counts = {name: getattr(result, name) for name in ("same", "different", "missing", "new")}
    return result.rebuilt.as_json() | {"original": result.original.as_json() | counts | {"calls": result.calls}}


def as_text(rebuilt: Rebuilt) -> str:
    """For people."""
    lines = [f"{rebuilt.entries} entries: {rebuilt.ended + rebuilt.live} calls, {rebuilt.live} of them live"]
    for tenant, result in rebuilt.tenants.items():
        here = result.as_json() if isinstance(result, Digest) else result.rebuilt.as_json()
        lines.append(f"{tenant}: {here['records']} records, sha256 {here['records_sha256']}")
        if isinstance(result, Comparison) and result.equal:
            lines.append("  the same as in the ledger that there is")
        elif isinstance(result, Comparison):
            lines.append(
                f"  against the ledger that there is: {result.same} the same, {result.different} different, "
                f"{result.missing} only there, {result.new} only here: {', '.join(result.calls)}"
            )
    if not rebuilt.complete:
        lines.append("The log begins later than the ledger: what was before is missing here, or begins in the middle.")
    return "\n".join(lines)


def _on_standard_error(read: int, entries: int) -> None:
    share = f" ({read / entries:.0%})" if entries else ""
    print(f"ringback rebuild: {read} of {entries} entries{share}", file=sys.stderr)
