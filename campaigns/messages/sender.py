"""The task that sends messages: it shares the tenants' gateways with the other processes, one process a gateway."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from campaigns.context import MESSAGES, Context
from campaigns.leased_task import LeasedTask
from campaigns.messages.configured import SIMULATED, Gateway
from campaigns.messages.http_gateway import HttpGateway
from campaigns.messages.port import MessageGateway
from campaigns.messages.receipts import order_of, receipt_now, report
from campaigns.messages.sending import Sending
from campaigns.messages.simulated_gateway import SimulatedGateway
from cti.dial.ports import DialStreams
from cti.errors import LedgerAway, OutcomeUnknown
from cti.hosting import Host

IDLE_MS = 30_000.0
LANDING_S = 0.4  # a stopping process waits so long for answers; a part has half a second
SECOND_MS = 1_000

log = structlog.get_logger()
Adapter = Callable[[str, Gateway], MessageGateway]


class MessageSender(LeasedTask):
    """Without gateways it does nothing, and takes no part in the leases."""

    def __init__(self, context: Context, host: Host, streams: DialStreams, adapter: Adapter | None = None) -> None:
        """`adapter`: of a tenant's gateway; None: by its URL."""
        ownership = host.ownership(MESSAGES, sorted(context.gateways), changed=context.sending.set)
        super().__init__(host.clock, ownership, wake=context.sending)
        self._context, self._streams = context, streams
        self._adapter = adapter or self._by_url
        streams.wake_claims(context.sending)
        self.tenants: dict[str, Sending] = {}

    def _by_url(self, tenant: str, of: Gateway) -> MessageGateway:
        if of.url == SIMULATED:
            return SimulatedGateway(lambda order: self._delivered(tenant, order), self._sleep)
        loopback = self._context.settings.message_gateways_loopback
        return HttpGateway(of.url, of.keys, of.at_once, self._context.wall.wall_ms, loopback=loopback)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.wait(asyncio.Event(), self._clock.now_ms() + seconds * SECOND_MS)

    async def _delivered(self, tenant: str, order: str) -> None:
        state = await order_of(self._context, tenant, order)
        if state is not None:
            await report(self._context, state, receipt_now(self._context, order, "delivered"))

    async def start(self) -> None:
        if self._context.gateways:
            await super().start()

    async def run(self) -> None:
        if not self._context.gateways:
            return await self._clock.wait(asyncio.Event(), None)
        return await super().run()

    def next_ms(self) -> float:
        looks = [sending.look_ms for sending in self.tenants.values()]
        return min([*looks, self._clock.now_ms() + IDLE_MS])

    async def step(self) -> bool:
        """As `run`, and what is on its way is waited for."""
        if not self._context.gateways:
            return False
        sent = await super().step()
        for sending in self.tenants.values():
            await sending.landed()
        return sent

    async def _work(self) -> bool:
        """One turn of each gateway of ours, side by side; whether anything is on its way."""
        await self._apply_lease_changes()
        await asyncio.gather(*(self._turn(sending) for sending in self.tenants.values()))
        self._context.metrics.gateways_away(sum(sending.away for sending in self.tenants.values()))
        return any(sending.inflight for sending in self.tenants.values())

    async def _turn(self, sending: Sending) -> None:
        try:
            await sending.turn()
        except (LedgerAway, OutcomeUnknown) as reason:
            log.warning("messages wait", action="messages_wait", tenant=sending.tenant, why=str(reason))

    async def _apply_lease_changes(self) -> None:
        """What is on its way is waited for before its lease is released."""
        changes = self.ownership.changes()
        for tenant in (*changes.lost, *changes.release):
            if (gone := self.tenants.pop(tenant, None)) is not None:
                await gone.landed()
                await gone.close()
        self.ownership.released(changes.release)
        for lease in changes.take:
            of = self._context.gateways.get(lease.resource)
            if of is not None:  # another process's file may name more
                gateway = self._adapter(lease.resource, of)
                self.tenants[lease.resource] = Sending(self._context, self._streams, lease.resource, of, gateway)

    async def stop(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LANDING_S):
                await asyncio.gather(*(sending.landed() for sending in self.tenants.values()))
        await asyncio.gather(*(sending.close() for sending in self.tenants.values()))
        if self._context.gateways:
            await super().stop()
