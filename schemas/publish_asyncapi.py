"""The AsyncAPI 3.0 document: events in, commands out, records out.

Written from the product's side: it receives events, sends commands and records. Topic names carry the tenant as prefix.
"""

from collections.abc import Mapping
from typing import Any

Document = dict[str, Any]

_TENANT = {"tenant": {"description": "The tenant: the prefix of its topics"}}


def asyncapi(events: Mapping[str, str], commands: Mapping[str, str]) -> Document:
    """`events`: type -> path of its schema beside the document; `commands`: name -> path."""
    messages = {kind: _message(kind, path, "application/cloudevents+json") for kind, path in events.items()}
    messages |= {name: _message(name, path, "application/json") for name, path in commands.items()}
    record = "ringback.call.record.v1"
    messages[record] = _message(record, "records/call-record.json", "application/json")
    channels = {
        "events": _channel("{tenant}.events", "What switches say. Record key: tenant:source:subject, murmur2.", events),
        "commands": _channel("{tenant}.commands", "A copy of the commands that are sent over HTTP.", commands),
        "records": _channel("{tenant}.records", "Call records, one line of revisions a call.", {record: ""}),
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Ringback",
            "version": "1",
            "description": "Events in, commands and records out. Over HTTP the same messages pass through /v1.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": {
            "receiveEvents": _operation("receive", "events", events),
            "sendCommands": _operation("send", "commands", commands),
            "sendRecords": _operation("send", "records", {record: ""}),
        },
        "components": {"messages": messages},
    }


def _message(name: str, path: str, content_type: str) -> Document:
    schema = {"schemaFormat": "application/schema+json;version=draft-2020-12", "schema": {"$ref": f"./{path}"}}
    return {"name": name, "contentType": content_type, "payload": schema}


def _channel(address: str, description: str, messages: Mapping[str, str]) -> Document:
    return {
        "address": address,
        "description": description,
        "parameters": _TENANT,
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
    }


def _operation(action: str, channel: str, messages: Mapping[str, str]) -> Document:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{name}"} for name in messages],
    }
