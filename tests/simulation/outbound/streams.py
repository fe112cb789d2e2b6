"""A gateway's command streams to one switch, stepped: each is a subscription as the gateway has it, and a connection
that may be cut, be slow, or stay behind when the gateway dies."""

import asyncio
from collections.abc import Sequence

from pydantic_core import from_json

from cti.adapters.clock import VirtualClock
from cti.errors import LedgerAway, OutcomeUnknown
from cti.gateway.bindings import Bindings
from cti.gateway.dial_outlets import StreamOutlet
from cti.gateway.dialling import DialLedger, Dialling, DialSubscription, OutletBroken
from cti.web.limits import Limits
from tests.scheduler import TENANT
from tests.simulation.outbound.faults import Held, Ports
from tests.simulation.outbound.site import Site
from tests.simulation.outbound.switch import LoggedSwitch

STEPS_MAX = 10  # turns at one instant


class GatewayClock:
    """The clock by which one gateway measures; it may be set back."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.off_ms = 0.0

    def now_ms(self) -> float:
        return self._clock.now_ms() + self.off_ms

    def monotonic_s(self) -> float:
        return self._clock.now_ms() / 1000


class Gateway:
    """One gateway process beside the scene's own, with its streams."""

    def __init__(self, site: Site, switch: LoggedSwitch, ports: Ports, meter: DialLedger) -> None:
        self.clock = GatewayClock(site.it.clock)
        limits = Limits()
        bindings = Bindings(site.it.store.ledger, limits)
        self.dialling = Dialling(meter, bindings, limits, self.clock.now_ms, self.clock.monotonic_s)
        self._switch, self._ports = switch, ports

    def connect(self, name: str) -> "Stream":
        return Stream(name, self, self._switch, self._ports)


class Stream:
    """The frames of one connection, and its subscription. `step` is one look of it."""

    def __init__(self, name: str, gateway: Gateway, switch: LoggedSwitch, ports: Ports) -> None:
        self.name, self.gateway = name, gateway
        self.connected, self.stalled, self.ended = True, False, False
        self._switch, self._ports = switch, ports
        outlet = StreamOutlet(gateway.dialling, self)
        self._subscription = DialSubscription(gateway.dialling, TENANT, switch.name, outlet, lambda: self.connected)
        self._task: asyncio.Task[float] | None = None
        self._held: Held | None = None

    @property
    def is_held(self) -> bool:
        """Its claim has been made, and has not come back."""
        return self._held is not None

    async def send_texts(self, texts: Sequence[tuple[str, str]]) -> None:
        """Bytes on their way: they arrive unless the line is cut."""
        if self.connected and not self._switch.gone:
            for _, json in texts:
                self._switch.receive(from_json(json), self.name)

    async def step(self) -> None:
        """Turns, until nothing more is to be done now or a claim is held."""
        if self.is_held or self.ended:
            return
        for _ in range(STEPS_MAX):
            self._task = asyncio.create_task(self._subscription.turn())
            if not await self._until_held() or await self._over() > 0:
                return

    async def _until_held(self) -> bool:
        """Whether the turn came to its end; else its claim is held."""
        assert self._task is not None
        parked = asyncio.create_task(self._ports.parked.wait())
        await asyncio.wait({self._task, parked}, return_when=asyncio.FIRST_COMPLETED)
        if not parked.done():
            parked.cancel()
            await asyncio.gather(parked, return_exceptions=True)
            return True
        self._ports.parked.clear()
        self._held, self._ports.held = self._ports.held, None
        return False

    async def _over(self) -> float:
        """Seconds until the next turn."""
        assert self._task is not None
        try:
            return await self._task
        except (LedgerAway, OutcomeUnknown):
            return 1.0
        except OutletBroken:
            await self.cut()
            return 1.0

    async def go_on(self) -> None:
        """The held claim comes back, and what it took is written or not."""
        if self._held is not None and self._task is not None:
            self._held.go.set()
            self._held = None
            await asyncio.wait({self._task})
            await self._over()

    async def cut(self) -> None:
        """The line breaks, and the gateway notices."""
        self.connected = False
        await self.go_on()
        await self._subscription.leave()
        await self.die()

    async def die(self) -> None:
        """The gateway is killed: nobody leaves, and what was claimed is not written."""
        self.ended, self._held = True, None
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._subscription.close()
