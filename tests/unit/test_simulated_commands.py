"""Obeying as a good switch must: never twice, never late, never in the wrong state, never leaving a caller alone."""

import pytest

from cti.switches.simulated.commands import Verdict
from cti.switches.simulated.habits import Span
from cti.switches.simulated.pbx import Doing, rfc3339
from tests.unit.simulated_site import START_MS, STRAIGHT, Stage

DEFLECT = {"connection": "a1-1001", "if_state": "alerting", "if_other_ready": True, "to": "queueHead"}


def ringing(monkeypatch: pytest.MonkeyPatch, agents: int = 2) -> tuple[Stage, str]:
    """A call that rings at 1001 from 11 s to 16 s."""
    stage = Stage(monkeypatch, STRAIGHT._replace(answer=Span(5, 5)), agents)
    return stage, stage.call(10)


def test_deflect_goes_back_to_the_head_and_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch)
    assert stage.command(13, "deflectCall", subject=call, **DEFLECT) == Verdict("done")
    assert stage.said(call)[2:] == [(11, "delivered"), (13, "diverted"), (13, "delivered")]
    diverted = next(fact for fact in stage.facts if fact["type"].endswith("diverted.v1"))
    assert diverted["data"]["cause"] == "redirected"
    assert diverted["commandid"] == "order-1"
    assert stage.data("delivered")[1]["agent"] == "1002"


def test_the_head_of_the_queue_goes_before_who_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, first = ringing(monkeypatch, agents=2)
    second = stage.call(10.5)
    third = stage.call(10.6)
    stage.run_to(12)
    assert stage.exchange.pbx.waiting == [third]
    stage.command(13, "deflectCall", subject=first, **{**DEFLECT, "if_other_ready": False})
    assert stage.exchange.pbx.waiting == [first] or stage.exchange.pbx.waiting == [first, third]
    assert second not in stage.exchange.pbx.waiting


def test_an_answered_call_is_never_torn_down(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch)
    assert stage.command(16, "deflectCall", subject=call, **DEFLECT) == Verdict("refused", "invalidConnectionState")
    assert stage.said(call)[-1] == (16, "established")


def test_no_other_agent_no_deflection(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch, agents=1)
    assert stage.command(13, "deflectCall", subject=call, **DEFLECT) == Verdict("refused", "noOtherAgent")
    assert stage.said(call)[-1] == (11, "delivered"), "it goes on ringing"


def test_an_id_is_obeyed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch, agents=3)
    assert stage.command(13, "deflectCall", subject=call, **DEFLECT).state == "done"
    again = DEFLECT | {"connection": "a2-1002"}
    assert stage.command(14, "deflectCall", subject=call, **again) == Verdict("refused", "duplicate")
    assert stage.command(14, "deflectCall", "order-2", subject=call, **again).state == "done"


@pytest.mark.parametrize(
    "limits",
    [
        {"expires_at": rfc3339(START_MS + 12_999), "valid_for_ms": 60_000},
        {"expires_at": rfc3339(START_MS + 60_000), "valid_for_ms": -1},
    ],
)
def test_whichever_limit_passes_first_counts(monkeypatch: pytest.MonkeyPatch, limits: dict[str, object]) -> None:
    stage, call = ringing(monkeypatch)
    command = {"subject": call, **DEFLECT, **limits}
    assert stage.command(13, "deflectCall", **command) == Verdict("refused", "expired")


def test_an_order_at_its_last_moment_is_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch)
    limits = {"expires_at": rfc3339(START_MS + 13_000), "valid_for_ms": 0}
    assert stage.command(13, "deflectCall", **{"subject": call, **DEFLECT, **limits}).state == "done"


def test_unknown_calls_legs_and_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, call = ringing(monkeypatch)
    assert stage.command(12, "deflectCall", "1", subject="nobody", **DEFLECT).reason == "invalidConnectionState"
    wrong = DEFLECT | {"connection": "a9-1009"}
    assert stage.command(12, "deflectCall", "2", subject=call, **wrong).reason == "invalidConnectionState"
    assert stage.command(12, "makeCall", "3", to="+8679186261234").reason == "notSupported"


def test_not_ready_needs_another_who_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, agents=2)
    away = {"agent": "1001", "state": "notReady", "reason": "unanswered", "if_other_ready": True}
    assert stage.command(5, "setAgentState", "1", **away).state == "done"
    assert stage.exchange.pbx.agents["1001"].doing is Doing.NOT_READY
    assert stage.command(6, "setAgentState", "2", **{**away, "agent": "1002"}).reason == "noOtherAgent"
    stage.run_to(36)
    assert stage.exchange.pbx.agents["1001"].doing is Doing.READY, "back after a while"


def test_who_is_in_a_call_goes_away_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, agents=2)
    stage.call(10)
    away = {"agent": "1001", "state": "notReady", "if_other_ready": True}
    assert stage.command(20, "setAgentState", **away).state == "done"
    stage.run_to(60)
    assert stage.said("1001")[-3:] == [(14, "agentBusy"), (44, "agentWorkingAfterCall"), (49, "agentNotReady")]


def test_a_notice_is_played_to_the_held_and_to_the_muted_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    for habits in (STRAIGHT._replace(holds=1), STRAIGHT._replace(mutes=1)):
        stage = Stage(monkeypatch, habits)
        call = stage.call(10)
        notice = {"subject": call, "connection": "c", "if_state": "hold", "message": "hold_notice"}
        assert stage.command(40, "playMessage", "1", **notice).reason == "invalidConnectionState"
        assert stage.command(58, "playMessage", "2", **notice).state == "done"
        assert stage.command(59, "playMessage", "3", **notice).reason == "busy"
        stage.run_to(62)
        assert stage.data("announcementEnded") == [{"connection": "c", "message": "hold_notice", "completed": True}]


def test_a_notice_ends_with_the_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(holds=1))
    call = stage.call(10)
    notice = {"subject": call, "connection": "c", "if_state": "hold", "message": "hold_notice"}
    assert stage.command(82, "playMessage", **notice).state == "done"
    stage.run_to(90)
    assert stage.said(call)[-2:] == [(84, "retrieved"), (84, "announcementEnded")]
    assert stage.data("announcementEnded")[0]["completed"] is False


def test_stop_message(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(holds=1))
    call = stage.call(10)
    stage.command(58, "playMessage", "1", subject=call, connection="c", message="hold_notice")
    assert stage.command(59, "stopMessage", "2", subject=call, connection="c", message="hold_notice").state == "done"
    assert stage.said(call)[-1] == (59, "announcementEnded")


def test_prompts_reach_desks_that_are_manned(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    assert stage.command(5, "promptAgent", "1", agent="1001", message="hold_inform").state == "done"
    assert stage.command(5, "promptAgent", "2", agent="leader", message="ring_limit").state == "done"
    assert stage.command(5, "promptAgent", "3", agent="9999", message="x").reason == "invalidConnectionState"


def test_clear_and_single_step_transfer(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, agents=2)
    first = stage.call(10)
    stage.run_to(20)
    assert stage.command(20, "singleStepTransferCall", "1", subject=first, connection="c", to="survey").state == "done"
    stage.run_to(25)
    assert stage.said(first)[4:] == [(20, "transferred"), (25, "connectionCleared"), (25, "callCleared")]
    second = stage.call(30)
    stage.run_to(40)
    assert stage.command(40, "clearConnection", "2", subject=second, connection="c", reason="silent").state == "done"
    assert stage.data("connectionCleared")[-1]["releaseReason"] == "silent"
    assert not stage.exchange.pbx.calls


def test_a_switch_that_keeps_the_ring_limit_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, STRAIGHT._replace(ignores=1), agents=2)
    call = stage.call(10)
    assert stage.command(12, "setRingTimeout", subject=call, connection="a1-1001", seconds=12).state == "done"
    stage.run_to(23)
    assert stage.said(call)[3] == (23, "diverted")


def test_reconciliation_says_what_became_of_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch)
    call = stage.call(10)
    assert stage.command(11, "snapshotCall", "1", subject=call).answer == "live"
    stage.run_to(100)
    assert stage.command(100, "snapshotCall", "2", subject=call).answer == "ended"
    assert stage.command(100, "snapshotCall", "3", subject="another").answer == "never_seen"
    assert stage.command(100, "snapshotCall", "4", about="1").answer == "ended"
