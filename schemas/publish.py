"""`python -m schemas.publish [--check]` writes the published documents: a JSON Schema for each message, an AsyncAPI.

They are made from the models, sorted and indented, so the same models give the same bytes. A document of a published
version is frozen: `--check` (and a test) fails where the models say something else.
"""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from schemas import envelope
from schemas.commands import COMMAND_MODELS
from schemas.dial_orders import DIAL_ORDER_MODELS
from schemas.envelope import Envelope
from schemas.notices import PublishedNotice
from schemas.profile import Profile
from schemas.publish_asyncapi import asyncapi
from schemas.records import CallRecord
from schemas.settlements import Settlement

SITE = "https://ringback.dev/schemas/"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "published"

Schema = dict[str, Any]


def documents() -> dict[str, str]:
    """Every published document of this package: path below `published/` -> text."""
    schemas = _schemas()
    texts = {path: indented({"$schema": DIALECT, "$id": SITE + path, **schema}) for path, schema in schemas.items()}
    commands = {name: f"commands/{name}.json" for name in COMMAND_MODELS}
    texts["v1/asyncapi.json"] = indented(asyncapi({kind: event_path(kind) for kind in envelope.DATA_MODELS}, commands))
    return texts


def _schemas() -> dict[str, Schema]:
    schemas = {"v1/envelope.json": _of(Envelope)}
    for event_type, model in envelope.DATA_MODELS.items():
        schemas[f"v1/{event_path(event_type)}"] = _event(event_type, model)
    for name, command in COMMAND_MODELS.items():
        schemas[f"v1/commands/{name}.json"] = _of(command)
    for name, order in DIAL_ORDER_MODELS.items():
        if order is not COMMAND_MODELS[name]:
            schemas[f"v1/dial-orders/{name}.json"] = _of(order)
    schemas["v1/records/call-record.json"] = _of(CallRecord)
    schemas["v1/profile.json"] = _of(Profile)
    schemas["v1/campaigns/settlement.json"] = _of(Settlement)
    schemas["v1/campaigns/notice.json"] = _of(PublishedNotice)
    return schemas


def event_path(event_type: str) -> str:
    """ "ringback.call.delivered.v1" -> "events/call.delivered.json"."""
    _, family, kind, _ = event_type.split(".")
    return f"events/{family}.{kind}.json"


def _of(model: type[BaseModel]) -> Schema:
    return model.model_json_schema(by_alias=True, mode="validation")


def _event(event_type: str, model: type[BaseModel]) -> Schema:
    """The envelope with this type and this `data`."""
    data = _of(model)
    schema = _of(Envelope)
    definitions = {**schema.pop("$defs", {}), **data.pop("$defs", {})}
    required = [*schema["required"], *(["data"] if data.get("required") else [])]
    properties = {**schema["properties"], "type": {"const": event_type}, "data": data}
    schema |= {"title": event_type, "description": data.get("description", ""), "required": required}
    return {**schema, "properties": properties, **({"$defs": definitions} if definitions else {})}


def indented(document: Mapping[str, Any]) -> str:
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def differences(folder: Path) -> list[str]:
    """Paths below `folder` whose text is not what the models say, missing ones included."""
    return [
        path
        for path, text in documents().items()
        if not (folder / path).is_file() or (folder / path).read_text("utf-8") != text
    ]


def write(folder: Path) -> None:
    """Writes every document below `folder`."""
    for path, text in documents().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8", newline="\n")


def main(arguments: list[str]) -> int:
    """Exit code 1 where `--check` finds a difference, else 0."""
    parser = argparse.ArgumentParser(prog="python -m schemas.publish", description="Write the published documents.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a document differs")
    options = parser.parse_args(arguments)
    if not options.check:
        write(FOLDER)
        return 0
    changed = differences(FOLDER)
    sys.stderr.writelines(f"{path} is not what the models say\n" for path in changed)
    return 1 if changed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
