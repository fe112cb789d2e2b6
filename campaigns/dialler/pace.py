"""How many orders a lane and each of its campaigns may make now: `campaigns.core.pacing`, fed with what is known of
their orders.

1. The trunk group's limits hold over all campaigns, a campaign's own for its own.
2. What was sent is judged by `sent_at`. An order is remembered until a second after that, settled or not.
3. After three orders in a row that expired unsent one order is tried, every 10 s.
4. A trunk group with less than one call a second makes one in so many seconds.
5. Messages take no line. They have the campaign's pace for themselves.
6. The claim holds a trunk group's pace too (`cti.dial.claims`): what is made too early waits there. So orders are made
   for slots that come free within `AHEAD_MS`, and the lane does not stand still while a turn is under way. A campaign's
   pace only the dialler holds, so nothing is made ahead of it, unless the trunk group allows no more than the campaign.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from campaigns.core.pacing import SECOND_MS, TAKEOVER_WAIT_MS, Lane, Pace, Slot, room, room_at
from campaigns.dialler.order_ids import campaign_of_order
from cti.dial.pace import window_of
from cti.dial.rows import CALL_COMMANDS, MAKE_CALL, PROBE_EVERY_MS, OrderState

UNSENT_MAX = 3  # in a row; then probes
AHEAD_MS = 500  # of the 2 s for which an order is valid
GATHER_MS = 150  # what comes free within it is made in one turn


class Limits(NamedTuple):
    """The limits of a trunk group. `window_ms`: the time in which `pace.calls_per_second` orders may be sent."""

    pace: Pace
    window_ms: int


def limits_of(group: Mapping[str, Any]) -> Limits:
    """The limits that a trunk group declares."""
    window = window_of(float(group["calls_per_second"]))
    return Limits(Pace(window.calls, int(group["calls_at_once"])), window.ms)


class Placed(NamedTuple):
    """An order in the pace. `sent_at_ms`: None until it is sent."""

    campaign: str
    is_call: bool
    sent_at_ms: int | None


@dataclass
class LanePace:
    """What the owner of a lane knows of its orders. All times are by the ledger's clock."""

    taken_over_ms: int
    placed: dict[str, Placed] = field(default_factory=dict)
    live: dict[str, int] = field(default_factory=dict)  # open calls, by campaign
    unsent_in_row: int = 0
    _unsent: set[str] = field(default_factory=set)  # those of them that are not settled yet
    _sent: set[str] = field(default_factory=set)  # seen as sent, and not settled yet
    _last_made_ms: int = 0

    def look(self, orders: Iterable[OrderState], live: Collection[str], now_ms: int, window_ms: int) -> None:
        """`orders`: all that are not settled, by number; `live`: those of them whose call may be under way."""
        seen = [order for order in orders if order.order.command in CALL_COMMANDS]
        ids = {order.order.id for order in seen}
        self._unsent &= ids
        self._sent &= ids
        for order in seen:
            self._record(order, now_ms)
        self.placed = {
            id_: placed
            for id_, placed in self.placed.items()
            if _is_kept(placed, id_ in ids, now_ms, max(window_ms, SECOND_MS))
        }
        calls = (order.order.id for order in seen if order.order.command == MAKE_CALL)
        self.live = Counter(campaign_of_order(id_) for id_ in calls if id_ in live)

    def _record(self, order: OrderState, now_ms: int) -> None:
        id_, is_call = order.order.id, order.order.command == MAKE_CALL
        if is_call:
            self._last_made_ms = max(self._last_made_ms, order.order.made_at_ms)
        if order.sent_at_ms is None and order.order.expires_at_ms <= now_ms:
            self.placed.pop(id_, None)
            if is_call and id_ not in self._unsent:
                self._unsent.add(id_)
                self.unsent_in_row += 1
            return
        if order.sent_at_ms is not None:
            if id_ in self._sent and id_ not in self.placed:
                return  # sent longer ago than a second
            if is_call and id_ not in self._sent:
                self.unsent_in_row = 0
            self._sent.add(id_)
        self.placed[id_] = Placed(campaign_of_order(id_), is_call, order.sent_at_ms)

    def lane_room(self, limits: Limits, now_ms: int) -> int:
        """How many calls the trunk group takes now."""
        free = room(limits.pace, self._lane(limits), now_ms)
        if self.unsent_in_row < UNSENT_MAX:
            return free
        return min(free, 1) if now_ms >= self._last_made_ms + PROBE_EVERY_MS else 0

    def campaign_room(self, pace: Pace, campaign: str, limits: Limits, now_ms: int) -> int:
        """How many calls the campaign takes now, whatever the trunk group takes."""
        return room(pace, self._campaign(pace, campaign, limits), now_ms)

    def message_room(self, pace: Pace, campaign: str, now_ms: int) -> int:
        slots = self._slots(lambda placed: not placed.is_call and placed.campaign == campaign)
        return room(pace, Lane(slots, 0, self.taken_over_ms), now_ms)

    def next_ms(self, limits: Limits, campaigns: Mapping[str, Pace], now_ms: int) -> int | None:
        """When time alone makes room for a call of these campaigns; None: it does not, or there is room."""
        if self.unsent_in_row >= UNSENT_MAX:
            return max(self._last_made_ms + PROBE_EVERY_MS, now_ms)
        lane_ms = room_at(limits.pace, self._lane(limits), now_ms)
        if lane_ms is None:
            return None
        lane_ms += GATHER_MS if lane_ms > max(now_ms, self.taken_over_ms + TAKEOVER_WAIT_MS) else 0
        own_ms = (room_at(pace, self._campaign(pace, id_, limits), now_ms) for id_, pace in campaigns.items())
        instants = [max(lane_ms, at_ms) for at_ms in own_ms if at_ms is not None]
        return min((at_ms for at_ms in instants if at_ms > now_ms), default=None)

    def _lane(self, limits: Limits) -> Lane:
        later_ms = limits.window_ms - SECOND_MS - AHEAD_MS
        slots = self._slots(lambda placed: placed.is_call)
        moved = tuple(Slot(None if slot.sent_at_ms is None else slot.sent_at_ms + later_ms) for slot in slots)
        return Lane(moved, sum(self.live.values()), self.taken_over_ms)

    def _campaign(self, pace: Pace, campaign: str, limits: Limits) -> Lane:
        """Without slots where the claim lets no more of the whole trunk group leave than the campaign may send."""
        held = limits.pace.calls_per_second <= pace.calls_per_second
        slots = () if held else self._slots(lambda placed: placed.is_call and placed.campaign == campaign)
        return Lane(slots, self.live.get(campaign, 0), self.taken_over_ms)

    def _slots(self, which: Any) -> tuple[Slot, ...]:
        return tuple(Slot(placed.sent_at_ms) for placed in self.placed.values() if which(placed))


def _is_kept(placed: Placed, is_unsettled: bool, now_ms: int, window_ms: int) -> bool:
    """What is unsent and not to be seen was withdrawn."""
    return is_unsettled if placed.sent_at_ms is None else now_ms < placed.sent_at_ms + window_ms
