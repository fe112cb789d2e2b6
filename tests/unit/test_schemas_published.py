"""The published documents: sound by their own standards, and of one mind with the models."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from schemas.commands import COMMAND_MODELS
from schemas.envelope import DATA_MODELS
from schemas.publish import differences, documents, main, write
from tests.unit.test_schemas_commands import ALL, OWN
from tests.unit.test_schemas_events import FULL, NEEDED
from tests.unit.test_schemas_records import RECORD

DOCUMENTS = {path: json.loads(text) for path, text in documents().items()}
SCHEMAS = {path: document for path, document in DOCUMENTS.items() if path != "v1/asyncapi.json"}
ASYNCAPI = DOCUMENTS["v1/asyncapi.json"]


def test_every_message_is_published() -> None:
    events = {f"v1/events/{event_type.split('.', 1)[1][:-3]}.json" for event_type in DATA_MODELS}
    commands = {f"v1/commands/{name}.json" for name in COMMAND_MODELS}
    orders = {"v1/dial-orders/makeCall.json", "v1/dial-orders/sendMessage.json"}
    others = {"v1/envelope.json", "v1/records/call-record.json", "v1/profile.json"}
    others |= {"v1/campaigns/settlement.json", "v1/campaigns/notice.json"}
    assert SCHEMAS.keys() == events | commands | orders | others


def test_the_documents_are_the_same_each_time() -> None:
    assert documents() == documents()


@pytest.mark.parametrize("path", SCHEMAS)
def test_a_schema_obeys_the_dialect_it_names(path: str) -> None:
    schema = SCHEMAS[path]
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"].endswith(path)
    Draft202012Validator.check_schema(schema)


def errors(path: str, item: object) -> int:
    return len(list(Draft202012Validator(SCHEMAS[path]).iter_errors(item)))


@pytest.mark.parametrize("kind", FULL)
def test_an_event_s_schema_judges_as_its_model_does(kind: str) -> None:
    path = f"v1/events/{kind}.json"
    item: dict[str, Any] = {
        "specversion": "1.0",
        "id": "1",
        "source": "/s",
        "type": f"ringback.{kind}.v1",
        "subject": "x",
        "time": "2026-03-02T09:00:00+08:00",
        "vendor": "kept",
        "data": FULL[kind],
    }
    assert errors(path, item) == 0
    assert errors(path, {**item, "type": "ringback.call.other.v1"}) == 1
    assert errors(path, {**item, "data": {**FULL[kind], "colour": "red"}}) == 1
    for member in FULL[kind]:
        if kind.split(".")[1] in NEEDED.get(member, []):
            assert errors(path, {**item, "data": {name: FULL[kind][name] for name in FULL[kind] if name != member}})


@pytest.mark.parametrize("name", OWN)
def test_a_command_s_schema_takes_the_command(name: str) -> None:
    item = {"command": name, **ALL, **OWN[name]}
    assert errors(f"v1/commands/{name}.json", item) == 0
    assert errors(f"v1/commands/{name}.json", {**item, "colour": 1}) == 1
    assert errors(f"v1/commands/{name}.json", {**item, "command": "dance"}) == 1


def test_the_record_s_schema_takes_a_record() -> None:
    assert errors("v1/records/call-record.json", RECORD) == 0
    assert errors("v1/records/call-record.json", {**RECORD, "outcome": "fine"}) == 1


def references(node: object) -> list[str]:
    if isinstance(node, dict):
        return [node["$ref"]] if "$ref" in node else [found for child in node.values() for found in references(child)]
    return [found for child in node for found in references(child)] if isinstance(node, list) else []


def resolved(reference: str) -> Any:
    """What a reference of the AsyncAPI document leads to; KeyError if nothing."""
    if reference.startswith("./"):
        return DOCUMENTS[f"v1/{reference[2:]}"]
    assert reference.startswith("#/")
    node: Any = ASYNCAPI
    for step in reference[2:].split("/"):
        node = node[step]
    return node


def test_asyncapi_has_the_shape_of_its_standard() -> None:
    assert ASYNCAPI["asyncapi"] == "3.0.0"
    assert ASYNCAPI["info"].keys() >= {"title", "version"}
    assert ASYNCAPI.keys() <= {"asyncapi", "info", "defaultContentType", "channels", "operations", "components"}
    for channel in ASYNCAPI["channels"].values():
        assert set(channel["parameters"]) == {"tenant"}
        assert "{tenant}" in channel["address"]
    for message in ASYNCAPI["components"]["messages"].values():
        assert message.keys() == {"name", "contentType", "payload"}
        assert message["payload"].keys() == {"schemaFormat", "schema"}


def test_asyncapi_s_references_lead_somewhere() -> None:
    found = references(ASYNCAPI)
    assert len(found) > 3 * len(DATA_MODELS)
    assert all(isinstance(resolved(reference), dict) for reference in found)


def test_asyncapi_s_operations_name_messages_of_their_channel() -> None:
    for operation in ASYNCAPI["operations"].values():
        channel = operation["channel"]["$ref"]
        assert operation["action"] in ("receive", "send")
        names = [message["$ref"].removeprefix(f"{channel}/messages/") for message in operation["messages"]]
        assert sorted(names) == sorted(resolved(channel)["messages"])


def test_every_message_passes_through_a_channel() -> None:
    sent = {name for channel in ASYNCAPI["channels"].values() for name in channel["messages"]}
    assert sent == DATA_MODELS.keys() | COMMAND_MODELS.keys() | {"ringback.call.record.v1"}


def test_a_changed_document_is_noticed(tmp_path: Path) -> None:
    write(tmp_path)
    assert differences(tmp_path) == []
    (tmp_path / "v1/profile.json").write_text("{}")
    (tmp_path / "v1/envelope.json").unlink()
    assert differences(tmp_path) == ["v1/envelope.json", "v1/profile.json"]


def test_what_stands_in_the_package_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0
    assert capsys.readouterr().err == ""
