"""Outbound calls recorded from a real Asterisk, through AMI and ARI: the facts give the disposition in their names."""

import json
import os
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from campaigns.core.dispositions import CallEnd, Evidence, verdict
from campaigns.core.reasons import Disposition, KeyAction
from cti.core.call import fold
from cti.core.facts import fact
from cti.core.record import Identity, measure, record_of
from schemas.envelope import read_event
from schemas.records import CallRecord
from tests.acceptance.asterisk import SOURCE, events_of
from tests.unit.core.stories import book

DISPOSITIONS = {
    "busy_486": Disposition.BUSY,
    "congestion_503": Disposition.CONGESTION,
    "hung_up_early": Disposition.ANSWERED_INCOMPLETE,
    "invalid_404": Disposition.INVALID_NUMBER,
    "no_answer_20s": Disposition.NO_ANSWER,
    "reached": Disposition.REACHED,
}
CAUSES = {"busy_486": 17, "congestion_503": 34, "hung_up_early": None, "invalid_404": 1, "no_answer_20s": 19}
ANSWERED = {"hung_up_early", "reached"}
RANG = ANSWERED | {"no_answer_20s"}


def folder() -> Path:
    return Path(os.environ["RINGBACK_DATA"]) / "asterisk22"


@cache
def record(name: str, interface: str) -> Mapping[str, Any]:
    """The record of a recorded call: through the door's judgement, and the core."""
    with (folder() / f"outbound_{name}.{interface}.jsonl").open(encoding="utf-8") as lines:
        events = [read_event(item) for item in events_of([json.loads(line) for line in lines])]
    (subject,) = {event.subject for event in events}
    facts = [
        fact(event.at_ms, event.sequence, event.id, event.kind, 0, {**event.data, "$commandid": event.commandid})
        for event in events
    ]
    call = fold(subject, reversed(facts)).call
    who = Identity("0123456789abcdef01234567", "jx", SOURCE, subject)
    told = record_of(who, call, measure(call, book(), ()), (), book().name, 1)
    CallRecord.model_validate(told)
    return told


def evidence(record: Mapping[str, Any], keys: Mapping[str, KeyAction], has_gate: bool) -> Evidence:
    """What a record says of the attempt. With a gate, only a body said after its key counts."""
    dialled = record["dialled"]
    pressed = [(each["at"], keys[key]) for each in dialled["keys"] for key in each["digits"] if key in keys]
    passed = [at for at, action in pressed if action is KeyAction.RIGHT_PARTY]
    bodies = [each["at"] for each in dialled["messages"] if each["message"] == "body" and each["completed"]]
    ended = {"lost": CallEnd.LOST, "stale": CallEnd.STALE}
    return Evidence(
        code=record["agent_disposition"],
        rang=dialled["rang_at"] is not None,
        answered=record["answered_at"] is not None,
        keys=tuple(action for _, action in pressed),
        agent_answered=dialled["agent_answered_at"] is not None,
        machine=record["machine"],
        has_gate=has_gate,
        body_ended=any(not has_gate or (passed and at >= passed[0]) for at in bodies),
        tone=record["tone"],
        q850=record["q850"],
        end=ended.get(record["outcome"], CallEnd.ENDED),
    )


@pytest.mark.parametrize("interface", ["ami", "ari"])
@pytest.mark.parametrize("name", DISPOSITIONS)
def test_the_disposition_is_that_in_the_name(name: str, interface: str) -> None:
    assert verdict(evidence(record(name, interface), {}, has_gate=False)) is DISPOSITIONS[name]


@pytest.mark.parametrize("interface", ["ami", "ari"])
@pytest.mark.parametrize("name", DISPOSITIONS)
def test_the_facts_are_those_of_the_call(name: str, interface: str) -> None:
    told = record(name, interface)
    assert told["commandid"] == told["subject"] == "att-" + told["called"].removeprefix("+86")
    assert (told["direction"], told["calling"]) == ("outbound", "95598")
    assert (told["dialled"]["rang_at"] is not None, told["answered_at"] is not None) == (name in RANG, name in ANSWERED)
    assert told["q850"] == CAUSES.get(name, 16)
    assert told["released_by"] == {"hung_up_early": "customer", "reached": "unknown", "no_answer_20s": "unknown"}.get(
        name, "network"
    )


@pytest.mark.parametrize("name", DISPOSITIONS)
def test_both_interfaces_tell_of_one_call(name: str) -> None:
    ami, ari = record(name, "ami"), record(name, "ari")
    for member in ("called", "outcome", "q850", "released_by", "announcements", "digits"):
        assert ami[member] == ari[member]
    told = [[(each["message"], each["completed"]) for each in one["dialled"]["messages"]] for one in (ami, ari)]
    assert told[0] == told[1]
    assert abs(ami["talk_s"] - ari["talk_s"]) < 0.1


def test_without_the_gate_s_key_nobody_counts_as_reached() -> None:
    reached = record("reached", "ami")
    assert verdict(evidence(reached, {}, has_gate=True)) is Disposition.ANSWERED_INCOMPLETE
    assert reached["ended_at"] > reached["dialled"]["messages"][-1]["at"], "a key at the end came after the body"
    cases = {"answered_at": Disposition.REACHED, "ended_at": Disposition.ANSWERED_INCOMPLETE}
    for at, expected in ((reached[moment], disposition) for moment, disposition in cases.items()):
        pressed = {**reached, "dialled": {**reached["dialled"], "keys": [{"at": at, "digits": "1"}]}}
        assert verdict(evidence(pressed, {"1": KeyAction.RIGHT_PARTY}, has_gate=True)) is expected
