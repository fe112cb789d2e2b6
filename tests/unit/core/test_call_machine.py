"""The call machine: what opens and ends a call, what cannot be used and why, and what its legs are on the way."""

import pytest

from cti.core.call import TABLE, advance, fold
from cti.core.call_reuse import begins_again
from cti.core.call_state import Call, Phase
from cti.core.facts import LOST, REINCARNATION_MS, STALE, Fact
from cti.core.legs import LEG_TABLE, LegState, Side
from schemas.call_events import DATA_MODELS
from schemas.reasons import Ignored
from tests.unit.core.stories import (
    CALLER,
    FIRST,
    SECOND,
    SUBJECT,
    answered_call,
    answers,
    call_of,
    cleared,
    diverted,
    hangs_up,
    holds,
    mutes,
    offered,
    queued,
    record,
    rings,
    said,
    takes_back,
)


def ignored_by(call: Call, fact: Fact) -> Ignored | None:
    return advance(call, fact)[1]


def states(call: Call) -> dict[str, LegState]:
    return {leg.id: leg.state for leg in call.legs}


def test_an_ordinary_call_from_leg_to_leg() -> None:
    story = [
        (offered(), {"c": LegState.INITIATED}),
        (queued(), {"c": LegState.QUEUED}),
        (rings(2.0), {"c": LegState.QUEUED, "a-1": LegState.ALERTING}),
        (answers(5.0), {"c": LegState.CONNECTED, "a-1": LegState.CONNECTED}),
        (holds(20.0), {"c": LegState.HOLD, "a-1": LegState.CONNECTED}),
        (takes_back(30.0), {"c": LegState.CONNECTED, "a-1": LegState.CONNECTED}),
        (hangs_up(60.0), {"a-1": LegState.CONNECTED}),
        (cleared(60.1), {}),
    ]
    call = Call(SUBJECT)
    for fact, expected in story:
        call, ignored = advance(call, fact)
        assert (ignored, states(call)) == (None, expected), fact.kind
    assert call.phase is Phase.ENDED


def test_a_caller_who_was_not_put_through_has_abandoned() -> None:
    told = record([offered(), queued(), hangs_up(40.0), cleared(40.0)])
    assert (told["outcome"], told["wait_s"], told["answer_s"], told["talk_s"]) == ("abandoned", 39, None, 0)


def test_a_call_that_failed_has_not_abandoned() -> None:
    failing = said(3.0, "failed", {"connection": "c", "cause": "trunksBusy"})
    told = record([offered(), failing, cleared(3.0)])
    assert (told["outcome"], told["cause"]) == ("failed", "normalClearing")


def test_waiting_ends_with_the_answer_and_goes_on_over_queues() -> None:
    second = said(11.0, "queued", {"connection": "c", "queue": "experts"})
    told = record([offered(), queued(), second, rings(20.0), answers(25.0), hangs_up(60.0), cleared(60.0)])
    assert (told["wait_s"], told["queue"]) == (24, "experts")


def test_a_call_that_goes_back_to_the_queue_waits_again() -> None:
    again = said(15.0, "queued", {"connection": "c", "queue": "billing"}, name="again")
    call = call_of(offered(), queued(), rings(2.0), diverted(14.0), again)
    assert len(call.waits) == 1, "an offer does not end the waiting"


@pytest.mark.parametrize("first", [queued(), rings(2.0), answers(5.0)])
def test_a_lost_opening_is_made_up_for(first: Fact) -> None:
    assert call_of(first).phase is Phase.OPEN


@pytest.mark.parametrize("kind", sorted(set(DATA_MODELS) - {"offered", "serviceInitiated", "originated", "queued",
                                                            "delivered", "established"}))  # fmt: skip
def test_nothing_else_opens_a_call(kind: str) -> None:
    data = {
        "connection": "c",
        "device": "8001",
        "digits": "1",
        "tone": "t",
        "message": "m",
        "score": 5,
        "result": "human",
    }
    call, ignored = advance(Call(SUBJECT), said(1.0, kind, data))
    assert (call.phase, ignored) == (Phase.NULL, Ignored.NO_SUCH_CALL)


def test_what_cannot_be_used_says_why() -> None:
    talking = call_of(*answered_call()[:4])
    assert ignored_by(talking, holds(6.0, leg="nobody")) is Ignored.NO_SUCH_LEG
    assert ignored_by(talking, takes_back(6.0)) is Ignored.NOT_OPEN
    assert ignored_by(talking, said(6.0, "diverted", SECOND)) is Ignored.NO_SUCH_LEG
    assert ignored_by(talking, rings(6.0)) is Ignored.WRONG_STATE
    assert ignored_by(call_of(*answered_call(holds(20.0))[:5]), holds(21.0, by="8002")) is Ignored.ALREADY_OPEN
    assert ignored_by(call_of(*answered_call(mutes(20.0))[:5]), mutes(21.0)) is Ignored.ALREADY_OPEN
    assert ignored_by(talking, mutes(21.0, kind="unmuted")) is Ignored.NOT_OPEN
    assert ignored_by(talking, said(6.0, "speechDetected", {"connection": "c"})) is Ignored.NO_CHANGE
    assert ignored_by(call_of(*answered_call()), holds(130.0)) is Ignored.ALREADY_ENDED
    assert ignored_by(call_of(*answered_call()), said(130.0, "offered", {})) is Ignored.REUSED_TOO_SOON
    assert ignored_by(talking, said(6.0, "ringback.call.novelty.v1", {})) is Ignored.UNKNOWN_TYPE


def test_what_comes_afterwards_belongs_to_the_record() -> None:
    told = record([*answered_call(), said(125.0, "surveyScored", {"score": 5}), said(126.0, "agentAction", {
        "action": "disposition", "disposition": "fault"}), said(127.0, "identityVerified", {})])  # fmt: skip
    assert (told["survey"], told["agent_disposition"], told["identity_verified"]) == (5, "fault", True)
    assert told["ended_at"] == "2026-03-02T01:02:00.000Z"


def test_what_was_noted_on_the_way() -> None:
    told = record(answered_call(
        said(1.2, "digitsGenerated", {"digits": "12"}), said(1.4, "digitsGenerated", {"digits": "#"}),
        said(1.5, "networkTone", {"tone": "poweredOff"}), said(1.6, "announcementEnded", {"message": "hold_notice"}),
        said(1.7, "announcementEnded", {"message": "cut", "completed": False}),
        said(1.8, "answeringMachineResult", {"result": "human"}),
    ))  # fmt: skip
    assert (told["digits"], told["tone"], told["announcements"], told["machine"]) == (
        "12#", "poweredOff", ["hold_notice"], "human",
    )  # fmt: skip


@pytest.mark.parametrize("kind", [LOST, STALE])
def test_a_derived_end_is_an_outcome_of_its_own(kind: str) -> None:
    told = record([offered(), queued(), rings(2.0), answers(5.0), said(5.0, kind)])
    assert told["outcome"] == kind


def test_an_outbound_call_is_answered_by_the_customer() -> None:
    opened = said(0.0, "originated", {"connection": "d", "calling": "95598", "called": "+8613800000000",
                                      "direction": "outbound", "$commandid": "m-1"})  # fmt: skip
    leg = {"connection": "p"}
    told = record([opened, said(1.0, "networkReached", {"connection": "p"}), said(2.0, "delivered", leg),
                   said(9.0, "established", leg), hangs_up(30.0, "+8613800000000", "p"), cleared(30.0)])  # fmt: skip
    assert (told["outcome"], told["answer_s"], told["talk_s"], told["released_by"], told["commandid"]) == (
        "answered", 7, 21, "customer", "m-1",
    )  # fmt: skip


def test_the_ivr_taking_the_caller_is_no_answer() -> None:
    facts = [
        offered(),
        said(0.5, "established", {"connection": "c", "device": "ivr"}),
        queued(9.0),
        hangs_up(30.0),
        cleared(30.0),
    ]
    assert record(facts)["outcome"] == "abandoned"


def test_the_minimal_switch_of_five_kinds_without_connections() -> None:
    """offered, queued, delivered, established, callCleared; the caller's leg has no name."""
    facts = [
        said(0.0, "offered", {"calling": CALLER}), said(1.0, "queued", {"queue": "billing"}), rings(2.0), answers(15.0),
        cleared(60.0),
    ]  # fmt: skip
    told = record(facts)
    assert (told["outcome"], told["wait_s"], told["answer_s"], told["talk_s"], told["queue"], told["direction"]) == (
        "answered", 14, 13, 45, "billing", None,
    )  # fmt: skip
    assert [breach["rule"] for breach in told["breaches"]] == ["RING-1", "RING-2"]
    assert next(iter(call_of(*facts[:4]).legs)).side is Side.CUSTOMER


def test_a_leg_named_late_is_the_callers() -> None:
    facts = [said(0.0, "offered", {"calling": CALLER}), said(1.0, "queued", {}), rings(2.0), answers(4.0)]
    told = record([*facts, holds(10.0), takes_back(26.0), hangs_up(60.0), cleared(60.0)])
    assert [(hold["seconds"], hold["by"]) for hold in told["holds"]] == [(16, "agent")]
    assert told["released_by"] == "customer"


# -- one call id, several calls ----------------------------------------------------------------------------------------


def test_the_id_may_begin_again_after_300_s_and_not_before() -> None:
    call = call_of(*answered_call(end_s=100.0))
    assert not begins_again(call, offered(100.0 + REINCARNATION_MS / 1000))
    assert begins_again(call, offered(100.001 + REINCARNATION_MS / 1000))
    assert not begins_again(call, cleared(1000.0))


def test_a_fold_stops_where_the_next_call_begins() -> None:
    again = [offered(500.0), cleared(510.0)]
    folded = fold(SUBJECT, [*again, *answered_call(end_s=100.0)])
    assert [fact.kind for fact in folded.beyond] == ["offered", "callCleared"]
    assert folded.call.ended_ms == call_of(*answered_call(end_s=100.0)).ended_ms


def test_a_late_fact_before_the_clearing_belongs_to_the_call() -> None:
    facts = answered_call(holds(20.0), takes_back(40.0))
    late = next(fact for fact in facts if fact.kind == "retrieved")
    assert record([fact for fact in facts if fact is not late] + [late]) == record(facts)


# -- the tables --------------------------------------------------------------------------------------------------------


def test_every_kind_of_the_contract_has_its_place() -> None:
    assert {kind for phase, kind in TABLE if phase is Phase.OPEN} >= set(DATA_MODELS)


def test_an_ended_call_is_never_revived() -> None:
    ended = call_of(*answered_call())
    for kind in DATA_MODELS:
        data = {**FIRST, "digits": "1", "tone": "t", "message": "m", "score": 5, "result": "human", "disposition": "x"}
        after, _ = advance(ended, said(200.0, kind, data))
        assert (after.phase, after.ended_ms, len(after.legs)) == (Phase.ENDED, ended.ended_ms, 0), kind


def test_a_leg_leaves_every_state_it_can_be_in() -> None:
    leaving = {state for (state, kind) in LEG_TABLE if kind == "connectionCleared"}
    assert leaving == set(LegState) - {LegState.NULL}
