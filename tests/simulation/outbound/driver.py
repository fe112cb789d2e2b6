"""A dialling process in the place of the dialler: it owns the lane by a lease, and turns step by step, so that the
scheduler may kill it, stop it or put anything else between any two steps."""

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import Any

from sqlalchemy import Connection

from cti.adapters.clock import VirtualWallClock
from cti.dial.rows import MAKE_CALL, OrderState
from cti.dial.store import WRITER
from cti.errors import DialNotAllowed, Fenced, LedgerAway, NoDialStream, OutcomeUnknown
from cti.leases import sql as leases
from cti.leases.ports import Lease, NamedLeases, Wanted
from tests.scheduler import TENANT
from tests.simulation.outbound import book
from tests.simulation.outbound.book import LANE, Conflict
from tests.simulation.outbound.decisions import Owner, Plan, Reading, decided
from tests.simulation.outbound.site import Site

GROUP = "simulated-diallers"
JUMP_MS = 1_000  # clocks that part by more were set
LOOKS_TO_BELIEVE = 2


class Driver:
    """`name`: of one start of the process. `pace`: what it takes for the lane's, in calls a second."""

    def __init__(self, site: Site, switch: str, name: str, pace: int, counted: Counter[str]) -> None:
        self.name, self.number, self.taken_over_ms = name, 0, 0
        self.lease: Lease | None = None
        self.wall = VirtualWallClock(site.it.clock)
        self.commit_fate: str | None = None  # away | unknown | unwritten
        self.two_calls: list[str] = []
        self._site, self._switch, self._pace, self._counted = site, switch, pace, counted
        self._slots: dict[str, int | None] = {}
        self._agreeing = LOOKS_TO_BELIEVE
        self._turn: AsyncIterator[str] | None = None

    @property
    def _lanes(self) -> NamedLeases:
        return self._site.it.store.leases(GROUP)

    # -- the lane ------------------------------------------------------------------------------------------------------

    async def take_lane(self, number: int) -> bool:
        """Take the lane from whoever has it, by compare-and-set; whether it is ours now. `number`: of this taking."""
        await self._lanes.join(self.name, [LANE])
        seen = await self._lanes.holdings()
        (lane,) = seen.resources
        wanted = Wanted(lane.resource, lane.epoch, seen.heartbeats.get(lane.owner))
        taken = await self._lanes.take(self.name, [wanted])
        if taken:
            self.lease, self.number = taken[0], number
            self.taken_over_ms, self._slots = self._site.now_ms, {}
        return bool(taken)

    # -- a turn --------------------------------------------------------------------------------------------------------

    async def step(self) -> str:
        """The next step of the turn; a turn that has ended begins anew."""
        if self._turn is None:
            self._turn = self._steps()
        try:
            return await anext(self._turn)
        except StopAsyncIteration:
            self._turn = None
            return "ended"

    async def whole_turn(self) -> None:
        """What is left of this turn, or a new one."""
        while await self.step() != "ended":
            pass

    def kill(self) -> None:
        """The process is gone, wherever it is; another start of it knows nothing."""
        self._turn, self.lease, self._slots = None, None, {}

    async def _steps(self) -> AsyncIterator[str]:
        if self.lease is None:
            return
        yield "began"
        dial, source = self._site.dial, f"/switches/{self._switch}"
        standing = await dial.standing(TENANT, self._switch, source)
        self._look_at_clocks(standing.at_ms)
        yield "standing"
        orders = await dial.read_orders(TENANT, self._switch, LANE)
        yield "orders"
        facts = await dial.read_facts(TENANT, self._switch, LANE)
        yield "facts"
        attempts, lane = await self._site.database.reader.run(book.read)
        yield "attempts"
        self._count_slots(orders, standing.at_ms)
        plan = decided(Reading(standing, orders, facts, attempts, lane), self._as_owner())
        yield "decided"
        if plan and await self._committed(plan):
            yield "committed"
            dial.made()

    def _look_at_clocks(self, ledger_ms: int) -> None:
        """Where the time of day and the ledger's clock part, nothing is dialled until later looks agree."""
        apart = abs(self.wall.wall_ms() - ledger_ms) > JUMP_MS
        self._agreeing = 0 if apart else min(self._agreeing + 1, LOOKS_TO_BELIEVE)
        if apart:
            self._counted["clock_not_believed"] += 1

    def _count_slots(self, orders: Sequence[OrderState], now_ms: int) -> None:
        """An order keeps its place in the pace until a second after it was sent, or until it has expired unsent."""
        seen = {one.order.id: one for one in orders if one.order.command == MAKE_CALL}
        for order_id, order in seen.items():
            self._slots[order_id] = order.sent_at_ms
            if order.sent_at_ms is None and order.order.expires_at_ms <= now_ms:
                del self._slots[order_id]
        for order_id, sent_at_ms in list(self._slots.items()):
            gone = sent_at_ms is None and order_id not in seen  # withdrawn
            if gone or (sent_at_ms is not None and sent_at_ms < now_ms - 1_000):
                del self._slots[order_id]

    def _as_owner(self) -> Owner:
        assert self.lease is not None
        believed = self._agreeing >= LOOKS_TO_BELIEVE
        return Owner(self.number, self.taken_over_ms, self._slots, believed, self._pace, self._switch)

    async def _committed(self, plan: Plan) -> bool:
        """One transaction; the fence last."""
        lease, fate = self.lease, self.commit_fate
        self.commit_fate = None
        assert lease is not None
        try:
            if fate in {"away", "unwritten"}:
                self._counted[f"commit_{fate}"] += 1
                raise LedgerAway("before the commit") if fate == "away" else OutcomeUnknown("before the commit")
            await self._site.database.writer(WRITER).run(self._write, (plan, lease))
            self.two_calls += plan.two_calls
            if fate == "unknown":
                self._counted["commit_unknown"] += 1
                raise OutcomeUnknown("after the commit")
        except (LedgerAway, OutcomeUnknown):
            return False  # whatever was written is read by the next turn
        except (Conflict, NoDialStream, DialNotAllowed) as fault:
            self._counted[f"turn_{type(fault).__name__}"] += 1
            return False
        except Fenced:
            self._counted["fenced"] += 1
            self.lease = None
            return False
        return True

    def _write(self, connection: Connection, asked: Sequence[tuple[Plan, Lease]]) -> Sequence[Any]:
        dial = self._site.dial
        for plan, lease in asked:
            book.still(connection, plan.lane)
            book.replace(connection, plan.changed)
            if dial.settle(connection, plan.settled) != {one.order.id for one in plan.settled}:
                raise Conflict("orders have changed")
            book.note_not_dialled(connection, plan.not_dialled)
            dial.acknowledge(connection, plan.acknowledged)
            if plan.put and dial.put(connection, plan.put) != {one.id for one in plan.put}:
                raise Conflict("orders are there")
            leases.hold(connection, GROUP, {LANE: lease.epoch})
        return [None] * len(asked)
