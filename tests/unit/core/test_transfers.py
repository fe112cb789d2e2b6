"""Transfer and conference: two calls linked by `correlation`, their states never merged."""

import pytest

from cti.core.call import fold
from cti.core.facts import Fact
from cti.core.record import handed_over
from tests.unit.core.stories import (
    CALLER,
    SECOND,
    answered_call,
    answers,
    call_of,
    cleared,
    hangs_up,
    holds,
    offered,
    queued,
    record,
    rings,
    said,
    takes_back,
)

PRIMARY, SECONDARY = "call-1", "call-2"
LINK = {"$correlation": "journey-7"}


def test_a_blind_transfer_ends_the_agents_part() -> None:
    moved = said(60.0, "transferred", {"primaryOldCall": PRIMARY, "resultingCall": PRIMARY, "blind": True,
                                       "connections": {"c": "c"}, "to": "8800", "reason": "survey"})  # fmt: skip
    told = record([offered(), queued(), rings(2.0), answers(5.0), moved, hangs_up(90.0), cleared(90.0)])
    assert told["transfers"] == [{"at": "2026-03-02T01:01:00.000Z", "kind": "blind", "to": "8800", "reason": "survey"}]
    assert (told["outcome"], told["released_by"]) == ("answered", "customer")
    assert told["breaches"] == []


@pytest.mark.parametrize(("reason", "counted"), [("survey", 0), ("ivr", 0), ("expert", 1), (None, 1)])
def test_a_transfer_to_a_survey_is_no_transfer_to_a_person(reason: str | None, counted: int) -> None:
    why = {} if reason is None else {"reason": reason}
    moved = said(60.0, "transferred", {"primaryOldCall": PRIMARY, "resultingCall": PRIMARY, "blind": True,
                                       "connections": {"c": "c"}, "to": "8800", **why})  # fmt: skip
    call = call_of(offered(), queued(), rings(2.0), answers(5.0), moved, hangs_up(90.0), cleared(90.0))
    assert (len(call.transfers), handed_over(call)) == (1, counted)


def attended() -> tuple[list[Fact], list[Fact]]:
    """The agent holds the caller in call-1, consults in call-2, and joins the two: call-2 results."""
    told = {"primaryOldCall": PRIMARY, "secondaryOldCall": SECONDARY, "resultingCall": SECONDARY, "blind": False,
            "connections": {"c": "c2", "b": "b"}, "reason": "expert"}  # fmt: skip
    primary = [
        said(0.0, "offered", {"connection": "c", "calling": CALLER, "direction": "inbound", **LINK}), queued(),
        rings(2.0),
        answers(5.0), holds(20.0), said(50.0, "transferred", told), cleared(50.1),
    ]  # fmt: skip
    secondary = [
        said(21.0, "serviceInitiated", {"connection": "x", "calling": "8001", "direction": "internal", **LINK}),
        said(22.0, "originated", {"connection": "x", "calling": "8001"}), said(23.0, "delivered", {**SECOND,
        "connection": "b"}),
        said(26.0, "established", {**SECOND, "connection": "b"}), said(50.0, "transferred", told),
        said(80.0, "connectionCleared", {"connection": "c2", "releasingDevice": CALLER}), cleared(80.0),
    ]  # fmt: skip
    return primary, secondary


def test_an_attended_transfer_is_two_calls_of_one_journey() -> None:
    primary, secondary = attended()
    first, second = record(primary), record(secondary)
    assert first["correlation"] == second["correlation"] == "journey-7"
    assert [(hold["seconds"], hold["notices_owed"]) for hold in first["holds"]] == [(30, 1)]
    assert [transfer["kind"] for transfer in first["transfers"]] == ["attended"]
    assert first["transfers"][0]["reason"] == "expert"
    assert first["outcome"] == second["outcome"] == "answered"


def test_the_call_that_does_not_result_has_no_legs_left() -> None:
    primary, _ = attended()
    assert not call_of(*primary[:-1]).legs


def test_the_call_that_results_has_the_caller_under_his_new_name() -> None:
    _, secondary = attended()
    legs = {leg.id for leg in fold(SECONDARY, secondary[:-2]).call.legs}
    assert legs == {"c2", "b"}


def test_a_conference_keeps_the_agent_and_ends_the_hold() -> None:
    joined = said(50.0, "conferenced", {"primaryOldCall": PRIMARY, "secondaryOldCall": SECONDARY,
                                        "resultingCall": PRIMARY, "connections": {"c": "c", "b": "b"}})  # fmt: skip
    facts = [offered(), queued(), rings(2.0), answers(5.0), holds(20.0), joined, hangs_up(90.0), cleared(90.0)]
    told = record(facts)
    assert [hold["seconds"] for hold in told["holds"]] == [30]
    assert told["transfers"] == []
    assert {leg.id for leg in call_of(*facts[:6]).legs} == {"c", "a-1", "b"}


def test_a_ringing_offer_that_is_transferred_away_ends_redirected() -> None:
    moved = said(6.0, "transferred", {"primaryOldCall": PRIMARY, "resultingCall": PRIMARY, "connections": {"c": "c"}})
    call = call_of(offered(), queued(), rings(2.0), moved)
    assert [offer.result for offer in call.offers] == ["redirected"]


def test_a_consultation_alone_is_no_transfer() -> None:
    assert record(answered_call(holds(20.0), takes_back(30.0)))["transfers"] == []
