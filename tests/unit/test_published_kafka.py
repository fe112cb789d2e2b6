"""The document of the topics: of one mind with the log about topics and headers; every reference leads somewhere."""

import json
from typing import Any

from aiokafka import ConsumerRecord
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from cti.adapters.event_log_kafka.asyncapi import BINARY, document
from cti.adapters.event_log_kafka.records import Reading
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import CLOCK, OUTBOX, kept_topic, wanted_topics
from cti.hosting import find_parts, topics_of
from schemas.envelope import DATA_MODELS
from schemas.publish import DIALECT, SITE, documents
from tests.unit.test_schemas_published import DOCUMENTS, references

DOCUMENT = document()
PART_TOPICS = topics_of(find_parts())
SENT = {*OUTBOX, *(topic.name for topic in PART_TOPICS if not topic.is_read)}
CHANNELS = {channel["address"].replace("{prefix}", "ringback."): channel for channel in DOCUMENT["channels"].values()}

SCHEMAS = [Resource.from_contents(one) for path, one in DOCUMENTS.items() if path != "v1/asyncapi.json"]
REGISTRY = SCHEMAS @ Registry()


def resolved(reference: str) -> Any:
    """What a reference leads to; KeyError if nothing."""
    path, _, pointer = reference.partition("#")
    node: Any = DOCUMENTS[f"v1/{path[2:]}"] if path else DOCUMENT
    for step in filter(None, pointer.split("/")):
        node = node[step]
    return node


def breaks(message: str, body: bytes) -> list[str]:
    """Why a body is not what the document says of a message."""
    payload = DOCUMENT["components"]["messages"][message]["payload"]
    schema = resolved(payload["$ref"]) if "$ref" in payload else payload["schema"]
    named = {"$schema": DIALECT, "$id": f"{SITE}v1/asyncapi-kafka.json", **schema}
    return [error.message for error in Draft202012Validator(named, registry=REGISTRY).iter_errors(json.loads(body))]


def test_it_is_the_same_each_time_and_no_part_of_the_first() -> None:
    assert json.dumps(document()) == json.dumps(DOCUMENT)
    assert "v1/asyncapi-kafka.json" not in documents()


def test_every_reference_leads_somewhere() -> None:
    found = references(DOCUMENT)
    assert len(found) > 4 * len(DATA_MODELS)
    assert all(isinstance(resolved(reference), dict) for reference in found)


def test_its_channels_are_the_topics_that_integrators_need() -> None:
    options = KafkaOptions("")
    of_parts = {options.prefix + topic.name: kept_topic(options) for topic in PART_TOPICS}
    assert of_parts
    wanted = {**wanted_topics(options), **of_parts}
    assert CHANNELS.keys() == wanted.keys() - {f"ringback.{CLOCK}"}
    for topic, channel in CHANNELS.items():
        binding = channel["bindings"]["kafka"]
        assert binding["partitions"] == wanted[topic][0]
        assert str(binding["topicConfiguration"]["retention.ms"]) == wanted[topic][1]["retention.ms"]


def test_each_event_is_read_from_one_topic_in_both_modes() -> None:
    events = [name for topic, channel in CHANNELS.items() if topic.endswith(".events") for name in channel["messages"]]
    assert sorted(events) == sorted([*DATA_MODELS, *(kind + BINARY for kind in DATA_MODELS)])


def test_what_is_read_is_received_and_what_is_copied_is_sent() -> None:
    actions = {one["channel"]["$ref"]: one["action"] for one in DOCUMENT["operations"].values()}
    for name, channel in DOCUMENT["channels"].items():
        copied = channel["address"].removeprefix("{prefix}") in SENT
        assert actions[f"#/channels/{name}"] == ("send" if copied else "receive")


def test_the_headers_of_binary_mode_are_those_that_the_reader_takes() -> None:
    headers = DOCUMENT["components"]["messageTraits"]["binary"]["headers"]
    told = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/s", "ce_type": "ringback.call.offered.v1",
            "ce_subject": "x", "ce_time": "2026-03-02T01:00:12Z"}  # fmt: skip
    assert set(headers["required"]) == told.keys() < headers["properties"].keys()
    sent = [(name, text.encode()) for name, text in told.items()]
    record = ConsumerRecord("calls.events", 0, 0, 1, 1, b"t:/s:x", b"{}", None, 6, 2, sent)
    (entry,) = Reading(0, 0, 1, "t").entries([record])
    assert entry.unfit is None
    assert {f"ce_{name}" for name in json.loads(entry.body)} - headers["properties"].keys() == {
        "ce_data", "ce_datacontenttype",
    }  # fmt: skip


def test_a_body_is_held_against_what_is_said_of_it() -> None:
    whose = {"call": "c", "tenant": "t", "source": "/s", "subject": "x", "queue": None, "revision": 1, "profile": "p@1"}
    breach = {"rule": "END-1", "at": "2026-03-02T01:00:12Z", "agent": "1"}
    assert breaks("breach", json.dumps(whose | breach).encode()) == []
    assert len(breaks("breach", json.dumps(whose | breach | {"rule": 7, "colour": 1}).encode())) == 2
    assert len(breaks("breach", json.dumps(breach).encode())) == len(whose)
    offered = "ringback.call.offered.v1.binary"
    assert breaks(offered, b'{"calling": "1"}') == []
    assert breaks(offered, b'{"calling": 1, "colour": "red"}') != []


def test_a_record_of_a_parts_topic_is_held_against_its_schema() -> None:
    paid = {"reference": "R1", "account": "A1", "settled_at": "2026-03-01T00:00:00Z", "items": ["2026-02"]}
    assert breaks("settlement", json.dumps(paid).encode()) == []
    assert len(breaks("settlement", json.dumps(paid | {"colour": 1, "account": 7}).encode())) == 2
    assert breaks("notice", b"{}") != []
