"""The JSON Schema of an event as the API validates it: one form for each known type, one for all others."""

from typing import Any

from cti.web.openapi import component_schemas, ref
from schemas.envelope import DATA_MODELS, Envelope

Schema = dict[str, Any]
KEPT_TEXT = r"^[^\u0000]*$"  # NUL cannot be stored
EXTENSION_NAME = "^[a-z0-9]{1,20}$"
# An RFC 3339 time of the years 1980 to 2199, on a day that exists.
_YEAR = "(19[89][0-9]|2[01][0-9]{2})"
_LEAP = "(19(8[048]|9[26])|20([02468][048]|[13579][26])|21(0[48]|[2468][048]|[13579][26]))"
_DAY = "((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
_HOUR = "([01][0-9]|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5][0-9]:[0-5][0-9](\.[0-9]{{1,9}})?(Z|[+-]{_HOUR}:[0-5][0-9])"
TIME_PATTERN = f"^({_YEAR}-{_DAY}|{_LEAP}-02-29)T{_CLOCK}$"
RESERVED = r"^ringback\.(call\.commandResult|switch\.switchDeclared)\."

# The models' checks across fields, in JSON Schema.
_NAMES_A_LEG = {
    "anyOf": [
        {"required": ["connection"], "properties": {"connection": {"type": "string"}}},
        {"required": ["device"], "properties": {"device": {"type": "string"}}},
    ]
}
_DISPOSES = {
    "anyOf": [
        {"properties": {"action": {"enum": ["warnAndRelease", "silent", "inaudible"]}}},
        {"required": ["disposition"], "properties": {"disposition": {"type": "string"}}},
    ]
}
ACROSS_FIELDS = {"Muted": _NAMES_A_LEG, "Unmuted": _NAMES_A_LEG, "AgentAction": _DISPOSES}

ANY_JSON: Schema = {
    "description": "Any JSON value without NUL.",
    "anyOf": [
        {"type": ["number", "boolean", "null"]},
        {"type": "string", "pattern": KEPT_TEXT},
        {"type": "array", "items": ref("AnyJson")},
        ref("AnyObject"),
    ],
}
ANY_OBJECT: Schema = {
    "type": "object",
    "propertyNames": {"pattern": KEPT_TEXT},
    "additionalProperties": ref("AnyJson"),
}


def event_schemas(example: Schema) -> dict[str, Schema]:
    """The components: `Event` and what it names."""
    types = {kind: model for kind, model in DATA_MODELS.items() if kind != "ringback.call.commandResult.v1"}
    found: dict[str, Schema] = {
        name: exact(schema) | ACROSS_FIELDS.get(name, {})
        for name, schema in component_schemas([Envelope, *types.values()]).items()
    }
    envelope = found["Envelope"]
    envelope["properties"]["data"] = {}
    branches = [_known(kind, found[model.__name__], model.__name__) for kind, model in types.items()]
    branches.append(_other(sorted(types)))
    event = {"title": "Event", "description": "A CloudEvent 1.0.", "allOf": [ref("Envelope"), {"anyOf": branches}]}
    return found | {"Event": event | {"examples": [example]}, "AnyJson": ANY_JSON, "AnyObject": ANY_OBJECT}


def _known(kind: str, data: Schema, model: str) -> Schema:
    """An event of this type has this `data`; it may be absent where nothing in it must be there."""
    if data.get("required") or model in ACROSS_FIELDS:
        return {"title": kind, "properties": {"type": {"const": kind}, "data": ref(model)}, "required": ["data"]}
    return {"title": kind, "properties": {"type": {"const": kind}, "data": {"anyOf": [ref(model), {"type": "null"}]}}}


def _other(known: list[str]) -> Schema:
    """An event of an unknown type or a newer version: it is kept, whatever its data."""
    strange = {"not": {"anyOf": [{"enum": known}, {"pattern": RESERVED}]}}
    data = {"anyOf": [ref("AnyObject"), {"type": "null"}]}
    return {"title": "Any other type", "properties": {"type": strange, "data": data}}


def exact(schema: Any) -> Any:
    """A model's schema, and what else the door asks of texts, times, sequences and extensions' names."""
    if isinstance(schema, list):
        return [exact(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    narrowed = {name: exact(each) for name, each in schema.items() if name != "default"}
    kinds = narrowed.get("type")
    if narrowed.get("format") == "date-time":
        return {"type": "string", "description": "RFC 3339; from 1980, at most a day ahead.", "pattern": TIME_PATTERN}
    if kinds == "string" and not {"pattern", "enum", "const"} & set(narrowed):
        narrowed["pattern"] = KEPT_TEXT
    if narrowed.get("pattern") == "^[0-9]{1,19}$":
        narrowed["pattern"] = "^[0-9]{1,18}$"
    if isinstance(narrowed.get("additionalProperties"), dict) and "specversion" in narrowed.get("properties", {}):
        narrowed["propertyNames"] = {"pattern": EXTENSION_NAME}
        narrowed["additionalProperties"] = {
            "anyOf": [
                {"type": "integer", "minimum": -(2**63), "maximum": 2**63 - 1},
                {"type": ["boolean", "null"]},
                {"type": "string", "maxLength": 1024, "pattern": KEPT_TEXT},
            ]
        }
    if kinds == "object" and narrowed.get("additionalProperties") is True:
        return ref("AnyObject")
    return ref("AnyObject") if narrowed == {"type": "object"} else narrowed
