"""GET /v1/switches/{id}/commands: commands to a switch, as Server-Sent Events or as a long poll. All open ones
first.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping

import structlog
from aiohttp import web

from cti.errors import LedgerAway
from cti.gateway.context import Context
from cti.gateway.hub import Subscription
from cti.gateway.positions import highest, token_of
from cti.rows import CommandRow
from cti.web.accept import wanted
from cti.web.refusal import Refusal
from cti.web.route import Asked

log = structlog.get_logger()
EVENT_STREAM = "text/event-stream"
KEEP_ALIVE = b": keep-alive\n\n"
STREAM_HEADERS = {"Content-Type": EVENT_STREAM, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
NO_MARKS = "0:0"
CHECK_MIN_S = 0.01  # between two looks at a key


async def get_commands(context: Context, asked: Asked) -> web.StreamResponse:
    """Streams or polls, as `Accept` says. Raises Refusal."""
    request = asked.request
    source = await context.bindings.declared_source(asked.caller, request.match_info["switch"])
    media = wanted(request.headers.get("Accept"), ("application/json", EVENT_STREAM))
    subscription = await context.hub.subscribe(asked.caller.tenant, source, lambda: _connected(request))
    permit = _Permit(context, asked, subscription)
    try:
        if media == EVENT_STREAM:
            return await _stream(context, request, permit, asked.query.get("after"))
        return await _poll(context, permit, asked.query.get("after"), asked.query.get("wait_s", 0.0))
    finally:
        context.hub.unsubscribe(subscription)


def _connected(request: web.Request) -> bool:
    transport = request.transport
    return transport is not None and not transport.is_closing()


async def _open(context: Context, subscription: Subscription, after: Mapping[int, int] | None) -> list[CommandRow]:
    """The open commands of a switch, only those after `after`."""
    tenant, source = subscription.address
    rows = await context.reads.open_commands(tenant, source, context.log.now_ms(), context.limits.stream_open)
    return rows if after is None else [row for row in rows if row.no > after.get(row.partition, 0)]


def sendable(rows: Iterable[CommandRow], now_ms: float) -> list[tuple[CommandRow, str]]:
    """The rows that are still valid, each with its JSON; how long it stays so is counted from now."""
    return [(row, _json_of(row, now_ms)) for row in rows if row.expires_at_ms > now_ms]


def _json_of(row: CommandRow, now_ms: float) -> str:
    """The stored JSON object with `valid_for_ms` appended as its last member."""
    return f'{row.body[:-1]},"valid_for_ms":{int(row.expires_at_ms - now_ms)}}}'


async def _poll(context: Context, permit: "_Permit", after: Mapping[int, int] | None, wait_s: float) -> web.Response:
    """Answer with the open commands at once, else with those that come within `wait_s`."""
    sent = sendable(await _open(context, permit.subscription, after), context.log.now_ms())
    if not sent and wait_s > 0:
        sent = sendable(await permit.next(wait_s), context.log.now_ms())
    sent = sent[: context.limits.long_poll_items]
    marks = highest([*(after or {}).items(), *((row.partition, row.no) for row, _ in sent)])
    commands = ",".join(json for _, json in sent)
    body = f'{{"commands":[{commands}],"cursor":"{token_of(marks) or NO_MARKS}"}}'
    return web.Response(body=body.encode(), content_type="application/json")


async def _stream(
    context: Context, request: web.Request, permit: "_Permit", after: Mapping[int, int] | None
) -> web.StreamResponse:
    """Stream until the client leaves or cannot keep up, its key ends, or the gateway stops."""
    subscription = permit.subscription
    await context.hub.expect_late()
    opening = await _open(context, subscription, after)
    response = web.StreamResponse(headers=STREAM_HEADERS)
    await response.prepare(request)
    stream = _Stream(context, response, {row.id for row in opening})
    try:
        await stream.send(opening)
        while not subscription.ended:
            await stream.send_new(await permit.next(context.limits.stream_keep_alive_s))
    except TimeoutError:
        log.warning("stream_dropped", tenant=subscription.address[0], source=subscription.address[1], waiting="write")
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        log.info("stream_left", tenant=subscription.address[0], source=subscription.address[1])
    return response


class _Permit:
    """A subscription that lasts as long as its client may have it, and `key_cache_s` at most beyond that: until the key
    is revoked or expires, or the switch declares another source.
    """

    def __init__(self, context: Context, asked: Asked, subscription: Subscription) -> None:
        self.subscription = subscription
        self._context, self._asked = context, asked
        self._every_s = max(context.limits.key_cache_s, CHECK_MIN_S)
        self._due_s = time.monotonic() + self._every_s

    async def next(self, wait_s: float) -> list[CommandRow]:
        """As `Subscription.next`; if the permission has ended, return nothing and end the subscription."""
        until_s = time.monotonic() + wait_s
        while True:
            left_s = until_s - time.monotonic()
            rows = await self.subscription.next(min(left_s, self._due_s - time.monotonic()))
            if time.monotonic() >= self._due_s:
                if not await self._stands():
                    self.subscription.end()
                    return []
                self._due_s = time.monotonic() + self._every_s
            if rows or self.subscription.ended or time.monotonic() >= until_s:
                return rows

    async def _stands(self) -> bool:
        """A ledger that is away revokes nothing: a switch is not left without commands."""
        caller, switch = self._asked.caller, self._asked.request.match_info["switch"]
        try:
            declared = await self._context.bindings.declared_source(caller, switch)
            return declared == self.subscription.address[1] and await self._asked.still_good()
        except LedgerAway:
            return True
        except Refusal:
            return False


class _Stream:
    """The writing end of one stream."""

    def __init__(self, context: Context, response: web.StreamResponse, sent: set[str]) -> None:
        self._context, self._response = context, response
        self._sent = sent  # ids of the opening that may come once more from the hub

    async def send(self, rows: Iterable[CommandRow]) -> None:
        """Write the rows, or a comment when there is none to write. Raises TimeoutError for a reader that does not
        read.
        """
        frames = [
            f"event: command\nid: {row.id}\ndata: {json}\n\n".encode()
            for row, json in sendable(rows, self._context.log.now_ms())
        ]
        async with asyncio.timeout(self._context.limits.stream_write_s):
            await self._response.write(b"".join(frames) or KEEP_ALIVE)

    async def send_new(self, rows: Iterable[CommandRow]) -> None:
        """The same, without those sent at the opening."""
        if self._sent:
            fresh = [row for row in rows if row.id not in self._sent]
            self._sent.difference_update(row.id for row in rows)
            rows = fresh
        await self.send(rows)
