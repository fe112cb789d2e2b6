"""The switch's own machine, moved by hand: what is said, and when."""

import json

import pytest

from cti.switches.simulated import saved_state
from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.habits import Span
from cti.switches.simulated.pbx import Doing
from schemas.envelope import read_event
from tests.unit.simulated_site import START_MS, STRAIGHT, Stage


def test_a_plain_call(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    call = stage.call(10)
    stage.run_to(60)
    assert stage.said(call) == [
        (10, "offered"),
        (11, "queued"),
        (11, "delivered"),
        (14, "established"),
        (44, "connectionCleared"),
        (44, "callCleared"),
    ]
    assert stage.data("connectionCleared")[0]["releasingDevice"] == stage.data("offered")[0]["calling"]
    assert stage.said("1001")[2:] == [(14, "agentBusy"), (44, "agentWorkingAfterCall"), (49, "agentReady")]


def test_an_ignored_ring_ends_as_not_answered_and_goes_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(ignores=1), agents=2)
    call = stage.call(10)
    stage.run_to(31)
    assert stage.said(call)[2:] == [(11, "delivered"), (31, "diverted"), (31, "delivered")]
    assert stage.data("diverted")[0]["cause"] == "callNotAnswered"
    assert [offer["agent"] for offer in stage.data("delivered")] == ["1001", "1002"]


def test_the_only_agent_is_tried_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(rejects=1))
    call = stage.call(10)
    stage.run_to(35)
    assert [kind for _, kind in stage.said(call)].count("delivered") >= 2
    assert stage.data("failed")[0]["cause"] == "callRejected"


def test_longest_idle_agent_is_next(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(talk=Span(5, 5)), agents=3)
    for at_s in (10, 20, 30, 40):
        stage.call(at_s)
    stage.run_to(60)
    assert [offer["agent"] for offer in stage.data("delivered")] == ["1001", "1002", "1003", "1001"]


def test_a_caller_gives_up_while_it_rings(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(ignores=1, patience_least_s=6))
    call = stage.call(10)
    stage.run_to(40)
    assert stage.said(call)[-2:] == [(17, "connectionCleared"), (17, "callCleared")]
    assert stage.exchange.pbx.agents["1001"].doing is Doing.READY


def test_a_hold_and_a_mute(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(holds=1, mutes=1))
    call = stage.call(10)
    stage.run_to(400)
    kinds = [kind for _, kind in stage.said(call)]
    assert kinds.count("held") == kinds.count("retrieved") == 3
    assert kinds.count("muted") == kinds.count("unmuted") == 1
    assert stage.data("held")[0] == {"holdingDevice": "SIP/1001", "heldConnection": "c", "connection": "c"}


def test_a_blind_transfer_rings_at_the_second_agent(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(transfers_blind=1), agents=2)
    call = stage.call(10)
    stage.run_to(46)
    assert stage.said(call)[4:] == [(44, "transferred"), (44, "delivered")]
    assert stage.data("transferred")[0]["blind"] is True
    assert stage.exchange.pbx.agents["1001"].doing is Doing.AFTER_CALL
    stage.run_to(100)
    assert stage.said(call)[6:] == [(47, "established"), (77, "connectionCleared"), (77, "callCleared")]


def test_a_consultation_is_a_second_call_with_the_same_correlation(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(transfers_attended=1), agents=2)
    call = stage.call(10)
    stage.run_to(120)
    consultation = next(fact["subject"] for fact in stage.facts if fact["type"].endswith("originated.v1"))
    assert stage.said(consultation) == [
        (44, "originated"),
        (44, "delivered"),
        (47, "established"),
        (57, "transferred"),
        (57, "callCleared"),
    ]
    assert stage.said(call)[4:] == [
        (44, "held"),
        (57, "transferred"),
        (87, "connectionCleared"),
        (87, "callCleared"),
    ]
    assert {fact.get("correlation") for fact in stage.facts if fact["subject"] in {call, consultation}} == {call}
    named = stage.data("transferred")[0]
    assert (named["primaryOldCall"], named["secondaryOldCall"], named["resultingCall"]) == (call, consultation, call)


def test_nobody_answers_the_consultation_and_the_caller_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(transfers_attended=1, answer=Span(8.5, 8.5)), agents=2)
    call = stage.call(10)
    stage.run_to(200)
    kinds = [kind for _, kind in stage.said(call)]
    assert kinds[4:] == ["held", "retrieved", "connectionCleared", "callCleared"]
    assert not stage.exchange.pbx.calls
    assert {agent.doing for agent in stage.exchange.pbx.agents.values()} == {Doing.READY}


def test_a_caller_who_leaves_during_the_consultation_ends_both_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(transfers_attended=1), agents=2)
    call = stage.call(10)
    stage.run_to(50)
    stage.exchange.pbx.later(START_MS + 51_000, "leave", call)
    stage.run_to(60)
    assert not stage.exchange.pbx.calls
    assert [kind for _, kind in stage.said()].count("callCleared") == 2
    assert {agent.doing for agent in stage.exchange.pbx.agents.values()} == {Doing.READY}


def test_agents_first_release_carries_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(agent_first=1, agent_first_with_reason=1))
    stage.call(10)
    stage.run_to(60)
    released = stage.data("connectionCleared")[0]
    assert released["releasingDevice"] == "SIP/1001"
    assert released["releaseReason"]


def test_hurry_ends_every_call_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, agents=3)
    for at_s in (10, 11, 12, 13, 14):
        stage.call(at_s)
    stage.run_to(20)
    stage.exchange.hurry(START_MS + 20_000)
    stage.run_to(26)
    assert not stage.exchange.pbx.calls
    assert stage.exchange.next_ms is None or not stage.exchange.pbx.taking_calls


def test_snapshot_and_heartbeat_tell_what_is_live(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, agents=2)
    call = stage.call(10)
    stage.run_to(15)
    snapshot = read_event(stage.exchange.snapshot(START_MS + 15_000))
    assert [seen["call"] for seen in snapshot.data["calls"]] == [call]
    states = {leg["connection"]: leg["state"] for leg in snapshot.data["calls"][0]["connections"]}
    assert states == {"c": "connected", "a1-1001": "connected"}
    assert {agent["agent"]: agent["state"] for agent in snapshot.data["agents"]} == {"1001": "busy", "1002": "ready"}
    beat = read_event(stage.exchange.heartbeat(START_MS + 15_500))
    assert beat.data["lastSequence"] == snapshot.sequence


def test_stopped_and_started_again_it_goes_on_with_the_same_calls(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was kept as JSON comes to the same end, event for event, as what was never stopped."""
    path, site = tmp_path / "switch.json", Site("sim-1", 5, 60.0, 3, "brisk")
    whole, halved = Exchange.opened(site, START_MS), Exchange.opened(site, START_MS)
    for exchange in (whole, halved):
        exchange.advance(START_MS + 60_000)
        exchange.take_calls(False, START_MS + 60_000)
    assert halved.pbx.calls
    saved_state.write(path, halved, [b"{}"], [])
    kept = saved_state.take(path, site, START_MS + 60_000)
    assert kept is not None
    assert kept.events == [b"{}"]
    for exchange in (whole, kept.exchange):
        exchange.pbx.agenda = sorted(due for due in exchange.pbx.agenda if due.action != "arrive")
        exchange.take_calls(False, START_MS + 60_000)
    expected, got = whole.advance(START_MS + 600_000), kept.exchange.advance(START_MS + 600_000)
    assert got == expected
    assert expected
    assert not path.exists(), "read once: after a crash the ids would come again"


def test_the_file_keeps_the_names_that_it_had(tmp_path) -> None:
    """A state that an earlier release left behind is read by this one, and the other way round."""
    path, exchange = tmp_path / "switch.json", Exchange.opened(Site(), START_MS)
    exchange.advance(START_MS)
    saved_state.write(path, exchange, [], [])
    plant = json.loads(path.read_text("utf-8"))["plant"]
    assert plant["orders_made"] == exchange.pbx.made > 0
    kept = saved_state.take(path, Site(), START_MS)
    assert kept is not None
    assert kept.exchange.pbx.made >= plant["orders_made"]


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format":1,"plant":{},"events":[],"results":[]}'])
def test_a_damaged_state_is_named(tmp_path, text: str) -> None:
    path = tmp_path / "switch.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="no state of a simulated switch"):
        saved_state.take(path, Site(), START_MS)


def test_another_site_or_an_old_state_starts_afresh(tmp_path) -> None:
    path, site = tmp_path / "switch.json", Site("sim-1", 5, 60.0, 3, "brisk")
    saved_state.write(path, Exchange.opened(site, START_MS), [], [])
    assert saved_state.take(path, Site("sim-1", 6, 60.0, 3, "brisk"), START_MS) is None
    saved_state.write(path, Exchange.opened(site, START_MS), [], [])
    assert saved_state.take(path, site, START_MS + saved_state.GAP_MAX_MS + 1) is None


def test_event_ids_of_two_starts_differ() -> None:
    first, second = (Exchange.opened(Site(), START_MS + later_ms) for later_ms in (0, 1000))
    ids = [{fact["id"] for fact in exchange.advance(START_MS + 60_000)} for exchange in (first, second)]
    assert ids[0]
    assert ids[0].isdisjoint(ids[1])
