"""How many orders a lane may make: slots by `sent_at`, calls at once, probes, campaigns of their own pace."""

from campaigns.core.pacing import Pace
from campaigns.dialler.order_ids import campaign_of_order
from campaigns.dialler.pace import GATHER_MS, LanePace, Limits, limits_of
from cti.dial.rows import DialOrderRow, OrderState

NOW = 1_000_000
OF = "c000000000000001"
TEN = Limits(Pace(10, 50), 1_000)


def order(n: int, made_ms: int, sent_ms: int | None = None, *, command: str = "makeCall", of: str = OF) -> OrderState:
    id_ = f"{of}-{n}.1"
    row = DialOrderRow(id_, "t", "s1", "/s", "main", command, None, "{}", made_ms, made_ms + 2_000)
    state = "open" if sent_ms is None else "sent"
    return OrderState(row, n, sent_ms, None, state, *[None] * 8)


def owned(*orders: OrderState, now_ms: int = NOW, live: int = 0) -> LanePace:
    pace = LanePace(NOW - 10_000)
    pace.look(orders, [one.order.id for one in orders[:live]], now_ms, 1_000)
    return pace


def test_an_order_is_made_half_a_second_before_its_slot_on_the_trunk_group_comes_free() -> None:
    """The claim holds it back."""
    pace = owned(order(1, NOW - 900), order(2, NOW - 900, NOW - 499), order(3, NOW - 1_500, NOW - 500))
    assert pace.lane_room(TEN, NOW) == 8
    pace.look([], [], NOW, 1_000)  # settled since: the one that was sent counts on, the other was withdrawn
    assert pace.lane_room(TEN, NOW) == 9
    assert pace.lane_room(TEN, NOW + 1) == 10


def test_a_campaign_s_own_pace_is_kept_to_the_millisecond() -> None:
    """Nothing else holds it."""
    pace = owned(order(1, NOW - 900), order(2, NOW - 900, NOW - 800), order(3, NOW - 1_500, NOW - 1_000))
    own = Pace(9, 50)
    assert pace.campaign_room(own, OF, TEN, NOW) == 7
    assert pace.campaign_room(own, OF, TEN, NOW + 199) == 7
    assert pace.campaign_room(own, OF, TEN, NOW + 200) == 8


def test_where_the_trunk_group_takes_no_more_than_the_campaign_sends_the_claim_holds_both() -> None:
    pace = owned(order(1, NOW - 900), order(2, NOW - 900, NOW - 800), live=2)
    assert pace.campaign_room(Pace(10, 50), OF, TEN, NOW) == 10
    assert pace.campaign_room(Pace(10, 5), OF, TEN, NOW) == 3, "calls at once are the dialler's own to count"


def test_the_next_look_is_when_trunk_group_and_a_campaign_have_room() -> None:
    own = {OF: Pace(1, 50), "c000000000000002": Pace(1, 50)}
    pace = owned(order(1, NOW - 900, NOW - 800), order(2, NOW - 900, NOW - 700, of="c000000000000002"))
    assert pace.next_ms(TEN, own, NOW) == NOW + 200
    assert pace.next_ms(TEN, {}, NOW) is None
    full = owned(*(order(n, NOW - 900, NOW - 300 + n) for n in range(10)))
    assert full.next_ms(TEN, {OF: Pace(10, 50)}, NOW) == NOW + 200 + GATHER_MS, "what comes free soon is made with it"
    assert full.next_ms(TEN, {OF: Pace(9, 50)}, NOW) == NOW + 701, "the tenth of ten is one too many for nine"


def test_calls_at_once_are_those_that_are_live() -> None:
    orders = [order(n, NOW - 60_000, NOW - 59_000) for n in range(5)]
    pace = owned(*orders, live=4)
    assert pace.lane_room(Limits(Pace(10, 4), 1_000), NOW) == 0
    assert pace.lane_room(Limits(Pace(10, 5), 1_000), NOW) == 1
    assert pace.campaign_room(Pace(10, 4), OF, TEN, NOW) == 0
    assert pace.campaign_room(Pace(10, 4), "c000000000000002", TEN, NOW) == 4


def test_a_new_owner_has_no_room_for_two_seconds() -> None:
    pace = LanePace(NOW)
    assert [pace.lane_room(TEN, NOW + after) for after in (0, 1_999, 2_000)] == [0, 0, 10]
    assert pace.next_ms(TEN, {OF: TEN.pace}, NOW) == NOW + 2_000


def test_after_three_unsent_orders_in_a_row_one_is_tried_every_ten_seconds() -> None:
    expired = [order(n, NOW - 5_000) for n in range(3)]
    pace = owned(*expired[:2])
    assert pace.lane_room(TEN, NOW) == 10
    pace.look(expired, [], NOW, 1_000)
    assert [pace.lane_room(TEN, NOW + after) for after in (0, 4_999, 5_000)] == [0, 0, 1]
    assert pace.next_ms(TEN, {OF: TEN.pace}, NOW) == NOW + 5_000
    pace.look([order(9, NOW + 5_000, NOW + 5_100)], [], NOW + 6_000, 1_000)
    assert pace.lane_room(TEN, NOW + 6_200) == 10, "one that was sent ends it"


def test_an_unsent_order_is_counted_once_however_often_it_is_seen() -> None:
    pace = owned(order(1, NOW - 5_000))
    for _ in range(5):
        pace.look([order(1, NOW - 5_000)], [], NOW, 1_000)
    assert pace.unsent_in_row == 1


def test_a_live_call_of_long_ago_does_not_end_the_probes() -> None:
    live = order(0, NOW - 60_000, NOW - 60_000)
    pace = owned(live, live=1)
    for n in range(1, 4):
        pace.look([live, *(order(k, NOW - 5_000) for k in range(1, n + 1))], [live.order.id], NOW, 1_000)
    assert pace.unsent_in_row == 3
    assert pace.lane_room(TEN, NOW) == 0


def test_less_than_one_call_a_second_is_one_in_so_many_seconds() -> None:
    limits = limits_of({"calls_per_second": 0.25, "calls_at_once": 3})
    assert limits == Limits(Pace(1, 3), 4_050)
    pace = LanePace(NOW - 10_000)
    pace.look([order(1, NOW - 1_000, NOW - 900)], [], NOW, limits.window_ms)
    assert [pace.lane_room(limits, NOW + after) for after in (0, 2_649, 2_650)] == [0, 0, 1]


def test_fractions_above_one_are_cut() -> None:
    assert limits_of({"calls_per_second": 2.9, "calls_at_once": 3}).pace == Pace(2, 3)


def test_messages_take_no_line_and_have_the_campaign_s_pace() -> None:
    pace = owned(order(1, NOW, command="sendMessage"), order(2, NOW, command="sendMessage"), live=2)
    assert pace.lane_room(TEN, NOW) == 10
    assert pace.message_room(Pace(5, 1), OF, NOW) == 1
    assert pace.campaign_room(Pace(5, 1), OF, TEN, NOW) == 1


def test_the_campaign_of_an_order() -> None:
    assert campaign_of_order(f"{OF}-17.3") == OF
