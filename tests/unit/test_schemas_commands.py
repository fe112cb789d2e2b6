"""Commands as they are sent."""

from typing import Any

import pytest
from pydantic import ValidationError

from schemas.commands import COMMAND_MODELS, read_command

TIMES = {
    "issued_at": "2026-03-02T01:00:12.000Z",
    "expires_at": "2026-03-02T01:00:18.000Z",
    "due_at": "2026-03-02T01:00:12.000Z",
}
ALL: dict[str, Any] = {
    "id": "0f3a",
    "tenant": "jx",
    "switch": "nanchang-1",
    "call": "c0ffee",
    "subject": "1709-22",
    "connection": "a-1001",
    "agent": "1001",
    "rule": "RING-1",
    "if_state": "alerting",
    "if_other_ready": True,
    "valid_for_ms": 5800,
    **TIMES,
}
TEXT = {"zh": "请稍等", "en": "Please wait"}
OWN: dict[str, dict[str, Any]] = {
    "deflectCall": {"to": "queueHead", "except": "SIP/1001"},
    "playMessage": {"message": "hold_notice", "text": TEXT, "interrupt_on": ["retrieved"]},
    "stopMessage": {"message": "hold_notice", "text": TEXT, "interrupt_on": []},
    "promptAgent": {"message": "late_answer_apology", "text": TEXT, "severity": "warning"},
    "setAgentState": {"state": "notReady", "reason": "unseenRinging"},
    "clearConnection": {"reason": "silent", "message": "closing", "text": TEXT},
    "singleStepTransferCall": {"to": "survey"},
    "setRingTimeout": {"seconds": 12},
    "makeCall": {
        "to": "+8613812345678",
        "caller_id": "95598",
        "trunk_group": "t",
        "ring_timeout_s": 30.0,
        "answering_machine": "detect",
        "on_answer": {"message": "bill"},
        "attempt": 1,
    },
    "snapshotCall": {"about": "0f39"},
    "sendMessage": {"channel": "sms", "to": "+8613812345678", "text": "电费", "template": "bill.sms"},
}
LEAST = {
    "deflectCall": {"to", "connection"},
    "playMessage": {"message", "connection"},
    "stopMessage": {"message", "connection"},
    "promptAgent": {"message", "agent"},
    "setAgentState": {"state", "agent"},
    "clearConnection": {"connection"},
    "singleStepTransferCall": {"to", "connection"},
    "setRingTimeout": {"seconds", "connection"},
    "makeCall": {"to"},
    "snapshotCall": set(),
    "sendMessage": {"channel", "to"},
}


def refused_at(item: dict[str, Any]) -> set[str]:
    """The last step of the path of each mistake."""
    with pytest.raises(ValidationError) as refusal:
        read_command(item)
    return {str(error["loc"][-1]) for error in refusal.value.errors()}


def test_every_command_has_an_example_here() -> None:
    assert OWN.keys() == COMMAND_MODELS.keys() == LEAST.keys()


@pytest.mark.parametrize("name", OWN)
def test_a_command_with_all_its_fields_is_read_and_written_back(name: str) -> None:
    item = {"command": name, **ALL, **OWN[name]}
    command = read_command(item)
    assert type(command) is COMMAND_MODELS[name]
    written = command.model_dump(by_alias=True, exclude_none=True, exclude=set(TIMES))
    assert written == {key: value for key, value in item.items() if key not in TIMES}


@pytest.mark.parametrize("name", OWN)
def test_a_command_needs_only_what_makes_it_one(name: str) -> None:
    item = {"command": name, **ALL, **OWN[name]}
    needed = {"id", "tenant", "switch", "issued_at", "expires_at"} | LEAST[name]
    read_command({"command": name, **{key: item[key] for key in needed}})
    for key in needed:
        assert refused_at({member: value for member, value in item.items() if member != key}) == {key}


@pytest.mark.parametrize(
    ("name", "changes", "at"),
    [
        ("deflectCall", {"colour": 1}, "colour"),
        ("deflectCall", {"excepted": "x"}, "excepted"),
        ("deflectCall", {"if_state": "Alerting"}, "if_state"),
        ("deflectCall", {"rule": "ring"}, "rule"),
        ("deflectCall", {"issued_at": 1772413212000}, "issued_at"),
        ("deflectCall", {"valid_for_ms": 5.5}, "valid_for_ms"),
        ("playMessage", {"message": "no such key"}, "message"),
        ("playMessage", {"text": {"fr": "x"}}, "fr"),
        ("setAgentState", {"state": "asleep"}, "state"),
        ("setRingTimeout", {"seconds": 0}, "seconds"),
        ("makeCall", {"to": "13812345678"}, "to"),
        ("makeCall", {"attempt": 0}, "attempt"),
        ("makeCall", {"on_answer": {}}, "on_answer"),
        ("makeCall", {"on_answer": {"message": "m", "agent": "1"}}, "on_answer"),
        ("sendMessage", {"channel": "pigeon"}, "channel"),
    ],
)
def test_a_mistake_in_a_command_is_found(name: str, changes: dict[str, Any], at: str) -> None:
    assert refused_at({"command": name, **ALL, **OWN[name], **changes}) == {at}


@pytest.mark.parametrize("item", [None, [], {}, {"command": "dance", **ALL}, {"command": 1}])
def test_what_is_no_command_is_refused(item: object) -> None:
    with pytest.raises(ValidationError):
        read_command(item)
