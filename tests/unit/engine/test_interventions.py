"""What was done about a call, found by id and by cause, whatever round was dropped in between."""

from cti.core.rules import Intervention
from cti.engine.interventions import INDEXED_FROM
from cti.engine.live_calls import Layers, LiveCall, newborn
from cti.engine.sources import Source
from cti.wiring import read_book

MANY = 3 * INDEXED_FROM


def done(n: int, state: str = "open") -> Intervention:
    return Intervention(f"id-{n}", "HOLD-2", 0, n, 0, f"hold-{n % 7}", "playMessage", n, n + 10, state)


def call_with(count: int) -> LiveCall:
    live = newborn(Source("t", "/switches/s", read_book("power-95598")), "call", 0, 0, 1)
    live.done = tuple([done(n) for n in range(count)])
    return live


def test_each_is_found_by_its_id_and_by_its_cause() -> None:
    for count in (0, 1, INDEXED_FROM, MANY):
        live = call_with(count)
        assert [live.position_of(f"id-{n}") for n in range(count)] == list(range(count))
        assert live.position_of("another") is None
        found = live.done_about(("hold-3", "another"))
        assert list(found) == [one for one in live.done if one.cause == "hold-3"]
        assert live.done_about(None) is live.done


def test_what_is_appended_and_replaced_later_is_found_too() -> None:
    live = call_with(MANY)
    assert live.position_of("id-5") == 5
    live = live.copy()
    live.done = (*live.done[:5], done(5, "done"), *live.done[6:], done(MANY))
    assert live.position_of(f"id-{MANY}") == MANY
    assert next(iter(live.done_about(("hold-5",)))).state == "done"


def test_a_round_that_is_dropped_leaves_no_trace_in_the_index() -> None:
    layers, base = Layers(), call_with(MANY)
    layers.base.calls[1] = base
    assert base.position_of("id-0") == 0
    dropped = base.copy()
    dropped.done = (*base.done, done(900), done(901))
    assert dropped.position_of("id-901") == MANY + 1
    layers.gathering.calls[1] = dropped
    layers.dropped()
    again = base.copy()
    again.done = (*base.done, done(901), done(900))
    assert (again.position_of("id-901"), again.position_of("id-900")) == (MANY, MANY + 1)
    assert again.position_of("id-902") is None
