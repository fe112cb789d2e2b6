"""`ringback serve`: gateway and engine in one process, until SIGTERM or Ctrl-C."""

import argparse
import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Collection

import structlog

from cti.adapters.clock import ScaledClock, SystemClock
from cti.cli.log_writer import LogWriter
from cti.cli.logging_setup import set_up_logging
from cti.cli.runtime import end_by_force_later, run_serving, settle_memory, stop_on_signals
from cti.errors import RingbackError
from cti.hosting import WHOLE
from cti.ports import Clock
from cti.settings import Settings
from cti.wiring import Service, serving

SPEED_MIN, SPEED_MAX = 0.01, 1000.0

log = structlog.get_logger()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_addresses(parser)
    parser.add_argument("--speed", type=speed, default=1.0, help="a faster clock, for simulations only")
    parser.add_argument("--origin-ms", type=float, help="where the faster clock starts; the same for all processes")


def add_addresses(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--db", metavar="URL", help="SQLAlchemy URL (default: RINGBACK_DB)")
    parser.add_argument("--listen", metavar="HOST:PORT", help="where to listen (default: RINGBACK_LISTEN)")


def speed(word: str) -> float:
    """How many times faster than real time."""
    found = float(word)
    if not SPEED_MIN <= found <= SPEED_MAX:
        raise argparse.ArgumentTypeError(f"a number from {SPEED_MIN:g} to {SPEED_MAX:g}")
    return found


def run(args: argparse.Namespace) -> int:
    """0 after an orderly stop; 1 when the service cannot start or had to stop."""
    return run_roles(args, WHOLE)


def run_roles(args: argparse.Namespace, roles: Collection[str]) -> int:
    """As `run`, for a process that is only a part of the product."""
    try:
        settings = settings_of(args)
    except RingbackError as error:
        print(f"ringback: {error}", file=sys.stderr)
        return 1
    writer = set_up_logging(settings.log_level)
    try:
        return run_serving(_serve(settings, clock_of(args), roles, writer))
    except (RingbackError, OSError) as error:
        log.error("cannot start", action="failed", why=str(error))
        return 1


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings, with what the command line gave."""
    given = {name: getattr(args, name) for name in ("db", "listen") if getattr(args, name, None) is not None}
    return Settings.read(**given)


def clock_of(args: argparse.Namespace) -> Clock | None:
    """The scaled clock where a speed is asked for; None: the real one."""
    if getattr(args, "speed", 1.0) == 1.0:
        return None
    return ScaledClock(SystemClock().now_ms() if args.origin_ms is None else args.origin_ms, args.speed)


async def _serve(settings: Settings, clock: Clock | None, roles: Collection[str], writer: LogWriter) -> int:
    stop = stop_on_signals()
    async with _started(stop, serving(settings, clock=clock, roles=roles)) as service:
        if service is None:
            log.info("stopping", action="stopping")
            return 0
        writer.report_to(service.telemetry.log_lines_dropped)
        settle_memory()
        log.info("serving", action="serving", url=service.url, parts=sorted(roles), settings=settings.shown())
        return await until(stop, service)


@contextlib.asynccontextmanager
async def _started(
    stop: asyncio.Event, service: contextlib.AbstractAsyncContextManager[Service]
) -> AsyncIterator[Service | None]:
    """The service once it serves; None if the stop came first: a start may wait long for servers that are away."""
    async with contextlib.AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(service))
        stopped = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopped.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.gather(starting, return_exceptions=True)
        yield None if starting.cancelled() else starting.result()


async def until(stop: asyncio.Event, service: Service) -> int:
    """Wait for the stop, or for a failure of the service: then 1."""
    service.failed.add_done_callback(lambda _: stop.set())
    await stop.wait()
    if service.failed.done() and (error := service.failed.exception()) is not None:
        end_by_force_later()
        log.error("stopped", action="failed", why=str(error))
        return 1
    log.info("stopping", action="stopping")
    return 0
