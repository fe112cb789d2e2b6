"""GET /v1/switches/{id}/commands: commands to a switch, as Server-Sent Events or as a long poll. All open ones
first. Dial orders come beside them, each once and never again (`dialling`).
"""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiohttp import web

from cti.errors import LedgerAway
from cti.gateway.context import Context
from cti.gateway.dial_outlets import PollOrders, is_stalled, orders_beside, orders_of_poll
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
    return [(row, _json_of(row, now_ms)) for row in _valid(rows, now_ms)]


def _valid(rows: Iterable[CommandRow], now_ms: float) -> list[CommandRow]:
    return [row for row in rows if row.expires_at_ms > now_ms]


def _json_of(row: CommandRow, now_ms: float) -> str:
    """The stored JSON object with `valid_for_ms` appended as its last member."""
    return f'{row.body[:-1]},"valid_for_ms":{int(row.expires_at_ms - now_ms)}}}'


async def _poll(context: Context, permit: "_Permit", after: Mapping[int, int] | None, wait_s: float) -> web.Response:
    """Answer with the open commands and dial orders at once, else with those that come within `wait_s`."""
    async with orders_of_poll(context.dialling, *permit.switch, permit.is_connected) as orders:
        rows = _valid(await _open(context, permit.subscription, after), context.log.now_ms())
        if not rows and wait_s > 0:
            rows = await _next(permit, wait_s, orders)
        dialled = [] if orders is None else await orders.taken(beside=bool(rows))
    sent = sendable(rows, context.log.now_ms())[: max(0, context.limits.long_poll_items - len(dialled))]
    marks = highest([*(after or {}).items(), *((row.partition, row.no) for row, _ in sent)])
    commands = ",".join([*(json for _, json in sent), *(json for _, json in dialled)])
    body = f'{{"commands":[{commands}],"cursor":"{token_of(marks) or NO_MARKS}"}}'
    return web.Response(body=body.encode(), content_type="application/json")


async def _next(permit: "_Permit", wait_s: float, orders: PollOrders | None) -> list[CommandRow]:
    """The inbound commands that come within `wait_s`, unless dial orders come first."""
    if orders is None:
        return await permit.next(wait_s)
    inbound, found = asyncio.create_task(permit.next(wait_s)), asyncio.create_task(orders.found())
    try:
        await asyncio.wait({inbound, found}, return_when=asyncio.FIRST_COMPLETED)
        return inbound.result() if inbound.done() else []  # what it may hold is still open, and after the cursor
    finally:
        inbound.cancel()
        found.cancel()
        await asyncio.gather(inbound, found, return_exceptions=True)


async def _stream(
    context: Context, request: web.Request, permit: "_Permit", after: Mapping[int, int] | None
) -> web.StreamResponse:
    """Stream until the client leaves or cannot keep up, its key ends, or the gateway stops."""
    subscription = permit.subscription
    await context.hub.expect_late()
    opening = await _open(context, subscription, after)
    response = web.StreamResponse(headers=STREAM_HEADERS)
    await response.prepare(request)
    stream = _Stream(context, request, response, {row.id for row in opening})

    def drop() -> None:
        subscription.end()
        if request.transport is not None:
            request.transport.abort()

    try:
        await stream.send(opening)
        async with orders_beside(context.dialling, *permit.switch, stream, permit.is_connected, drop):
            while not subscription.ended:
                await stream.send_new(await permit.next(context.limits.stream_keep_alive_s))
    except TimeoutError:
        log.warning("stream_dropped", tenant=subscription.address[0], source=subscription.address[1], waiting="write")
        drop()
    except ConnectionError:
        log.info("stream_left", tenant=subscription.address[0], source=subscription.address[1])
    return response


class _Permit:
    """A subscription that lasts as long as its client may have it, and `key_cache_s` at most beyond that: until the key
    is revoked or expires, or the switch declares another source.
    """

    def __init__(self, context: Context, asked: Asked, subscription: Subscription) -> None:
        self.subscription = subscription
        self.switch = (asked.caller.tenant, asked.request.match_info["switch"])
        self._context, self._asked = context, asked
        self._every_s = max(context.limits.key_cache_s, CHECK_MIN_S)
        self._due_s = time.monotonic() + self._every_s

    def is_connected(self) -> bool:
        """Whether the client is still there, and may still read."""
        return not self.subscription.ended and _connected(self._asked.request)

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

    def __init__(self, context: Context, request: web.Request, response: web.StreamResponse, sent: set[str]) -> None:
        self._context, self._request, self._response = context, request, response
        self._sent = sent  # ids of the opening that may come once more from the hub
        self._writing = 0

    @property
    def stalled(self) -> bool:
        """Whether something written before has not left yet."""
        return self._writing > 0 or is_stalled(self._request)

    async def send(self, rows: Iterable[CommandRow]) -> None:
        """Write the rows, or a comment when there is none to write. Raises TimeoutError for a reader that does not
        read.
        """
        texts = [(row.id, json) for row, json in sendable(rows, self._context.log.now_ms())]
        await self.send_texts(texts)

    async def send_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        """The same with commands as (id, JSON)."""
        frames = "".join(f"event: command\nid: {command_id}\ndata: {json}\n\n" for command_id, json in texts)
        self._writing += 1
        try:
            async with asyncio.timeout(self._context.limits.stream_write_s):
                await self._response.write(frames.encode() or KEEP_ALIVE)
        finally:
            self._writing -= 1

    async def send_new(self, rows: Iterable[CommandRow]) -> None:
        """The same, without those sent at the opening."""
        if self._sent:
            fresh = [row for row in rows if row.id not in self._sent]
            self._sent.difference_update(row.id for row in rows)
            rows = fresh
        await self.send(rows)
