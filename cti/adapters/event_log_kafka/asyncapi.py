"""The AsyncAPI 3.0 document of the Kafka topics: `python -m cti.adapters.event_log_kafka.asyncapi [FILE]` writes it.

The first document (`schemas`) names messages and no topics; it is frozen. This one stands beside it: servers, topics,
keys, headers. What a message holds it does not say again: it refers to the same schemas. Topics of installed parts are
described by what the parts say of them.
"""

import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cti.adapters.event_log_kafka.publisher import ID_HEADER, LEFT_OUT_HEADER, REASON_HEADER
from cti.adapters.event_log_kafka.records import EVENT_HEADER, JSON, STRUCTURED, TENANT_HEADER
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import (
    AGENTS,
    BREACHES,
    CALLS,
    COMMANDS,
    DEAD_LETTERS,
    RECORDS,
    SWITCHES,
    kept_topic,
)
from cti.hosting import find_parts, topics_of
from cti.topics import Topic
from schemas.commands import COMMAND_MODELS
from schemas.envelope import DATA_MODELS, Envelope
from schemas.publish import event_path, indented
from schemas.reasons import DeadLetter
from schemas.records import Breach

Document = dict[str, Any]

PUBLISHED = Path(__file__).parents[3] / "schemas" / "published" / "v1" / "asyncapi-kafka.json"
OPTIONS = KafkaOptions("")  # the defaults: what is not said otherwise in the settings
BINDING = "0.5.0"
TEXT = {"type": "string"}
KEY = {"type": "string", "description": "tenant:source:subject, in UTF-8; the partition is murmur2 of it"}
LETTER_KEY = {"type": "string", "description": "tenant:reason"}
RECORD, BREACH, LETTER = "ringback.call.record.v1", "breach", "deadLetter"
BINARY = ".binary"
WHOSE = ("call", "tenant", "source", "subject", "queue", "revision", "profile")  # of a record, in each of its breaches
EVENTS_IN = {CALLS: "ringback.call.", AGENTS: "ringback.agent.", SWITCHES: "ringback.switch."}
ABOUT = {
    CALLS: "What happens to calls. All events of a call under one key.",
    AGENTS: "What agents do.",
    SWITCHES: "Heartbeats and snapshots of switches.",
    COMMANDS: "A copy of each command, when it has been committed.",
    RECORDS: "Call records: one for each call that has ended, and a next revision when a fact comes in later.",
    BREACHES: "The breaches of each revision of a record.",
    DEAD_LETTERS: "What was set aside, byte for byte.",
}


def document(parts: Sequence[Topic] | None = None) -> Document:
    """Everything. `parts`: their topics; those of the installed ones where it is not said."""
    parts = topics_of(find_parts()) if parts is None else parts
    events = {topic: [kind for kind in DATA_MODELS if kind.startswith(family)] for topic, family in EVENTS_IN.items()}
    read = {topic: [name for kind in kinds for name in (kind, kind + BINARY)] for topic, kinds in events.items()}
    sent = {COMMANDS: [*COMMAND_MODELS], RECORDS: [RECORD], BREACHES: [BREACH], DEAD_LETTERS: [LETTER]}
    read |= {topic.name: [topic.message] for topic in parts if topic.is_read}
    sent |= {topic.name: [topic.message] for topic in parts if not topic.is_read}
    about = ABOUT | {topic.name: topic.about for topic in parts}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ringback on Kafka",
            "version": "1",
            "description": "Events in, commands, records, breaches and dead letters out, as Kafka topics.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": JSON,
        "servers": {"kafka": _server()},
        "channels": {_name(topic): _channel(topic, about[topic], names) for topic, names in (read | sent).items()},
        "operations": {
            **{f"receive.{topic}": _operation("receive", topic, names) for topic, names in read.items()},
            **{f"send.{topic}": _operation("send", topic, names) for topic, names in sent.items()},
        },
        "components": {
            "messages": _messages() | {topic.message: _of_part(topic) for topic in parts},
            "messageTraits": _traits(),
            "schemas": {"breach": _breach()},
        },
    }


def _server() -> Document:
    return {
        "host": "{bootstrap}",
        "protocol": "kafka",
        "description": "RINGBACK_KAFKA_BOOTSTRAP",
        "variables": {"bootstrap": {"default": "127.0.0.1:9092"}},
    }


# -- channels ----------------------------------------------------------------------------------------------------------


def _name(topic: str) -> str:
    """A channel's name has no points: tools make identifiers of it."""
    return topic.replace(".", "_").replace("-", "_")


def _channel(topic: str, about: str, messages: Iterable[str]) -> Document:
    partitions, configuration = kept_topic(OPTIONS)
    kept = {name: int(configuration[name]) for name in ("retention.ms", "max.message.bytes")}
    return {
        "address": f"{{prefix}}{topic}",
        "description": about,
        "servers": [{"$ref": "#/servers/kafka"}],
        "parameters": {"prefix": {"default": OPTIONS.prefix, "description": "RINGBACK_KAFKA_PREFIX"}},
        "bindings": {
            "kafka": {
                "partitions": partitions,
                "replicas": OPTIONS.replication,
                "topicConfiguration": kept | {"cleanup.policy": [configuration["cleanup.policy"]]},
                "bindingVersion": BINDING,
            }
        },
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, topic: str, messages: Iterable[str]) -> Document:
    channel = f"#/channels/{_name(topic)}"
    return {
        "action": action,
        "channel": {"$ref": channel},
        "messages": [{"$ref": f"{channel}/messages/{name}"} for name in messages],
    }


# -- messages ----------------------------------------------------------------------------------------------------------


def _messages() -> Document:
    found: Document = {}
    for kind in DATA_MODELS:
        path = event_path(kind)
        found[kind] = _message(kind, STRUCTURED, path, "structured")
        found[kind + BINARY] = _message(kind, JSON, f"{path}#/properties/data", "binary")
    for name in COMMAND_MODELS:
        found[name] = _message(name, JSON, f"commands/{name}.json", "copy")
    found[RECORD] = _message(RECORD, JSON, "records/call-record.json", "copy")
    found[BREACH] = _message(BREACH, JSON, "", "copy") | {"payload": {"$ref": "#/components/schemas/breach"}}
    found[LETTER] = {"name": LETTER, "contentType": "application/octet-stream", "traits": [_trait("letter")]}
    return found


def _message(name: str, content_type: str, path: str, trait: str) -> Document:
    schema = {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": f"./{path}"}}
    return {"name": name, "contentType": content_type, "payload": schema, "traits": [_trait(trait)]}


def _of_part(topic: Topic) -> Document:
    """Its records are JSON, in both directions; the key is its own."""
    trait = _traits()["structured" if topic.is_read else "copy"]
    headers = dict(trait["headers"]["properties"])
    if topic.is_read:
        headers["content-type"] = TEXT | {"description": f"Absent, or {JSON}"}
    key = TEXT | {"description": topic.key}
    message = _message(topic.message, JSON, topic.schema, "")
    del message["traits"]
    return message | _headed(headers, trait["headers"].get("required", []), key)


def _trait(name: str) -> Document:
    return {"$ref": f"#/components/messageTraits/{name}"}


def _traits() -> Document:
    """What the messages of a kind have in common: their key and their headers."""
    tenant = {TENANT_HEADER: TEXT | {"description": "The tenant, where it is not the topics' own"}}
    structured = {"content-type": TEXT | {"description": f"Absent, {STRUCTURED} or {JSON}"}}
    attributes = {
        f"{EVENT_HEADER}{field.alias or name}": TEXT for name, field in Envelope.model_fields.items() if name != "data"
    }
    del attributes[f"{EVENT_HEADER}datacontenttype"]
    needed = [
        f"{EVENT_HEADER}{name}"
        for name, field in Envelope.model_fields.items()
        if field.is_required() and name != "data"
    ]
    needed_of_copies = {
        ID_HEADER: TEXT | {"description": "A copy may come twice, with the same id"},
        TENANT_HEADER: TEXT,
    }
    left_out = TEXT | {"description": "Bytes of a body too large for a record: the value is empty"}
    copies = needed_of_copies | {LEFT_OUT_HEADER: left_out}
    reason = {"type": "string", "enum": [each.value for each in DeadLetter], "description": "Why it was set aside"}
    return {
        "structured": _headed(structured | tenant, [], KEY),
        "binary": _headed({"content-type": TEXT} | attributes | tenant, needed, KEY),
        "copy": _headed(copies, [*needed_of_copies], KEY),
        "letter": _headed(copies | {REASON_HEADER: reason}, [*needed_of_copies], LETTER_KEY),
    }


def _headed(headers: Mapping[str, Any], required: list[str], key: Document) -> Document:
    schema = {"type": "object", "properties": dict(headers), **({"required": required} if required else {})}
    return {"headers": schema, "bindings": {"kafka": {"key": key, "bindingVersion": BINDING}}}


def _breach() -> Document:
    """A breach as the record has it, with what says whose it is; nothing is described anew."""
    record = "./records/call-record.json#"
    members = {name: f"{record}/$defs/{Breach.__name__}/properties/{name}" for name in Breach.model_fields}
    members |= {name: f"{record}/properties/{name}" for name in WHOSE}
    needed = [name for name, field in Breach.model_fields.items() if field.is_required()]
    return {
        "type": "object",
        "properties": {name: {"$ref": target} for name, target in members.items()},
        "required": [*WHOSE, *needed],
        "additionalProperties": False,
    }


def written() -> str:
    """The document as it is published."""
    return indented(document())


def main(arguments: list[str]) -> int:
    Path(arguments[0] if arguments else PUBLISHED).write_text(written(), "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
