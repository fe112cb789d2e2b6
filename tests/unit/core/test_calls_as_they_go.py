"""What real calls do: callers who leave early, second waits, consultations, clocks set back, queues that answer."""

from collections.abc import Sequence
from typing import Any

import pytest

from cti.core.dues import due_now
from cti.core.facts import Fact
from cti.core.record import measure, record_of
from cti.core.rules import Intervention
from schemas.records import CallRecord
from tests.unit.core.stories import (
    CALLER,
    SECOND,
    THIRD,
    WHO,
    answered_call,
    answers,
    book,
    broken,
    call_of,
    cleared,
    diverted,
    hangs_up,
    holds,
    ms,
    mutes,
    offered,
    queued,
    record,
    rings,
    rules,
    said,
    takes_back,
)

WAITING = [offered(), queued(0.0)]
TALKING = [*WAITING, rings(2.0), answers(4.0)]


def told(facts: Sequence[Fact], *names: str) -> dict[str, Any]:
    found = record(facts)
    return {name: found[name] for name in names}


# -- who has left ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("leaving", [hangs_up(20.0), said(20.0, "connectionCleared", {"connection": "c"})])
def test_nobody_answers_a_caller_who_has_left(leaving: Fact) -> None:
    facts = [*WAITING, rings(19.0), leaving, answers(20.3), hangs_up(30.0, "8001", "a-1"), cleared(30.0)]
    found = record(facts)
    assert (found["outcome"], found["wait_s"], found["answer_s"], found["talk_s"]) == ("abandoned", 20, None, 0)
    assert [(offer["result"], offer["ring_s"]) for offer in found["offers"]] == [("abandoned", 1)]
    assert found["breaches"] == []


def test_an_offer_to_a_caller_who_has_left_is_over_at_once() -> None:
    facts = [*WAITING, hangs_up(20.0), rings(20.1), answers(40.0), cleared(50.0)]
    assert [(offer["result"], offer["ring_s"]) for offer in record(facts)["offers"]] == [("abandoned", 0)]
    assert broken(facts) == []


def test_a_caller_whose_leg_failed_is_not_answered_either() -> None:
    facts = [*WAITING, rings(3.0), said(5.0, "failed", {"connection": "c"}), answers(6.0), cleared(9.0)]
    assert told(facts, "outcome", "talk_s") == {"outcome": "failed", "talk_s": 0}


def test_an_internal_caller_who_has_left_is_not_answered() -> None:
    opened = said(0.0, "originated", {"connection": "x", "calling": "8001", "direction": "internal"})
    facts = [opened, rings(1.0, SECOND), hangs_up(4.0, "8001", "x"), answers(4.2, SECOND), cleared(9.0)]
    assert record(facts)["answered_at"] is None


def test_talk_ends_when_the_customer_leaves() -> None:
    facts = [*TALKING, hangs_up(10.0), hangs_up(40.0, "8001", "a-1"), cleared(40.0)]
    assert told(facts, "talk_s", "released_by") == {"talk_s": 6, "released_by": "customer"}


# -- who waits again ---------------------------------------------------------------------------------------------------

AGENT_DROPS = [*TALKING, hangs_up(5.0, "8001", "a-1")]
AGAIN = said(5.0, "queued", {"connection": "c", "queue": "experts"})


def test_a_second_wait_is_not_talk() -> None:
    found = record([*AGENT_DROPS, AGAIN, hangs_up(305.0), cleared(305.0)])
    assert (found["outcome"], found["wait_s"], found["talk_s"]) == ("answered", 4, 1)
    assert (found["waited_again_s"], found["ended_waiting"], found["released_by"]) == (300, True, "customer")
    assert found["breaches"] == []
    assert found["queue"] == "billing", "the wait until the answer was spent there"


def test_a_second_wait_that_is_answered() -> None:
    facts = [*AGENT_DROPS, AGAIN, rings(60.0, SECOND), answers(65.0, SECOND), hangs_up(80.0), cleared(80.0)]
    found = record(facts)
    assert (found["wait_s"], found["waited_again_s"], found["talk_s"], found["ended_waiting"]) == (4, 60, 16, False)
    assert [offer["talk_s"] for offer in found["offers"]] == [1, 15]


def test_a_caller_who_is_offered_to_another_agent_was_not_let_go() -> None:
    facts = [*AGENT_DROPS, rings(6.0, SECOND), hangs_up(15.0), cleared(15.0)]
    assert (record(facts)["released_by"], broken(facts)) == ("customer", [])


def test_an_agent_who_leaves_the_caller_alone_released_first() -> None:
    facts = [*AGENT_DROPS, hangs_up(90.0), cleared(90.0)]
    assert told(facts, "released_by", "talk_s") == {"released_by": "agent", "talk_s": 1}


def test_an_abandoned_caller_ended_waiting_too_and_an_answered_one_did_not() -> None:
    assert record([*WAITING, hangs_up(20.0), cleared(20.0)])["ended_waiting"] is True
    assert record([*WAITING, cleared(20.0)])["ended_waiting"] is True
    assert record(answered_call())["ended_waiting"] is False


def test_a_breach_is_of_the_queue_that_its_offer_came_from() -> None:
    call = call_of(*TALKING, hangs_up(5.0, "8001", "a-1"), AGAIN, rings(60.0, SECOND))
    assert [offer.queue for offer in call.offers] == ["billing", "billing"], "stories name billing"
    unnamed = said(60.0, "delivered", SECOND)
    assert [offer.queue for offer in call_of(*AGENT_DROPS, AGAIN, unnamed).offers] == ["billing", "experts"]


# -- the caller's own leg ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["established", "delivered"])
@pytest.mark.parametrize("at_s", [0.0, 0.001, 7.0])
def test_a_queue_application_ends_no_wait(kind: str, at_s: float) -> None:
    app = said(at_s, kind, {"connection": "c", "device": "queueapp"})
    found = record([*WAITING, app, hangs_up(60.0), cleared(60.0)])
    assert (found["outcome"], found["wait_s"], found["answer_s"]) == ("abandoned", 60, None)


def test_one_connection_for_caller_and_agent_is_answered_by_the_agent() -> None:
    leg = {"connection": "c", "agent": "1001", "device": "8001"}
    facts = [*WAITING, said(2.0, "delivered", leg), said(9.0, "established", leg), cleared(29.0)]
    found = record(facts)
    assert (found["outcome"], found["wait_s"], found["answer_s"], found["talk_s"]) == ("answered", 9, 7, 20)


# -- holds -------------------------------------------------------------------------------------------------------------

CONSULTS = [rings(22.0, SECOND), answers(25.0, SECOND), hangs_up(90.0, "8002", "a-2")]


def test_a_consultation_does_not_end_a_hold() -> None:
    found = record([*TALKING, holds(20.0), *CONSULTS, takes_back(95.0), hangs_up(120.0), cleared(120.0)])
    assert [(hold["seconds"], hold["notices_owed"], hold["by"]) for hold in found["holds"]] == [(75, 4, "agent")]
    assert sorted(breach["rule"] for breach in found["breaches"]) == ["HOLD-2", "HOLD-3"]
    assert (found["talk_s"], [offer["talk_s"] for offer in found["offers"]]) == (116, [116, 0])


def test_nor_does_it_end_a_mute() -> None:
    facts = [*TALKING, mutes(20.0), *CONSULTS, mutes(95.0, kind="unmuted"), hangs_up(120.0), cleared(120.0)]
    assert [(hold["seconds"], hold["muted"]) for hold in record(facts)["holds"]] == [(75, True)]


def test_going_to_and_fro_between_them_is_two_holds() -> None:
    swap = [takes_back(40.0), holds(40.0, leg="a-2"), takes_back(50.0, leg="a-2"), holds(50.0)]
    facts = [*TALKING, holds(20.0), *CONSULTS, *swap, takes_back(95.0), hangs_up(120.0), cleared(120.0)]
    assert [hold["seconds"] for hold in record(facts)["holds"]] == [20, 45]


def test_a_hold_ends_when_the_agent_leaves_the_caller_to_whom_he_consulted() -> None:
    gone = hangs_up(60.0, "8001", "a-1", "transfer")
    facts = [*TALKING, holds(20.0), *CONSULTS[:2], gone, hangs_up(80.0, "8002", "a-2"), cleared(80.0)]
    found = record(facts)
    assert [hold["seconds"] for hold in found["holds"]] == [40]
    assert (found["released_by"], [offer["talk_s"] for offer in found["offers"]]) == ("agent", [56, 20])
    assert not call_of(*facts[:-2]).holds[0].retrieved, "nobody is there to thank"


@pytest.mark.parametrize("end", ["transferred", "conferenced"])
def test_joining_the_third_party_ends_the_hold(end: str) -> None:
    joined = said(60.0, end, {"resultingCall": "call-1", "connections": {"c": "c", "a-2": "a-2"}})
    facts = [*TALKING, holds(20.0), *CONSULTS[:2], joined, hangs_up(90.0), cleared(90.0)]
    assert [hold["seconds"] for hold in record(facts)["holds"]] == [40]
    assert record(facts)["offers"][1]["talk_s"] == 30
    retrieved = call_of(*facts).holds[0].retrieved
    assert retrieved is (end == "conferenced"), "who has left by the transfer is told nothing"


@pytest.mark.parametrize(
    "data",
    [
        {"connection": "c"},
        {"connection": "c", "holdingDevice": "9999"},
        {"connection": "a-1"},
        {"connection": "a-1", "holdingDevice": "9999"},
        {"connection": "a-1", "heldConnection": "c", "holdingDevice": "8001"},
        {"connection": "c", "holdingDevice": "a-1"},
    ],
)
@pytest.mark.parametrize("back", ["same", "c", "a-1"])
def test_who_holds_is_the_agent_where_it_is_not_said(data: dict[str, str], back: str) -> None:
    again = data if back == "same" else {"connection": back}
    facts = answered_call(said(20.0, "held", data), said(50.0, "retrieved", again))
    assert [(hold["by"], hold["seconds"]) for hold in record(facts)["holds"]] == [("agent", 30)]
    agents = [hold.agent for hold in call_of(*facts).holds]
    assert agents == ["1001"]


def test_the_minimal_hold_of_a_caller_without_a_number() -> None:
    opened = said(0.0, "offered", {"connection": "c"})
    facts = [opened, queued(), rings(2.0), answers(5.0), said(20.0, "held", {"connection": "c"}), cleared(50.0)]
    assert [(hold["by"], hold["seconds"]) for hold in record(facts)["holds"]] == [("agent", 30)]


@pytest.mark.parametrize("first", ["hold", "mute"])
def test_a_notice_names_the_state_that_holds_then(first: str) -> None:
    both = [holds(20.0), mutes(25.0)] if first == "hold" else [mutes(20.0), holds(25.0)]

    def state(*facts: Fact, at_s: float) -> str | None:
        found, _ = due_now(call_of(*TALKING, *facts), rules(), (), ms(at_s))
        return next(due.target.if_state for due in found if due.rule.id == "HOLD-2")

    assert state(*both, at_s=36.0) == "hold"
    assert state(*both, takes_back(30.0), at_s=36.0) is None
    assert state(*both, mutes(30.0, kind="unmuted"), at_s=36.0) == "hold"


# -- transfers ---------------------------------------------------------------------------------------------------------


def consultation(*, connections: dict[str, str], end: Fact) -> list[Fact]:
    """The agent's enquiry, which results from the transfer as a call of its own."""
    data = {"primaryOldCall": "call-9", "secondaryOldCall": "call-1", "resultingCall": "call-1"}
    return [
        said(21.0, "originated", {"connection": "x", "calling": "8001", "direction": "internal"}),
        said(23.0, "delivered", {**SECOND, "connection": "b"}),
        said(26.0, "established", {**SECOND, "connection": "b"}),
        said(50.0, "transferred", {**data, "connections": connections}),
        end,
        cleared(80.0),
    ]


@pytest.mark.parametrize("connections", [{"c": "c2", "b": "b"}, {"c": "c2"}, {"b": "b", "c": "c2"}])
def test_after_an_attended_transfer_the_agent_first_is_a_breach(connections: dict[str, str]) -> None:
    facts = consultation(connections=connections, end=hangs_up(80.0, "8002", "b"))
    assert (record(facts)["released_by"], broken(facts)) == ("agent", ["END-1"])
    assert record(facts)["talk_s"] == 30


def test_after_an_attended_transfer_the_customer_is_known_by_his_leg() -> None:
    facts = consultation(connections={"c": "c2", "b": "b"}, end=hangs_up(80.0, CALLER, "c2"))
    assert (record(facts)["released_by"], broken(facts)) == ("customer", [])


def resulting(*facts: Fact) -> list[Fact]:
    return [*facts, cleared(80.0)]


CUSTOMER_LEG = said(50.0, "established", {"connection": "c9", "device": CALLER})
AGENT_LEG = said(50.0, "established", {**SECOND, "connection": "b9"}, name="b9")
JOINED = said(50.0, "transferred", {"primaryOldCall": "p", "secondaryOldCall": "s", "resultingCall": "call-1",
                                    "connections": {"c": "c9", "b": "b9"}})  # fmt: skip
BEGINNINGS = {
    "agent alone": [AGENT_LEG],
    "both": [CUSTOMER_LEG, AGENT_LEG],
    "agent before": [AGENT_LEG, said(50.1, "established", {"connection": "c9", "device": CALLER})],
    "with the transfer": [AGENT_LEG, JOINED],
    "by the transfer": [JOINED, said(50.1, "established", {**SECOND, "connection": "b9"})],
}


@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_call_that_begins_with_an_answer_has_its_customer(name: str) -> None:
    begun = BEGINNINGS[name]
    agent_first = resulting(*begun, hangs_up(79.0, "8002", "b9"), hangs_up(80.0, CALLER, "c9"))
    found = record(agent_first)
    assert (found["released_by"], [breach["rule"] for breach in found["breaches"]]) == ("agent", ["END-1"])
    assert (found["outcome"], found["transfers"]) == ("answered", [])
    customer_first = resulting(*begun, hangs_up(79.0, CALLER, "c9"), hangs_up(80.0, "8002", "b9"))
    assert (record(customer_first)["released_by"], broken(customer_first)) == ("customer", [])
    assert 28.9 <= record(customer_first)["talk_s"] <= 29


def test_released_by_is_of_those_who_were_on_it_at_the_end() -> None:
    moved = said(60.0, "transferred", {"resultingCall": "call-1", "blind": True, "connections": {"c": "c"}})
    facts = [*TALKING, moved, rings(61.0, SECOND), answers(65.0, SECOND), hangs_up(90.0, "8002", "a-2"), cleared(90.0)]
    found = record(facts)
    assert (found["released_by"], found["talk_s"]) == ("agent", 81)
    assert [offer["talk_s"] for offer in found["offers"]] == [56, 25]
    assert [(breach["rule"], breach["agent"]) for breach in found["breaches"]] == [("END-1", "1002")]


def test_a_conference_counts_once_and_for_each() -> None:
    facts = [*TALKING, rings(10.0, SECOND), answers(14.0, SECOND), hangs_up(24.0, "8002", "a-2"), hangs_up(34.0),
             cleared(34.0)]  # fmt: skip
    found = record(facts)
    assert (found["talk_s"], [offer["talk_s"] for offer in found["offers"]]) == (30, [30, 10])


def test_a_leg_that_is_offered_the_call_again_talks_for_each_offer() -> None:
    again = [hangs_up(14.0, "8001", "a-1"), queued(15.0)]
    facts = [*TALKING, *again, rings(20.0), answers(25.0), hangs_up(30.0), cleared(30.0)]
    assert [offer["talk_s"] for offer in record(facts)["offers"]] == [10, 5]


# -- what else is on the record ----------------------------------------------------------------------------------------


def gone(at_s: float, kind: str, **why: Any) -> Fact:
    return said(at_s, kind, {"connection": "c", **why} if kind != "callCleared" else why)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ({"cause": "busy", "q850": 17}, {"cause": "normalClearing"}, ("normalClearing", None)),
        ({"cause": "busy", "q850": 17}, {"q850": 16}, (None, 16)),
        ({"cause": "busy", "q850": 17}, {"cause": "busy"}, ("busy", 17)),
        ({"cause": "busy", "q850": 17}, {}, ("busy", 17)),
        ({"q850": 17}, {"cause": "busy", "q850": 17}, ("busy", 17)),
    ],
)
def test_cause_and_q850_come_from_one_event(
    first: dict[str, Any], second: dict[str, Any], expected: tuple[str | None, int | None]
) -> None:
    found = record([*WAITING, gone(9.0, "connectionCleared", **first), gone(9.0, "callCleared", **second)])
    assert (found["cause"], found["q850"]) == expected


def test_what_was_due_together_is_listed_in_one_order_and_nothing_after_the_end() -> None:
    def done(name: str, rule: str, at_s: float, state: str = "done") -> Intervention:
        return Intervention(name, rule, 0, 1, 0, "x", "promptAgent", ms(at_s), ms(at_s + 6), state)

    made = [
        done("z", "HOLD-1", 5),
        done("a", "RING-2", 5),
        done("m", "QUEUE-1", 9),
        done("b", "HOLD-2", 99, "overtaken"),
    ]
    call = call_of(*WAITING, hangs_up(20.0), cleared(20.0))
    found = record_of(WHO, call, measure(call, book(), made), made, "p@1", 1)["interventions"]
    assert [one["rule"] for one in found] == ["HOLD-1", "RING-2", "QUEUE-1"]


def test_a_number_that_is_too_long_is_cut() -> None:
    address = "sip:" + "7" * 90 + "@pbx"
    opened = said(0.0, "offered", {"connection": "c", "calling": address, "called": address})
    found = record([opened, queued(), hangs_up(20.0, address), cleared(20.0)])
    assert (found["calling"], found["called"], found["released_by"]) == (address[:64], address[:64], "customer")
    CallRecord.model_validate(found)


def test_what_a_call_keeps_is_bounded() -> None:
    words = [said(5.0 + n / 1000, "announcementEnded", {"message": "m"}, name=str(n)) for n in range(1_200)]
    offers = [fact for n in range(1_100) for fact in (rings(10 + n, THIRD), diverted(10.5 + n, THIRD))]
    keys = [said(6.0 + n / 1000, "digitsGenerated", {"digits": "1" * 64}, name=str(n)) for n in range(100)]
    found = record([*WAITING, *words, *keys, *offers, cleared(2_000.0)])
    assert (len(found["announcements"]), len(found["offers"]), len(found["digits"])) == (1_000, 1_000, 4_096)
