"""The orders of a lane that are not settled, as a turn reads them: what never changes of an order is read once.

They are in two places: those of the lane's switch, and those that went to the tenant's message gateway instead.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from campaigns.dialler.message_ways import gateway_lane
from campaigns.ledger.lanes import Lane
from cti.dial.ports import DialOrders
from cti.dial.rows import MESSAGE_GATEWAY, DialFact, OrderState, SourceWord

ORDERS_PAGE, STANDINGS_PAGE, ORDERS_MAX = 1_000, 5_000, 100_000  # read at a time; of a lane
LATE_MAX = 50  # settled orders that are read anew in one turn, because facts have come
FACTS_MIN = 1_000


class _OrderKey(NamedTuple):
    """The key by which the ledger keeps orders."""

    tenant: str
    switch: str
    lane: str


class LaneOrders:
    """The open orders, as the owner of a lane knows them. An order that has not changed stays the same object."""

    def __init__(self, dial: DialOrders, lane: Lane, *, has_gateway: bool = False) -> None:
        """`has_gateway`: the lane's tenant. What went to one that is gone is still read to its end."""
        self._dial, self._lane, self._has_gateway = dial, lane, has_gateway
        self._order_keys = [_OrderKey(*lane), _OrderKey(lane.tenant, MESSAGE_GATEWAY, gateway_lane(lane))]
        self._kept: dict[_OrderKey, dict[int, OrderState]] = {}  # by number
        self._late: dict[str, OrderState] = {}

    async def read(self) -> list[OrderState]:
        """All, by number."""
        found: dict[int, OrderState] = {}
        for key in list(self._order_keys):
            here = await self._read(key)
            if not here and key.switch == MESSAGE_GATEWAY and not self._has_gateway:
                self._order_keys.remove(key)
            found |= here
        return [found[no] for no in sorted(found)] if len(self._order_keys) > 1 else list(found.values())

    async def _read(self, key: _OrderKey) -> dict[int, OrderState]:
        kept, found, new = self._kept.get(key, {}), dict[int, OrderState](), list[int]()
        after_no, is_all = 0, False
        while not is_all and len(found) + len(new) < ORDERS_MAX:
            page = await self._dial.read_standings(*key, after_no, STANDINGS_PAGE)
            for row in page:
                known = kept.get(row[0])
                if known is None:
                    new.append(row[0])
                else:
                    found[known.no] = known if known[1:] == row else OrderState(known.order, *row)
            after_no, is_all = page[-1][0] if page else 0, len(page) < STANDINGS_PAGE
        if new:
            found |= {order.no: order for order in await self._after(key, new[0] - 1)}
            found = dict(sorted(found.items()))
        self._kept[key] = found
        return found

    async def _after(self, key: _OrderKey, after_no: int) -> list[OrderState]:
        """In full, beyond a number."""
        found: list[OrderState] = []
        while len(found) < ORDERS_MAX:
            page = await self._dial.read_orders(*key, found[-1].no if found else after_no, ORDERS_PAGE)
            found += page
            if len(page) < ORDERS_PAGE:
                break
        return found

    async def words(
        self, orders: Sequence[OrderState], source: str, word: SourceWord | None
    ) -> Mapping[str, SourceWord]:
        """How far the log is read, by source. `word`: of `source`, which is declared by now; an order that was made
        under another is judged by what was said under that.
        """
        words = {} if word is None else {source: word}
        tenant, switch, _ = self._lane
        for other in {order.order.source for order in orders if order.order.switch == switch} - {source}:
            found = (await self._dial.standing(tenant, switch, other)).word
            if found is not None:
                words[other] = found._replace(declared=False)
        return words

    async def facts(self, orders: int) -> list[DialFact]:
        """What is known of them and of earlier ones, where there are so many orders."""
        most = max(FACTS_MIN, 2 * orders)
        return [fact for key in self._order_keys for fact in await self._dial.read_facts(*key, most)]

    async def late(
        self, orders: Sequence[OrderState], facts: Sequence[DialFact]
    ) -> tuple[dict[str, OrderState], Sequence[DialFact]]:
        """The settled orders that facts have come for, LATE_MAX more at a time; and the facts without those of the
        others, which the next turns take in: here they would look like facts of no order, and be deleted.
        """
        ids = {fact.commandid for fact in facts} - {state.order.id for state in orders}
        self._late = {id_: state for id_, state in self._late.items() if id_ in ids}
        new = sorted(ids - self._late.keys())
        for id_ in new[:LATE_MAX]:
            order = await self._dial.order(self._lane.tenant, id_)
            if order is not None:
                self._late[id_] = order
        left = set(new[LATE_MAX:])
        return dict(self._late), [fact for fact in facts if fact.commandid not in left] if left else facts
