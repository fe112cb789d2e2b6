"""The JSON Schemas of what is asked for and answered about callbacks."""

from collections.abc import Mapping
from typing import Any, get_args

from campaigns.api.shapes import CURSOR, TEXT, TEXTS, TIME, YES_NO, Schema, each, or_null, shape, words
from campaigns.callbacks.asked import ORIGINS
from campaigns.core.promises import Kept
from campaigns.core.reasons import State
from cti.web.openapi import component_schemas, ref
from schemas.callbacks import CallbackChannel, NewCallback

_CALLBACK: dict[str, Schema] = {
    "id": TEXT, "state": words([state.value for state in State]),
    "promise": {
        **or_null(words([kept.value for kept in Kept])),
        "description": "Whether the call was made by `keep_by`; null: nobody can say yet, or none is wanted.",
    },
    "number": TEXT, "class": TEXT, "zones": TEXTS, "due_at": TIME,
    "call_at": {**or_null(TIME), "description": "When it is called: `due_at`, or where the hours moved it (CB-1)."},
    "keep_by": or_null(TIME), "moved": YES_NO, "agreed_at": or_null(TIME), "agreed_by": or_null(TEXT),
    "switch": TEXT, "trunk_group": TEXT, "queue": or_null(TEXT), "channel": words(get_args(CallbackChannel)),
    "reason": or_null(TEXT), "result": or_null(TEXT), "note": or_null(TEXT), "reference": or_null(TEXT),
    "origin": words(ORIGINS), "agent": or_null(TEXT), "call": or_null(TEXT), "campaign": TEXT, "contact": TEXT,
    "asked_at": TIME, "created_at": TIME, "by": TEXT,
}  # fmt: skip
CALLBACK_SHAPES: Mapping[str, Any] = {
    **component_schemas([NewCallback]),
    "Callback": shape(_CALLBACK),
    "Callbacks": shape({"callbacks": each(ref("Callback")), "cursor": CURSOR}),
}
