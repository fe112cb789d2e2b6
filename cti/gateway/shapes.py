"""The JSON schemas of the gateway's answers, for the OpenAPI document."""

from collections.abc import Mapping, Sequence
from typing import Any

from cti.gateway.positions import PATTERN
from cti.web.openapi import ref

Schema = Mapping[str, Any]
TEXT: Schema = {"type": "string"}
WHOLE: Schema = {"type": "integer", "minimum": 0}
TIME: Schema = {"type": "string", "format": "date-time"}
NUMBER: Schema = {"type": "number"}
NULL: Schema = {"type": "null"}
POSITION: Schema = {"type": "string", "description": "partition:position pairs", "pattern": f"{PATTERN[:-1]}$|^$"}


def obj(members: Mapping[str, Schema], required: Sequence[str] | None = None, more: bool = False) -> dict[str, Any]:
    """An object; all its members are required unless named otherwise."""
    return {
        "type": "object",
        "required": list(members) if required is None else list(required),
        "properties": {name: dict(schema) for name, schema in members.items()},
        **({} if more else {"additionalProperties": False}),
    }


def array(items: Schema) -> dict[str, Any]:
    """A list of one kind of thing."""
    return {"type": "array", "items": dict(items)}


def nullable(schema: Schema) -> dict[str, Any]:
    """The same or null."""
    return {"anyOf": [dict(schema), dict(NULL)]}


_CALL: dict[str, Schema] = {
    "call": TEXT, "source": TEXT, "subject": TEXT, "state": {"enum": ["live", "ended"]}, "direction": nullable(TEXT),
    "calling": nullable(TEXT), "called": nullable(TEXT), "queue": nullable(TEXT), "agent": nullable(TEXT),
    "opened_at": TIME, "ended_at": nullable(TIME), "outcome": nullable(TEXT),
    "wait_s": nullable(NUMBER), "answer_s": nullable(NUMBER), "talk_s": nullable(NUMBER), "hold_s": nullable(NUMBER),
    "transfers": nullable(WHOLE),
    "notices_owed": nullable(WHOLE), "notices_played": nullable(WHOLE), "breaches": array(TEXT),
}  # fmt: skip
_BREACH: dict[str, Schema] = {
    "call": TEXT, "rule": TEXT, "at": TIME, "limit_s": nullable(NUMBER), "actual_s": nullable(NUMBER),
    "agent": nullable(TEXT), "queue": nullable(TEXT), "source": TEXT,
}  # fmt: skip
_VERDICT: dict[str, Schema] = {
    "index": WHOLE, "id": nullable(TEXT), "status": {"enum": ["accepted", "refused"]}, "code": TEXT, "detail": TEXT,
    "errors": array(ref("Fault")),
}  # fmt: skip

ANSWERS: dict[str, Any] = {
    "Accepted": obj(
        {"accepted": WHOLE, "position": POSITION, "warnings": array(ref("Warning"))}, ("accepted", "position")
    ),
    "Warning": obj({"index": WHOLE, "id": nullable(TEXT), "code": TEXT, "detail": TEXT}),
    "Verdict": obj(_VERDICT, ("index", "id", "status")),
    "Mixed": obj(
        {
            "accepted": WHOLE,
            "refused": WHOLE,
            "position": POSITION,
            "items": array(ref("Verdict")),
            "warnings": array(ref("Warning")),
        },
        ("accepted", "refused", "position", "items"),
    ),
    "Kept": obj({"position": POSITION}),
    "Switch": obj(
        {
            "switch": TEXT,
            "source": TEXT,
            "commands": array(TEXT),
            "facts": nullable(array(TEXT)),
            "if_other_ready": {"type": "boolean"},
            "outbound": {"const": 1},
            "trunk_groups": {"type": "object", "additionalProperties": ref("TrunkGroup")},
            "agent_first": {"type": "boolean"},
        },
        ("switch", "source", "commands", "facts", "if_other_ready"),
    ),
    "Command": obj({"id": TEXT, "command": TEXT, "valid_for_ms": WHOLE}, more=True),
    "Commands": obj({"commands": array(ref("Command")), "cursor": TEXT}),
    "CallListed": obj(_CALL),
    "Calls": obj({"calls": array(ref("CallListed")), "cursor": nullable(TEXT), "as_of": POSITION}),
    "Call": obj({"as_of": POSITION, "timeline_next": nullable(TEXT)}, ("as_of",), more=True),
    "Breach": obj(_BREACH),
    "Breaches": obj({"breaches": array(ref("Breach")), "cursor": nullable(TEXT), "as_of": POSITION}),
    "RuleMeasured": obj(
        {"state": {"enum": ["measured", "not_measurable"]}, "breaches": nullable(WHOLE), "missing": array(TEXT)}
    ),
    "Indicators": obj(
        {
            "as_of": POSITION,
            "from": nullable(TIME),
            "to": nullable(TIME),
            "by": {"enum": ["none", "queue", "agent", "half_hour"]},
            "rules": {"type": "object", "additionalProperties": ref("RuleMeasured")},
            "commands": {"type": "object"},
            "obeyed": WHOLE,
            "refused": {"type": "object", "additionalProperties": dict(WHOLE)},
            "groups": array({"type": "object"}),
        },
        ("as_of", "from", "to", "by", "rules", "commands", "obeyed", "refused"),
        more=True,
    ),
    "Health": obj({"status": {"const": "ok"}}),
    "Readiness": obj(
        {"status": {"enum": ["ready", "not_ready"]}, "checks": {"type": "object", "additionalProperties": dict(TEXT)}},
    ),
}
