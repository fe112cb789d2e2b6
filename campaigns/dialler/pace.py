"""How many orders a lane and each of its campaigns may make now: `campaigns.core.pacing`, fed with what is known of
their orders.

1. The trunk group's limits hold over all campaigns, a campaign's own for its own.
2. What was sent is judged by `sent_at`. An order is remembered until a second after that, settled or not.
3. After three orders in a row that expired unsent one order is tried, every 10 s.
4. A trunk group with less than one call a second makes one in so many seconds.
5. Messages take no line. They have the campaign's pace for themselves.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from math import ceil, floor
from typing import Any, NamedTuple

from campaigns.core.pacing import SECOND_MS, Lane, Pace, Slot, room, room_at
from cti.dial.rows import CALL_COMMANDS, MAKE_CALL, PROBE_EVERY_MS, OrderState

UNSENT_MAX = 3  # in a row; then probes


class Limits(NamedTuple):
    """Of a trunk group. `window_ms`: in which `pace.calls_per_second` orders may be sent."""

    pace: Pace
    window_ms: int


def limits_of(group: Mapping[str, Any]) -> Limits:
    """From a declaration."""
    per_second, at_once = float(group["calls_per_second"]), int(group["calls_at_once"])
    if per_second >= 1:
        return Limits(Pace(floor(per_second), at_once), SECOND_MS)
    return Limits(Pace(1, at_once), ceil(SECOND_MS / per_second))


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
    _last_made_ms: int = 0

    def look(self, orders: Iterable[OrderState], live: Collection[str], now_ms: int, window_ms: int) -> None:
        """`orders`: all that are not settled, by number; `live`: those of them whose call may be under way."""
        seen = [one for one in orders if one.order.command in CALL_COMMANDS]
        ids = {one.order.id for one in seen}
        self._unsent &= ids
        for one in seen:
            self._place(one, now_ms)
        self.placed = {
            id_: one for id_, one in self.placed.items() if _is_kept(one, id_ in ids, now_ms, max(window_ms, SECOND_MS))
        }
        self.live = {}
        for one in seen:
            if one.order.command == MAKE_CALL and one.order.id in live:
                campaign = campaign_of_order(one.order.id)
                self.live[campaign] = self.live.get(campaign, 0) + 1

    def _place(self, one: OrderState, now_ms: int) -> None:
        id_, is_call = one.order.id, one.order.command == MAKE_CALL
        if is_call:
            self._last_made_ms = max(self._last_made_ms, one.order.made_at_ms)
        if one.sent_at_ms is None and one.order.expires_at_ms <= now_ms:
            self.placed.pop(id_, None)
            if is_call and id_ not in self._unsent:
                self._unsent.add(id_)
                self.unsent_in_row += 1
            return
        if is_call and one.sent_at_ms is not None and self._is_news(id_):
            self.unsent_in_row = 0
        self.placed[id_] = Placed(campaign_of_order(id_), is_call, one.sent_at_ms)

    def _is_news(self, id_: str) -> bool:
        """Whether it was not known that this order was sent."""
        return id_ not in self.placed or self.placed[id_].sent_at_ms is None

    def lane_room(self, limits: Limits, now_ms: int) -> int:
        """How many calls the trunk group takes now."""
        free = room(limits.pace, self._lane(limits), now_ms)
        if self.unsent_in_row < UNSENT_MAX:
            return free
        return min(free, 1) if now_ms >= self._last_made_ms + PROBE_EVERY_MS else 0

    def campaign_room(self, pace: Pace, campaign: str, now_ms: int) -> int:
        slots = self._slots(lambda one: one.is_call and one.campaign == campaign)
        return room(pace, Lane(slots, self.live.get(campaign, 0), self.taken_over_ms), now_ms)

    def message_room(self, pace: Pace, campaign: str, now_ms: int) -> int:
        slots = self._slots(lambda one: not one.is_call and one.campaign == campaign)
        return room(pace, Lane(slots, 0, self.taken_over_ms), now_ms)

    def next_ms(self, limits: Limits, now_ms: int) -> int | None:
        """When time alone makes room on the trunk group; None: it does not, or there is room."""
        if self.unsent_in_row >= UNSENT_MAX:
            return max(self._last_made_ms + PROBE_EVERY_MS, now_ms)
        return room_at(limits.pace, self._lane(limits), now_ms)

    def _lane(self, limits: Limits) -> Lane:
        later_ms = limits.window_ms - SECOND_MS
        slots = self._slots(lambda one: one.is_call)
        moved = tuple(Slot(None if slot.sent_at_ms is None else slot.sent_at_ms + later_ms) for slot in slots)
        return Lane(moved, sum(self.live.values()), self.taken_over_ms)

    def _slots(self, which: Any) -> tuple[Slot, ...]:
        return tuple(Slot(one.sent_at_ms) for one in self.placed.values() if which(one))


def campaign_of_order(order_id: str) -> str:
    """Of a makeCall's or sendMessage's id: CAMPAIGN-NO.N."""
    return order_id.rsplit(".", 1)[0].rsplit("-", 1)[0]


def _is_kept(one: Placed, is_unsettled: bool, now_ms: int, window_ms: int) -> bool:
    """What is unsent and not to be seen was withdrawn."""
    return is_unsettled if one.sent_at_ms is None else now_ms < one.sent_at_ms + window_ms
