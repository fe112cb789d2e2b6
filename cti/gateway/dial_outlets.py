"""Where dial orders leave: into an open command stream, or with the answer to a poll."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

from aiohttp import web

from cti.gateway.dialling import ClaimedOrder, Dialling, DialSubscription, OutletBroken

FIRST_LOOK_S = 2.0  # a poll that has nothing to answer waits so long for its first look at the orders
BESIDE_S = 0.25  # one that has inbound commands to answer waits so long for a claim to begin
CLAIM_END_BESIDE_S = 1.0  # and so long for one that has begun
CLAIM_END_S = 5.0  # for a claim that has begun: what it takes is lost to this switch otherwise, and asked for


class Frames(Protocol):
    """The writing end of a command stream."""

    @property
    def stalled(self) -> bool:
        """Whether something written before has not left yet."""

    async def send_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        """Write commands given as (id, JSON). Raises TimeoutError, ConnectionError."""


class StreamOutlet:
    """Orders into a stream, written as soon as they are claimed."""

    def __init__(self, dialling: Dialling, frames: Frames) -> None:
        self._dialling, self._frames = dialling, frames

    def takes(self) -> int:
        return 0 if self._frames.stalled else self._dialling.limits.dial_claim

    async def put(self, leaving: Sequence[ClaimedOrder]) -> None:
        if not (texts := self._dialling.rendered(leaving)):
            return
        try:
            await self._frames.send_texts(texts)
        except (TimeoutError, ConnectionError) as error:
            raise OutletBroken(str(error)) from error


@asynccontextmanager
async def orders_beside(
    dialling: Dialling | None,
    tenant: str,
    switch: str,
    frames: Frames,
    alive: Callable[[], bool],
    end: Callable[[], None],
) -> AsyncIterator[None]:
    """Dial orders go into this stream, in a task of their own, while the block runs. `end` ends the stream: its reader
    is gone or does not read.
    """
    if dialling is None:
        yield
        return
    async with dialling.subscription(tenant, switch, StreamOutlet(dialling, frames), alive) as subscription:
        task = asyncio.create_task(_until_broken(subscription, end), name="dial-orders")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await subscription.leave()


async def _until_broken(subscription: DialSubscription, end: Callable[[], None]) -> None:
    try:
        await subscription.run()
    except OutletBroken:
        end()


def is_stalled(request: web.Request) -> bool:
    """Whether the connection has bytes that the system has not taken yet, or is closing."""
    transport = request.transport
    return transport is None or transport.is_closing() or transport.get_write_buffer_size() > 0


class PollOrders:
    """The dial orders of one poll: those of the first claim that finds any, so no more than the pace allows at once."""

    def __init__(self, dialling: Dialling) -> None:
        self._dialling = dialling
        self._leaving: list[ClaimedOrder] = []
        self._closed = False
        self._found = asyncio.Event()
        self._subscription: DialSubscription | None = None

    def takes(self) -> int:
        return 0 if self._closed or self._leaving else self._dialling.limits.dial_claim

    async def put(self, leaving: Sequence[ClaimedOrder]) -> None:
        self._leaving.extend(leaving)
        self._found.set()

    async def found(self) -> None:
        """Return when there are some."""
        await self._found.wait()

    async def taken(self, beside: bool) -> list[tuple[str, str]]:
        """What is to be answered, as (id, JSON); no claim begins after this. `beside`: the answer has inbound commands,
        which do not wait for a ledger that is slow.
        """
        if (subscription := self._subscription) is not None:
            with suppress(TimeoutError):
                async with asyncio.timeout(BESIDE_S if beside else FIRST_LOOK_S):
                    await subscription.looked.wait()
            self._closed = True
            with suppress(TimeoutError):
                async with asyncio.timeout(CLAIM_END_BESIDE_S if beside else CLAIM_END_S):
                    await subscription.claim_ended()
        return self._dialling.rendered(self._leaving)

    def watch(self, subscription: DialSubscription) -> None:
        """Take them from this one, once."""
        self._subscription = subscription


@asynccontextmanager
async def orders_of_poll(
    dialling: Dialling | None, tenant: str, switch: str, alive: Callable[[], bool]
) -> AsyncIterator[PollOrders | None]:
    """Looked for in a task of its own while the block runs; None: the switch takes none.

    After it the switch counts as alive for some time more, for its next poll.
    """
    if dialling is None or await dialling.ability(tenant, switch) is None:
        yield None
        return
    orders = PollOrders(dialling)
    async with dialling.subscription(tenant, switch, orders, alive) as subscription:
        orders.watch(subscription)
        task = asyncio.create_task(subscription.run(), name="dial-orders")
        try:
            yield orders
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
