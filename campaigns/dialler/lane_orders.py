"""The orders of a lane that are not settled, as a turn reads them: what never changes of an order is read once."""

from collections.abc import Iterable, Sequence

from campaigns.ledger.lanes import Lane
from cti.dial.ports import DialOrders
from cti.dial.rows import DialFact, OrderState

ORDERS_PAGE, STANDINGS_PAGE, ORDERS_MAX = 1_000, 5_000, 100_000  # read at a time; of a lane
LATE_MAX = 50  # settled orders that are read anew in one turn, because facts have come


class LaneOrders:
    """Of a lane's owner. An order of which nothing has changed is the same object turn by turn."""

    def __init__(self, dial: DialOrders, lane: Lane) -> None:
        self._dial, self._lane = dial, lane
        self._kept: dict[int, OrderState] = {}  # by number
        self._late: dict[str, OrderState] = {}

    async def read(self) -> list[OrderState]:
        """All, by number."""
        kept, found, new = self._kept, dict[int, OrderState](), list[int]()
        after_no, is_all = 0, False
        while not is_all and len(found) + len(new) < ORDERS_MAX:
            page = await self._dial.read_standings(*self._of_lane(), after_no, STANDINGS_PAGE)
            for row in page:
                known = kept.get(row[0])
                if known is None:
                    new.append(row[0])
                else:
                    found[known.no] = known if known[1:] == row else OrderState(known.order, *row)
            after_no, is_all = page[-1][0] if page else 0, len(page) < STANDINGS_PAGE
        if new:
            found |= {one.no: one for one in await self._after(new[0] - 1)}
        self._kept = dict(sorted(found.items())) if new else found
        return list(self._kept.values())

    async def _after(self, after_no: int) -> list[OrderState]:
        """In full, beyond a number."""
        found: list[OrderState] = []
        while len(found) < ORDERS_MAX:
            page = await self._dial.read_orders(*self._of_lane(), found[-1].no if found else after_no, ORDERS_PAGE)
            found += page
            if len(page) < ORDERS_PAGE:
                break
        return found

    async def late(self, orders: Sequence[OrderState], facts: Iterable[DialFact]) -> dict[str, OrderState]:
        """The settled orders that facts have come for."""
        ids = {fact.commandid for fact in facts} - {one.order.id for one in orders}
        self._late = {id_: one for id_, one in self._late.items() if id_ in ids}
        for id_ in sorted(ids - self._late.keys())[:LATE_MAX]:
            order = await self._dial.order(self._lane.tenant, id_)
            if order is not None:
                self._late[id_] = order
        return dict(self._late)

    def _of_lane(self) -> tuple[str, str, str]:
        return self._lane.tenant, self._lane.switch, self._lane.trunk_group
