"""The judge of dial orders finds what it looks for; the driver's turn keeps the rules of a dialler; the storm is as
planned.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cti.dial.rows import (
    ASK_AFTER_MS,
    DialFact,
    DialOrderRow,
    OrderState,
    SourceWord,
    SwitchStanding,
)
from tests.faults.cluster import dialled
from tests.faults.cluster.counters import CLAIMS, counted
from tests.faults.cluster.driver_book import number_of
from tests.faults.cluster.driver_turn import OPEN_MAX, End, Kept, Lane, Plan, Read, decide
from tests.faults.cluster.order_judge import (
    ENDED,
    EXPIRED_THERE,
    MUST_NOT_BE_0,
    NOT_DIALLED,
    TWO_CALLS,
    UNKNOWN,
    Heard,
    Made,
    Received,
    Sent,
    Stop,
    failures,
    verdict,
)
from tests.faults.cluster.plan import KILLED, STOPPED
from tests.faults.cluster.storm import DECK, LONG_STOPS_S, stormed

AT_MS = 1_700_000_000_000
VALID_MS = 6_000
PACE = 2
OF_THE_PROCESSES = {"claims_refused": 3, "kills": 2, "stops": 2, "ended_alone": 0, "stopped_badly": 0}


# -- the judge ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class History:
    """An attempt that ended, one that was decided anew, one that is unknown; and a stop of the other lane."""

    received: Sequence[Received] = (
        Received(AT_MS, "a-0.1", "a", AT_MS + VALID_MS),
        Received(AT_MS + 7_000, "a-1.2", "a", AT_MS + 7_000 + VALID_MS),
        Received(AT_MS + 31_000, "b-0.1", "b", AT_MS + 31_000 + VALID_MS),
    )
    expired: Sequence[str] = ()
    placed: Sequence[str] = ("a-0.1", "a-1.2", "b-0.1")
    made: Sequence[Made] = (
        Made("a-0.1", "a-0", "a", ENDED, "fact"),
        Made("a-1.1", "a-1", "a", NOT_DIALLED, "expired"),
        Made("a-1.2", "a-1", "a", ENDED, "fact"),
        Made("a-2.1", "a-2", "a", UNKNOWN, "no answer"),
        Made("b-0.1", "b-0", "b", ENDED, "answer"),
    )
    stops: Sequence[Stop] = (Stop("b", AT_MS + 20_000, AT_MS + 30_000),)
    sent: Sequence[Sent] = field(default_factory=lambda: [Sent("a", AT_MS + 500 * place) for place in range(4)])

    def judged(self) -> dict[str, Any]:
        heard = Heard(self.received, set(self.expired), self.placed)
        return verdict(heard, self.made, self.stops, self.sent, PACE) | OF_THE_PROCESSES

    def receiving(self, at_ms: int, order: str, lane: str = "a", valid_ms: int = VALID_MS) -> "History":
        """It, and one more that came in."""
        return replace(self, received=(*self.received, Received(at_ms, order, lane, at_ms + valid_ms)))

    def ending(self, order: str, end: str | None, why: str = "") -> "History":
        """It, with another end of an order."""
        return replace(
            self, made=[one._replace(end=end, why=why) if one.id == order else one for one in self.made]
        )  # fmt: skip


def test_a_history_that_is_as_it_should_be() -> None:
    figures = History().judged()
    assert failures(figures) == []
    assert figures["orders"] == 5
    assert figures["attempts"] == 4
    assert figures["received"] == 3
    assert figures["unknown"] == {"a-2.1": "no answer; the switch has not received it"}
    assert figures["ends"] == {"ended": 3, "not_dialled expired": 1, "unknown": 1}


FAULTS: dict[str, tuple[str, Callable[[History], History]]] = {
    "an order came twice": ("received_twice", lambda it: it.receiving(AT_MS + 1, "a-0.1")),
    "a second order of an attempt came": (
        "received_twice",
        lambda it: replace(it, made=(*it.made, Made("a-0.2", "a-0", "a", ENDED, "fact"))).receiving(AT_MS, "a-0.2"),
    ),
    "one came after an acknowledged stop": (
        "received_after_stop",
        lambda it: replace(it, made=(*it.made, Made("b-1.1", "b-1", "b", ENDED, "fact"))).receiving(
            AT_MS + 25_000, "b-1.1", "b"
        ),
    ),
    "one came after a stop that was never lifted": (
        "received_after_stop",
        lambda it: replace(it, stops=[*it.stops, Stop("a", AT_MS + 6_000, None)]),
    ),
    "one came that expired unsent": (
        "received_though_not_dialled",
        lambda it: it.ending("a-0.1", NOT_DIALLED, "expired"),
    ),
    "one came that was withdrawn": (
        "received_though_not_dialled",
        lambda it: it.ending("a-0.1", NOT_DIALLED, "withdrawn"),
    ),
    "one came that the switch is said to have refused": (
        "received_though_not_dialled",
        lambda it: it.ending("a-0.1", NOT_DIALLED, EXPIRED_THERE),
    ),
    "one came that nobody made": ("received_unmade", lambda it: it.receiving(AT_MS, "x")),
    "one has no end": ("orders_without_end", lambda it: it.ending("a-0.1", None)),
    "one ended that never came": ("ended_not_received", lambda it: it.ending("a-2.1", ENDED, "fact")),
    "an attempt has two calls at the switch": ("placed_twice", lambda it: replace(it, placed=(*it.placed, "a-0.1"))),
    "an order has two calls in the facts": ("two_calls", lambda it: it.ending("a-0.1", TWO_CALLS, "c, d")),
    "three left within a second": ("above_pace", lambda it: replace(it, sent=[*it.sent, Sent("a", AT_MS + 700)])),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_each_zero_can_be_another_figure(name: str) -> None:
    key, spoil = FAULTS[name]
    figures = spoil(History()).judged()
    assert figures[key] > 0
    assert key in failures(figures)


def test_every_figure_that_must_be_0_has_a_history_that_breaks_it() -> None:
    broken = {key for key, _ in FAULTS.values()} | {"ended_alone", "stopped_badly"}
    figures = History().judged()
    assert {key for key, figure in figures.items() if figure == 0 and key != "received_expired"} == broken


@pytest.mark.parametrize("name", ["ended_alone", "stopped_badly"])
def test_a_process_that_ends_badly_fails_the_trial(name: str) -> None:
    assert failures(History().judged() | {name: 1}) == [name]


@pytest.mark.parametrize("name", MUST_NOT_BE_0)
def test_a_trial_that_shows_nothing_fails(name: str) -> None:
    assert failures(History().judged() | {name: 0}) == [name]


def test_what_came_after_its_expiry_rang_nobody() -> None:
    """Refused by the switch: it may be decided anew, and counts by itself."""
    late = Received(AT_MS + 27_000, "b-1.1", "b", AT_MS + 8_000)
    made = [Made("b-1.1", "b-1", "b", NOT_DIALLED, EXPIRED_THERE), Made("b-1.2", "b-1", "b", ENDED, "fact")]
    it = History()
    again = replace(it, received=(*it.received, late), made=(*it.made, *made), expired=["b-1.1"])
    figures = again.receiving(AT_MS + 32_000, "b-1.2", "b").judged()
    assert failures(figures) == []
    assert figures["received_expired"] == 1


def test_the_log_of_the_switch_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = [
        {"entry": "makeCall", "id": "a", "at_ms": 5, "lane": "east", "expires_at_ms": 9},
        {"entry": "placed", "id": "a"},
        {"entry": "expired", "id": "b"},
    ]
    path = tmp_path / "log"
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    assert dialled.read(path) == Heard([Received(5, "a", "east", 9)], {"b"}, ["a"])


def test_claims_that_were_refused_are_read_from_the_metrics() -> None:
    text = "ringback_dial_claims_refused_total 4.0\nringback_dial_orders_unwritten_total 1.0\n"
    assert counted(text, CLAIMS) == {"claims_refused": 4, "orders_unwritten": 1}


# -- the driver --------------------------------------------------------------------------------------------------------

LANE = Lane("a", 100, 10, 10, "run", "running", 0)
SILENT_MS = AT_MS + VALID_MS + ASK_AFTER_MS + 1
ROW = DialOrderRow("a-0.1", "t", "s", "/s", "a", "makeCall", None, "{}", AT_MS, AT_MS + VALID_MS)
SENT_ORDER = OrderState(ROW, 1, AT_MS + 10, 1, "sent", None, None, None, None, None, None, None, None)
OPEN_ORDER = SENT_ORDER._replace(sent_at_ms=None, epoch=None, state="open")
FACT = DialFact("t", "/s", "a-0.1", "call", 0, 1, AT_MS + 20, None, None, None, None, AT_MS + 21)
OVER = FACT._replace(revision=2, ended_at_ms=AT_MS + 900)


def turn(
    orders: Sequence[OrderState] = (SENT_ORDER,), facts: Sequence[DialFact] = (), now_ms: int = SILENT_MS, due: int = 0,
    lane: Lane = LANE, alive: bool = True, kept: str = "[]",
) -> Plan:  # fmt: skip
    """A turn whose partitions have all been read up to now."""
    standing = SwitchStanding(1, alive, SourceWord(now_ms, 0, True, now_ms), now_ms, now_ms)
    return decide(Read(standing, lane, {"a-0.1": Kept("a-0.1", "a-0", kept)}, orders, facts), due)


def ask(**changed: Any) -> OrderState:
    row = ROW._replace(id="a-0.1?1", command="snapshotCall", about="a-0.1", made_at_ms=SILENT_MS)
    return SENT_ORDER._replace(order=row._replace(expires_at_ms=SILENT_MS + 3_000), sent_at_ms=SILENT_MS + 5, **changed)


def test_a_silent_order_is_asked_about_and_not_ended() -> None:
    plan = turn()
    assert plan.ask == [("a-0.1", 0)]
    assert plan.ends == {}


def test_what_nobody_knows_is_held_until_the_end_of_the_trial() -> None:
    orders, later_ms = [SENT_ORDER, ask()], SILENT_MS + 10_000
    assert turn(orders, now_ms=later_ms).ends == {}
    plan = turn(orders, now_ms=later_ms, lane=LANE._replace(finishing=1))
    assert plan.ends["a-0.1"].end == UNKNOWN
    assert plan.settle == orders


def test_what_expired_unsent_is_not_dialled() -> None:
    assert turn([OPEN_ORDER]).ends == {"a-0.1": End(NOT_DIALLED, "expired")}
    assert turn([OPEN_ORDER], now_ms=AT_MS + 1).ends == {}


def test_a_fact_that_came_twice_or_late_says_what_it_says_once() -> None:
    known = turn(facts=[FACT]).facts["a-0.1"]
    again = turn(facts=[FACT], kept=known)
    assert again.facts["a-0.1"] == known
    assert again.acknowledge == [FACT]
    over = turn(facts=[OVER], kept=known)
    assert over.ends == {"a-0.1": End(ENDED, "fact")}
    assert turn(facts=[FACT], kept=over.facts["a-0.1"]).ends == over.ends, "an older one changes nothing"
    assert turn(facts=[FACT._replace(commandid="gone")]).facts == {}
    other = OVER._replace(call_id="other")
    assert turn(facts=[other], kept=over.facts["a-0.1"]).ends["a-0.1"].end == TWO_CALLS


def test_no_more_orders_are_made_than_may_be() -> None:
    assert turn(due=5).fresh == 5
    assert turn(due=500).fresh == OPEN_MAX
    assert turn(due=5, lane=LANE._replace(made=98)).fresh == 2
    assert turn([SENT_ORDER, *[ask(state="open")] * OPEN_MAX], due=5).fresh == 5, "questions wait, and calls go on"
    assert turn([OPEN_ORDER] * OPEN_MAX, due=5, now_ms=AT_MS + 1).fresh == 0
    assert turn(due=5, alive=False).fresh == 0
    assert turn(due=5, lane=LANE._replace(wanted="stop")).fresh == 0
    assert turn(due=5, lane=LANE._replace(standing="stopping")).fresh == 0


def test_each_attempt_has_a_number_of_its_own() -> None:
    numbers = [number_of(f"{lane}-{place}") for lane in ("east", "west") for place in range(dialled.NUMBERS)]
    assert len(set(numbers)) == len(numbers)


# -- the storm ---------------------------------------------------------------------------------------------------------


def test_the_storm_hits_every_kind_and_stops_some_for_longer_than_a_lease() -> None:
    faults = stormed(120, 1)
    assert faults == stormed(120, 1)
    assert faults != stormed(120, 2)
    assert len(faults) == 120
    counts = {(one.victim, one.kind) for one in faults}
    assert counts == set(DECK)
    assert all(sum((one.victim, one.kind) == kind for one in faults) == 20 for kind in DECK)
    long_ones = [one for one in faults if one.kind == STOPPED and one.seconds >= LONG_STOPS_S[0]]
    assert 10 <= len(long_ones) <= 30
    assert {one.victim for one in long_ones} == {victim for victim, _ in DECK}
    assert all(one.seconds < LONG_STOPS_S[0] for one in faults if one.kind == KILLED)
