"""/healthz, /readyz, /metrics: what a machine asks about this process."""

import asyncio

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json

from cti.gateway.context import Context
from cti.web.route import Asked

READY_S = 2.0


async def get_health(_context: Context, _asked: Asked) -> web.Response:
    """The process answers; nothing else is asked."""
    return web.Response(body=b'{"status":"ok"}', content_type="application/json")


async def get_ready(context: Context, _asked: Asked) -> web.Response:
    """Whether each dependency is well; otherwise 503 and one stable word for each that is not. No text of a driver.

    A broken part is shown beside them: the call side goes on without it.
    """
    try:
        async with asyncio.timeout(READY_S):
            checks = dict(await context.ready())
    except TimeoutError:
        checks = {"dependencies": "away"}
    ready = not any(checks.values())
    checks |= {f"part {part}": f"broken: {doing}" for part, doing in context.broken().items()}
    body = {
        "status": "ready" if ready else "not_ready",
        "checks": {name: wrong or "ok" for name, wrong in checks.items()},
    }
    return web.Response(status=200 if ready else 503, body=to_json(body), content_type="application/json")


async def get_openapi(context: Context, _asked: Asked) -> web.Response:
    """The OpenAPI document of this door, made when it is first asked for."""
    return web.Response(body=await context.openapi.whole(), content_type="application/json")


async def get_metrics(context: Context, _asked: Asked) -> web.Response:
    """Prometheus text, made in a thread: one scrape at a time, and none holds up the event loop."""
    async with context.scraping:
        body = await asyncio.to_thread(context.meter.exposition)
    return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE_LATEST})
