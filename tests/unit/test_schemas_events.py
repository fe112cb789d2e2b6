"""The `data` of every event: what each may say, what each must say."""

from typing import Any

import pytest

from schemas import agent_events, call_events, switch_events
from schemas.envelope import DATA_MODELS, Refused, read_event

LEG = {"connection": "c", "cause": "newCall", "q850": 16, "private": {"vendor": [1]}}
CALL = {"calling": "+8679186261234", "called": "95598", "direction": "inbound", "trunk": "t-1", "language": "zh"}
HAND_OVER = {
    "primaryOldCall": "c-1",
    "secondaryOldCall": "c-2",
    "resultingCall": "c-3",
    "connections": {"a": "b"},
    "blind": True,
    "reason": "complaint",
    "to": "95599",
}
HOLD = {"holdingDevice": "SIP/1001", "heldConnection": "c"}

FULL: dict[str, dict[str, Any]] = {
    "call.offered": {**LEG, **CALL, "vip": True},
    "call.serviceInitiated": {**LEG, **CALL, "vip": False},
    "call.originated": {**LEG, **CALL, "direction": "outbound", "vip": False},
    "call.queued": {**LEG, "queue": "billing", "position": 3, "priority": -1},
    "call.networkReached": {**LEG, "trunk": "t-1"},
    "call.delivered": {**LEG, "device": "SIP/1001", "agent": "1001", "queue": "billing", "ring_timeout_s": 15},
    "call.established": {**LEG, "device": "SIP/1001", "agent": "1001", "answering": "SIP/1001"},
    "call.diverted": {**LEG, "device": "SIP/1001", "agent": "1001", "to": "queueHead", "cause": "ourOwnCause"},
    "call.held": {**LEG, **HOLD},
    "call.retrieved": {**LEG, **HOLD},
    "call.muted": {**LEG, "device": "SIP/1001"},
    "call.unmuted": {**LEG, "device": "SIP/1001"},
    "call.silenceDetected": LEG,
    "call.speechDetected": LEG,
    "call.transferred": {**LEG, **HAND_OVER},
    "call.conferenced": {**LEG, **HAND_OVER},
    "call.failed": {**LEG, "device": "SIP/1001", "agent": "1001"},
    "call.connectionCleared": {**LEG, "releasingDevice": "network", "releaseReason": "abuse"},
    "call.callCleared": {"cause": "normalClearing", "q850": 0, "private": {}},
    "call.digitsGenerated": {**LEG, "digits": "0*#", "device": "SIP/1001"},
    "call.networkTone": {**LEG, "tone": "poweredOff"},
    "call.answeringMachineResult": {**LEG, "result": "human"},
    "call.announcementEnded": {**LEG, "message": "hold_notice", "completed": False},
    "call.recordingAvailable": {**LEG, "recording": "s3://r/1.wav", "seconds": 61.5},
    "call.surveyScored": {**LEG, "score": 5, "agent": "1001"},
    "call.identityVerified": {**LEG, "verified": True, "agent": "1001", "method": "account"},
    "call.agentAction": {**LEG, "action": "disposition", "agent": "1001", "disposition": "alreadyPaid", "note": "昨天"},
    "call.messageReport": {"state": "undeliverable", "to": "+8613812345678", "cause": "absent"},
    "call.commandResult": {
        "commandid": "k",
        "state": "refused",
        "reason": "noOtherAgent",
        "answer": "live",
        "q850": 20,
        "ended_at": "2026-03-02T09:00:00+08:00",
    },
    "agent.agentLoggedOn": {"device": "SIP/1001", "queues": ["billing"], "cause": "x", "private": {"a": 1}},
    "agent.agentLoggedOff": {"device": "SIP/1001", "reason": "shift"},
    "agent.agentReady": {"device": "SIP/1001"},
    "agent.agentNotReady": {"device": "SIP/1001", "reason": "break"},
    "agent.agentBusy": {"device": "SIP/1001", "call": "c-1"},
    "agent.agentWorkingAfterCall": {"device": "SIP/1001", "call": "c-1"},
    "switch.switchHeartbeat": {"clock": "2026-03-02T09:00:00+08:00", "lastSequence": 7, "private": {}},
    "switch.switchSnapshot": {
        "calls": [
            {
                "call": "c-1",
                "connections": [{"connection": "c", "state": "hold", "device": "d", "agent": "1001"}],
                "openedAt": "2026-03-02T09:00:00+08:00",
                "direction": "inbound",
                "calling": "",
                "called": "95598",
                "trunk": "t",
                "queue": "billing",
            }
        ],
        "agents": [{"agent": "1001", "state": "ready", "device": "d", "queues": []}],
    },
}

NEEDED = {
    "connection": [
        *["delivered", "established", "diverted", "held", "retrieved", "connectionCleared"],
        *["silenceDetected", "speechDetected"],
    ],
    "commandid": ["commandResult"],
    "state": ["commandResult", "messageReport"],
    "digits": ["digitsGenerated"],
    "tone": ["networkTone"],
    "result": ["answeringMachineResult"],
    "message": ["announcementEnded"],
    "recording": ["recordingAvailable"],
    "score": ["surveyScored"],
    "action": ["agentAction"],
    "calls": ["switchSnapshot"],
}


def read(kind: str, data: dict[str, Any]) -> set[tuple[str, str]]:
    """The problems of an event of this kind; none if it is taken."""
    item = {"specversion": "1.0", "id": "1", "source": "/s", "subject": "x", "time": "2026-03-02T09:00:00+08:00"}
    try:
        assert read_event({**item, "type": f"ringback.{kind}.v1", "data": data}).known
    except Refused as refusal:
        return {(problem.pointer, problem.rule) for problem in refusal.problems}
    return set()


def test_every_event_has_an_example_here() -> None:
    assert {f"ringback.{kind}.v1" for kind in FULL} == set(DATA_MODELS)


@pytest.mark.parametrize("kind", FULL)
def test_an_event_may_say_all_of_this(kind: str) -> None:
    assert read(kind, FULL[kind]) == set()


@pytest.mark.parametrize("kind", FULL)
def test_an_event_must_say_only_what_it_means_nothing_without(kind: str) -> None:
    for member in FULL[kind]:
        rest = {name: value for name, value in FULL[kind].items() if name != member}
        missing = read(kind, rest)
        if kind.split(".")[1] in NEEDED.get(member, []):
            assert missing == {(f"/data/{member}", "missing")}
        elif (kind, member) == ("call.agentAction", "disposition"):
            assert missing == {("/data/disposition", "disposition")}
        else:
            assert missing == set()
            assert read(kind, {**rest, member: None}) == set()


@pytest.mark.parametrize("kind", FULL)
def test_nothing_unknown_and_nothing_of_another_type(kind: str) -> None:
    assert read(kind, {**FULL[kind], "colour": "red"}) == {("/data/colour", "extra_forbidden")}
    for member in FULL[kind]:
        problems = read(kind, {**FULL[kind], member: 3.5 if member not in ("ring_timeout_s", "seconds") else "3.5"})
        assert {pointer for pointer, _ in problems} == {f"/data/{member}"}


@pytest.mark.parametrize(
    ("kind", "member", "value"),
    [
        ("call.queued", "position", "1"),
        ("call.queued", "position", True),
        ("call.queued", "position", -1),
        ("call.offered", "vip", 1),
        ("call.offered", "vip", "true"),
        ("call.offered", "direction", "sideways"),
        ("call.offered", "calling", 8679186261234),
        ("call.delivered", "connection", ""),
        ("call.delivered", "connection", "x" * 129),
        ("call.delivered", "ring_timeout_s", 0),
        ("call.delivered", "ring_timeout_s", True),
        ("call.delivered", "q850", 128),
        ("call.delivered", "cause", "x" * 65),
        ("call.digitsGenerated", "digits", "1 2"),
        ("call.surveyScored", "score", 4.5),
        ("call.commandResult", "state", "maybe"),
        ("call.commandResult", "reason", "tired"),
        ("switch.switchHeartbeat", "clock", "2026-03-02T09:00:00"),
        ("switch.switchHeartbeat", "lastSequence", -1),
    ],
)
def test_values_have_their_limits(kind: str, member: str, value: object) -> None:
    assert {pointer for pointer, _ in read(kind, {**FULL[kind], member: value})} == {f"/data/{member}"}


def test_a_number_that_is_too_long_is_no_reason_to_refuse_a_call() -> None:
    assert read("call.offered", {"calling": "1" * 65, "called": "sip:" + "9" * 500}) == set()


def test_a_place_inside_a_snapshot_is_named() -> None:
    calls = [{"call": "1"}, {"call": "2", "connections": [{"connection": "c", "state": "dancing"}]}]
    assert read("switch.switchSnapshot", {"calls": calls}) == {("/data/calls/1/connections/0/state", "literal_error")}


def test_a_member_s_name_is_judged_as_its_value_is() -> None:
    assert read("call.transferred", {"connections": {"": "b"}}) == {("/data/connections/", "string_too_short")}
    assert read("call.transferred", {"connections": {"a": ""}}) == {("/data/connections/a", "string_too_short")}


def test_a_mute_names_its_leg_or_its_device() -> None:
    assert read("call.muted", {"connection": "c"}) == set()
    assert read("call.muted", {"device": "d"}) == set()
    assert read("call.muted", {}) == {("/data", "leg_or_device")}


def test_the_minimum_is_five_events_with_little_in_them() -> None:
    least: dict[str, dict[str, Any]] = {"delivered": {"connection": "a"}, "established": {"connection": "a"}}
    for kind in ("offered", "queued", "delivered", "established", "callCleared"):
        assert read(f"call.{kind}", least.get(kind, {})) == set()


def test_facts_of_one_moment_have_the_order_of_the_contract() -> None:
    rank = call_events.KIND_RANK
    assert rank.keys() == call_events.DATA_MODELS.keys()
    order = ["offered", "serviceInitiated", "originated", "queued", "networkReached", "delivered", "established"]
    last = ["connectionCleared", "callCleared"]
    between = sorted(rank.keys() - set(order) - set(last), key=rank.__getitem__)
    assert between[-2:] == ["transferred", "conferenced"]
    ranks = [rank[kind] for kind in [*order, *between, *last]]
    assert ranks == sorted(set(ranks))
    for begins, ends in [("held", "retrieved"), ("muted", "unmuted"), ("silenceDetected", "speechDetected")]:
        assert rank[begins] < rank[ends]
    agent = agent_events.KIND_RANK
    assert agent["agentLoggedOn"] < agent["agentReady"] < agent["agentLoggedOff"]
    assert switch_events.KIND_RANK.keys() == switch_events.DATA_MODELS.keys()


@pytest.mark.parametrize("kind", ["delivered", "connectionCleared", "held", "transferred", "diverted", "established"])
def test_an_address_that_is_too_long_is_cut_and_the_event_taken(kind: str) -> None:
    """A SIP address with many parameters."""
    member = {"connectionCleared": "releasingDevice", "held": "holdingDevice", "transferred": "to"}.get(kind, "device")
    read = call_events.DATA_MODELS[kind].model_validate({"connection": "c1", member: "sip:" + "9" * 140})
    assert list(read.model_dump(by_alias=True, exclude_none=True).values())[-1] == "sip:" + "9" * 124
