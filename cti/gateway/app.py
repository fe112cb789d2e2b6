"""The gateway as an aiohttp application.

    app = make_app(log, reads, registry, limits, telemetry, pulse, standard=standard, ready=ready)

`log`: the event log. `reads` and `registry`: the ledger's read side and its keys and switches. `telemetry`: a
`cti.web.meter.Meter`. `pulse`: the signal that the engine of this process gives (`cti.gateway.pulse`). `standard`: what
the reads need of the profile (`cti.gateway.context.Standard`). `ready`: what /readyz asks. Serve it with
`cti.web.server.listen(app, host, port, limits)`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from typing import Any

from aiohttp import web

from cti.gateway.backpressure import Backpressure
from cti.gateway.bindings import Bindings
from cti.gateway.catching_up import CatchingUp
from cti.gateway.context import Checks, Context, LatestTime, LogWaiters, MadeOnce, Standard
from cti.gateway.dialling import DialLedger, Dialling
from cti.gateway.hub import Hub
from cti.gateway.openapi import written
from cti.gateway.pulse import Pulse
from cti.gateway.results_given import ResultsGiven
from cti.gateway.routes import routes_of
from cti.hosting import Hosted
from cti.ports import EventLog, Reads, Registry
from cti.web.auth import KeyRing
from cti.web.limits import Limits
from cti.web.meter import Meter
from cti.web.route import add_routes, answering

PROBES = frozenset({"/healthz", "/readyz", "/metrics"})


def make_app(
    log: EventLog,
    reads: Reads,
    registry: Registry,
    limits: Limits,
    telemetry: Meter,
    pulse: Pulse,
    *,
    standard: Standard,
    ready: Checks,
    probes_alone: bool = False,
    watched: Callable[[str, asyncio.Task[Any]], None] | None = None,
    hosted: Sequence[Hosted] = (),
    dial: DialLedger | None = None,
    broken: Callable[[], Mapping[str, str]] = dict,
    monotonic: Callable[[], float] = time.monotonic,
) -> web.Application:
    """Nothing is opened here; the tasks of the hub and of dial orders start and end with the application.

    `probes_alone`: of a process that has an engine and no door, /healthz, /readyz and /metrics are all. `watched` is
    called with each task. The routes of `hosted` parts are served beside the gateway's own; `broken` names those that
    /readyz shows as broken. `dial`: where dial orders are; None: nothing is dialled. `monotonic`: seconds of the clock
    that measures how long they take to leave.
    """
    bindings = Bindings(registry, limits)
    context = Context(
        log=log,
        reads=reads,
        registry=registry,
        limits=limits,
        meter=telemetry,
        standard=standard,
        ready=ready,
        broken=broken,
        bindings=bindings,
        catching_up=CatchingUp(reads, pulse, limits),
        hub=Hub(reads, pulse, limits, telemetry, log.partitions),
        results=ResultsGiven(limits),
        log_waiters=LogWaiters(limits),
        latest=LatestTime(),
        backpressure=Backpressure(reads, pulse, limits),
        openapi=MadeOnce(lambda: written(limits, [part for part, _ in hosted])),
        describing=asyncio.Semaphore(limits.calls_described),
        dialling=None if dial is None else Dialling(dial, bindings, limits, log.now_ms, monotonic),
    )
    app = web.Application(client_max_size=limits.body_bytes, middlewares=[answering(limits, telemetry)])

    routes = [route for route in routes_of(limits) if not probes_alone or route.path in PROBES]
    ring = KeyRing(registry, limits, now_ms=log.now_ms)
    add_routes(app, routes, ring, context)
    if probes_alone:
        return app
    for part, opened in hosted:
        add_routes(app, part.routes(limits), ring, opened.shared)

    app.cleanup_ctx.append(_running("commands", context.hub.run, watched))
    if context.dialling is not None:
        app.cleanup_ctx.append(_running("dial-orders", context.dialling.run, watched))

    async def end_streams(_: web.Application) -> None:
        context.hub.stop()

    app.on_shutdown.append(end_streams)
    return app


def _running(
    name: str, work: Callable[[], Coroutine[Any, Any, None]], watched: Callable[[str, asyncio.Task[Any]], None] | None
) -> Callable[[web.Application], AsyncIterator[None]]:
    """A task that lasts as long as the application."""

    async def running(_: web.Application) -> AsyncIterator[None]:
        task = asyncio.create_task(work(), name=name)
        if watched is not None:
            watched(name, task)
        yield
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    return running
