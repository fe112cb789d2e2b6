"""The dialler as a task of the part: it shares the lanes with the other diallers, and turns each that it owns."""

import asyncio
from contextlib import suppress

import structlog

from campaigns.context import LANES, Context
from campaigns.dialler.clocks import ClockGuard
from campaigns.dialler.open_hours import OpenHours
from campaigns.dialler.orders import Callers
from campaigns.dialler.turn import LaneDialler
from campaigns.kinds import Text
from campaigns.leased_task import lease_changes
from campaigns.ledger import lanes
from campaigns.ledger.lanes import Lane
from cti.errors import Fenced, LedgerAway, OutcomeUnknown
from cti.hosting import Host

LANES_MS = 1_000  # how often a process that is woken, or stepped, looks for new lanes and at its leases
UNTOLD_MS = 5_000  # how often new lanes are looked for though nothing was told

log = structlog.get_logger()


class Dialler:
    """`Task` of `cti.hosting`."""

    def __init__(self, context: Context, host: Host) -> None:
        self._context = context
        said = context.settings
        self._callers = Callers(Text(said.caller_zh, said.caller_en), said.call_back)
        self.ownership = host.ownership(LANES, changed=context.woken.set)
        self.lanes: dict[str, LaneDialler] = {}  # ours
        self._known: dict[str, Lane] = {}
        self._clocks, self._hours = ClockGuard(), OpenHours()
        self._looked_ms = float("-inf")
        self._shares = False  # `run` looks at the leases in a task beside

    @property
    def steady(self) -> bool:
        """Whether the clocks are believed. Otherwise nobody is called."""
        return self._clocks.steady

    async def start(self) -> None:
        await self.ownership.start()

    async def run(self) -> None:
        self._shares = True
        sharing = asyncio.create_task(self.ownership.run())
        try:
            while True:
                await self.step()
                await self._context.clock.wait(self._context.woken, self.next_ms())
        finally:
            sharing.cancel()
            with suppress(asyncio.CancelledError):
                await sharing

    def next_ms(self) -> float:
        looks = [lane.look_ms for lane in self.lanes.values()]
        return min([*looks, self._looked_ms + (UNTOLD_MS if self._shares else 30 * LANES_MS)])

    async def step(self) -> bool:
        """One turn of each lane that something may have changed for; whether anything was written."""
        woken, now_ms = self._context.woken.is_set(), self._context.clock.now_ms()
        self._context.woken.clear()
        await self._look(woken=woken)
        wrote = False
        for lane in list(self.lanes.values()):
            if woken or lane.look_ms <= now_ms:
                wrote = await self._turn(lane) or wrote
        return wrote

    async def stop(self) -> None:
        await self.ownership.stop()

    # -- lanes ---------------------------------------------------------------------------------------------------------

    async def _look(self, *, woken: bool) -> None:
        now_ms = self._context.clock.now_ms()
        if not woken and now_ms < self._looked_ms + LANES_MS:
            return
        self._looked_ms = now_ms
        try:
            await self._add()
            if not self._shares:
                await self.ownership.turn()
        except (LedgerAway, OutcomeUnknown) as reason:
            log.warning("lanes wait", action="lanes_wait", why=str(reason))
        self._apply_lease_changes()

    async def _add(self) -> None:
        """Lanes of campaigns that are new, and those of earlier ones: a late fact may come."""
        known = await self._context.reader.run(lanes.known)
        new = await self._context.reader.run(lanes.under_way) - known
        if new:
            await self._context.writer.run(lanes.put_all, new)
        more = {lane.id: lane for lane in known | new if lane.id not in self._known}
        if more:
            await self.ownership.add(sorted(more))
            self._known |= more

    def _apply_lease_changes(self) -> None:
        gone, taken = lease_changes(self.ownership)
        for resource in gone:
            self.lanes.pop(resource, None)
        for lease in taken:
            lane = self._known.get(lease.resource) or lanes.lane_of(lease.resource)
            self.lanes[lease.resource] = LaneDialler(
                self._context, lane, lease.epoch, self._clocks, self._hours, self._callers
            )

    async def _turn(self, lane: LaneDialler) -> bool:
        try:
            done = await lane.turn()
        except Fenced as fenced:
            self._context.metrics.turn("fenced")
            for gone in fenced.resources:
                self.lanes.pop(gone, None)
            self.ownership.lost(fenced.resources)
            return False
        return done.ended == "committed"
