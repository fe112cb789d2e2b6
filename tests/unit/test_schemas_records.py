"""The call record and the digest over many."""

import hashlib
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.records import Breach, CallRecord, canonical, records_digest

AT = "2026-03-02T01:00:12.000Z"
RECORD: dict[str, Any] = {
    "call": "a1",
    "source": "/switches/n",
    "subject": "1709-22",
    "tenant": "jx",
    "correlation": "j",
    "revision": 2,
    "profile": "power-95598@1",
    "commandid": None,
    "direction": "inbound",
    "calling": "+8679186261234",
    "called": "95598",
    "trunk": None,
    "queue": "billing",
    "opened_at": AT,
    "ended_at": AT,
    "outcome": "answered",
    "wait_s": 4.0,
    "waited_again_s": 0.0,
    "ended_waiting": False,
    "answer_s": 3.25,
    "answered_at": AT,
    "talk_s": 60,
    "hold_s": 40.0,
    "released_by": "customer",
    "release_reason": None,
    "cause": "normalClearing",
    "q850": 16,
    "tone": None,
    "machine": None,
    "digits": "0",
    "announcements": ["welcome"],
    "agent_disposition": None,
    "identity_verified": False,
    "survey": 5,
    "clock_stepped": False,
    "dialled": {
        "rang_at": AT,
        "keys": [{"at": AT, "digits": "1"}],
        "messages": [{"at": AT, "message": "body", "completed": True}],
        "agent_answered_at": None,
    },
    "offers": [
        {
            "agent": "1001",
            "device": "d",
            "delivered_at": AT,
            "ended_at": AT,
            "ring_s": 3.25,
            "result": "answered",
            "talk_s": 60,
        }
    ],
    "holds": [
        {"by": "agent", "muted": False, "started_at": AT, "seconds": 40.0, "notices_owed": 2, "notices_played": 1}
    ],
    "transfers": [{"at": AT, "kind": "blind", "to": "95599", "reason": None}],
    "breaches": [
        {"rule": "HOLD-2", "at": AT, "limit": 2, "actual": 1, "offer": None, "hold": 0, "agent": "1001"},
        {"rule": "RING-1", "at": AT, "limit": 12, "actual": 12.2, "offer": 0, "hold": None, "agent": "1001"},
    ],
    "interventions": [
        {"rule": "HOLD-2", "command": "playMessage", "due_at": AT, "outcome": "refused", "reason": "busy"}
    ],
}


def test_a_whole_record_is_read() -> None:
    assert CallRecord.model_validate(RECORD).breaches[1].actual == 12.2
    assert set(CallRecord.model_fields) == RECORD.keys()
    assert set(Breach.model_fields) == RECORD["breaches"][0].keys()


@pytest.mark.parametrize("member", ["call", "outcome", "wait_s", "offers", "identity_verified", "revision"])
def test_a_record_without_its_core_is_none(member: str) -> None:
    with pytest.raises(ValidationError):
        CallRecord.model_validate({key: value for key, value in RECORD.items() if key != member})


def test_a_record_of_the_release_before_is_read() -> None:
    added = {"waited_again_s", "ended_waiting", "clock_stepped", "dialled"}
    CallRecord.model_validate({key: value for key, value in RECORD.items() if key not in added})


@pytest.mark.parametrize("changes", [{"outcome": "fine"}, {"wait_s": -0.001}, {"talk_s": "60"}, {"mood": "good"}])
def test_a_record_with_a_mistake_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CallRecord.model_validate({**RECORD, **changes})


def test_the_canonical_form_to_the_byte() -> None:
    assert (
        canonical({"b": [1.0, 0.5, None, True], "a": "昨\n", "c": {}})
        == '{"a":"昨\\n","b":[1,0.5,null,true],"c":{}}'.encode()
    )


def test_the_canonical_form_knows_no_nan() -> None:
    with pytest.raises(ValueError, match="JSON"):
        canonical({"a": float("nan")})


def changed(**changes: Any) -> list[dict[str, Any]]:
    return [{**RECORD, **changes}]


def test_the_digest_is_that_of_the_lines() -> None:
    small = {"call": "a", "holds": [], "breaches": [], "interventions": [], "revision": 9}
    line = b'{"breaches":[],"call":"a","holds":[]}\n'
    assert records_digest([small]) == hashlib.sha256(line).hexdigest()
    assert records_digest([]) == hashlib.sha256(b"").hexdigest()


def test_what_was_lived_does_not_count() -> None:
    digest = records_digest([RECORD])
    assert records_digest(changed(revision=7)) == digest
    assert records_digest(changed(interventions=[])) == digest
    assert records_digest(changed(holds=[{**RECORD["holds"][0], "notices_played": 2}])) == digest
    assert records_digest(changed(breaches=RECORD["breaches"][1:])) == digest
    assert records_digest(changed(talk_s=60.0)) == digest


@pytest.mark.parametrize(
    "changes",
    [
        {"talk_s": 60.001},
        {"profile": "power-95598@2"},
        {"breaches": RECORD["breaches"][:1]},
        {"holds": [{**RECORD["holds"][0], "notices_owed": 3}]},
        {"queue": None},
    ],
)
def test_all_else_counts(changes: dict[str, Any]) -> None:
    assert records_digest(changed(**changes)) != records_digest([RECORD])


def test_records_come_in_order_and_once() -> None:
    second = {**RECORD, "call": "a2"}
    assert records_digest([RECORD, second]) != records_digest([RECORD])
    for wrong in ([second, RECORD], [RECORD, RECORD]):
        with pytest.raises(ValueError, match="out of order"):
            records_digest(wrong)
