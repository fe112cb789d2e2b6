"""The JSON Schemas of what is asked for and answered about campaigns before they begin and after they end."""

from collections.abc import Mapping
from typing import Any

from campaigns.api.shapes import TEXT, TIME, WHOLE, counts, each, or_null, shape
from cti.web.openapi import component_schemas
from schemas.campaigns import Rehearse, Rerun, TestCall

NUMBER = {"type": "number", "minimum": 0}
_DEADLINE = {"at": or_null(TIME), "missed": WHOLE}
_REHEARSAL = {
    "campaign": TEXT, "as_of": TIME, "start_at": TIME,
    "contacts": {**WHOLE, "description": "Contacts that are not final."},
    "sample": {**WHOLE, "description": "So many of them were walked through; the figures are those of all."},
    "pacing": shape({"calls_per_second": NUMBER, "calls_at_once": WHOLE}),
    "calls": WHOLE, "messages": WHOLE,
    "first_dial_at": or_null(TIME), "last_dial_at": or_null(TIME),
    "finish_at": {**or_null(TIME), "description": "When the last contact that comes to an end does so."},
    "peak_lines": {**WHOLE, "description": "Calls at once, at the busiest moment."},
    "outcomes": counts("Contacts by the state in which they end."),
    "open": {**WHOLE, "description": "Contacts that stay with a person, or are not final after 60 days."},
    "fallbacks": counts("Contacts that are handed over, by reason."),
    "deadlines": shape({"notice_out_by": shape({**_DEADLINE, "met": WHOLE}), "fallback_by": shape(_DEADLINE)}),
    "by_hour": each(shape({"from": TIME, "calls": WHOLE})),
    "assumed": shape({
        "of_calls": {**WHOLE, "description": "The calls it was learnt from; 0: a public network at large."},
        "dispositions": {
            "type": "object", "additionalProperties": shape({"share": NUMBER, "lasts_s": NUMBER}),
            "description": "What calls come to, and how long they take, ringing included.",
        },
        "delivered": {**NUMBER, "description": "The share of messages that arrive."},
    }),
}  # fmt: skip
PLANNING_SHAPES: Mapping[str, Any] = {
    **component_schemas([Rehearse, Rerun, TestCall]),
    "Rehearsal": shape(_REHEARSAL),
}
