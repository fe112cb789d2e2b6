"""Dial orders: what a switch that declared `outbound: 1` gets beside the commands of every other switch."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import ValidationError

from schemas.commands import COMMAND_MODELS, read_command
from schemas.dial_orders import DIAL_ORDER_MODELS, FORMS, OnAnswer, read_dial_order
from tests.unit.test_schemas_commands import ALL, OWN, TIMES
from tests.unit.test_schemas_published import DOCUMENTS

SPOKEN = {"zh": "您好", "en": "Good day"}
SCRIPT: dict[str, Any] = {
    "opening": SPOKEN,
    "gate": {"key": "1", "timeout_s": 10, "repeats": 2},
    "body": SPOKEN,
    "on_machine": {"zh": "请致电95598"},
    "keys": {"1": "rightParty", "2": "wrongParty", "0": "queue", "*": "repeat"},
    "queue": "q-arrears",
    "queue_wait_s": 60,
}
MORE: dict[str, dict[str, Any]] = {
    "makeCall": {"on_answer": SCRIPT, "ring_until": TIMES["expires_at"], "extension": "8001,2"},
    "sendMessage": {"reference": "jx-2026-03-1"},
    "snapshotCall": {},
    "clearConnection": {},
}


def order(name: str, **changes: Any) -> dict[str, Any]:
    return {"command": name, **ALL, **OWN[name], **MORE[name], **changes}


def script(**changes: Any) -> dict[str, Any]:
    return order("makeCall", on_answer={**SCRIPT, **changes})


def fits(item: dict[str, Any]) -> bool:
    """Whether the published document takes it."""
    path = f"v1/dial-orders/{item['command']}.json"
    document = DOCUMENTS.get(path) or DOCUMENTS[f"v1/commands/{item['command']}.json"]
    return Draft202012Validator(document).is_valid(item)


@pytest.mark.parametrize("name", DIAL_ORDER_MODELS)
def test_an_order_with_all_its_fields_is_read_and_written_back(name: str) -> None:
    item = order(name)
    found = read_dial_order(item)
    assert type(found) is DIAL_ORDER_MODELS[name]
    written = found.model_dump(by_alias=True, exclude_none=True, exclude={*TIMES, "ring_until"})
    assert written == {key: value for key, value in item.items() if key not in {*TIMES, "ring_until"}}
    assert fits(item)


@pytest.mark.parametrize("name", DIAL_ORDER_MODELS)
def test_every_command_of_that_name_is_an_order(name: str) -> None:
    item = {"command": name, **ALL, **OWN[name]}
    read_dial_order(item)
    assert fits(item)
    assert issubclass(DIAL_ORDER_MODELS[name], COMMAND_MODELS[name])


@pytest.mark.parametrize("name", ["makeCall", "sendMessage"])
def test_the_command_of_every_other_switch_stays_as_it_is(name: str) -> None:
    document = Draft202012Validator(DOCUMENTS[f"v1/commands/{name}.json"])
    for member, value in MORE[name].items():
        item = {"command": name, **ALL, **OWN[name], member: value}
        assert not document.is_valid(item)
        with pytest.raises(ValidationError):
            read_command(item)


@pytest.mark.parametrize("form", FORMS)
def test_each_form_stands_with_its_own_members_alone(form: str) -> None:
    given = {"message": {"message": "bill"}, "agent": {"agent": "1001"}, "opening": SCRIPT}[form]
    assert fits(order("makeCall", on_answer=given))
    nulls = {name: given.get(name) for name in OnAnswer.model_fields}
    assert fits(order("makeCall", on_answer=nulls)), "absent and null mean the same"
    assert read_dial_order(order("makeCall", on_answer=nulls)) == read_dial_order(order("makeCall", on_answer=given))


@pytest.mark.parametrize(
    ("on_answer", "said"),
    [
        ({}, "one of"),
        ({"message": "m", "agent": "1001"}, "one of"),
        ({"message": "m", **SCRIPT}, "one of"),
        ({"message": "m", "body": SPOKEN}, "`body` belongs to a script"),
        ({"body": SPOKEN}, "one of"),
        ({"opening": SPOKEN}, "`body`"),
        ({**SCRIPT, "opening": {}}, "`zh`"),
        ({**SCRIPT, "keys": {"11": "repeat"}}, "pattern"),
        ({**SCRIPT, "keys": {"1": "dance"}}, "rightParty"),
        ({**SCRIPT, "keys": {"1": "wrongParty"}}, "key 1"),
        ({**SCRIPT, "queue": None}, "need `queue`"),
        ({"opening": SPOKEN, "body": SPOKEN, "queue_wait_s": 5}, "need `queue`"),
        ({**SCRIPT, "gate": {"key": "1", "timeout_s": 10}}, "required"),
        ({**SCRIPT, "gate": {"key": "1", "timeout_s": 0, "repeats": 1}}, "greater than 0"),
        ({**SCRIPT, "gate": {"key": "1", "timeout_s": 1, "repeats": 11}}, "less than or equal to 10"),
        ({**SCRIPT, "volume": 3}, "not permitted"),
    ],
)
def test_a_mistake_in_what_is_said_is_named(on_answer: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        read_dial_order(order("makeCall", on_answer=on_answer))
    (error,) = refusal.value.errors()
    assert said in error["msg"]
    assert error["loc"][:2] == ("makeCall", "on_answer")


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("makeCall", {"ring_until": "21:00"}),
        ("makeCall", {"extension": "x1"}),
        ("makeCall", {"extension": ""}),
        ("makeCall", {"reference": "r"}),
        ("sendMessage", {"reference": ""}),
        ("sendMessage", {"ring_until": TIMES["expires_at"]}),
    ],
)
def test_a_mistake_in_an_order_is_found(name: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        read_dial_order(order(name, **changes))


def test_a_command_that_is_no_dial_order_is_refused() -> None:
    with pytest.raises(ValidationError):
        read_dial_order({"command": "playMessage", **ALL, **OWN["playMessage"]})


def test_the_document_refuses_mixed_forms_and_an_empty_text() -> None:
    assert not fits(script(message="m"))
    assert not fits(script(opening={}))
    assert not fits(order("makeCall", on_answer={}))
    assert not fits(script(keys={"11": "repeat"}))
