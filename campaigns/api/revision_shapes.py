"""The JSON Schemas of what is asked for and answered about changed outages."""

from collections.abc import Mapping
from typing import Any

from campaigns.api.shapes import TEXT, TIME, WHOLE, YES_NO, Schema, each, shape, words
from campaigns.ledger.revisions import APPLIED, IN_PIECES
from cti.web.openapi import component_schemas, ref
from schemas.revisions import OutageRevision

_MADE: dict[str, Schema] = {
    "campaign": TEXT, "n": WHOLE, "where": shape({"area": TEXT, "starts_at": TIME}),
    "set": shape({"restores_at": TIME, "cancelled": YES_NO}, ("restores_at", "cancelled")),
    "at": TIME, "by": TEXT, "state": words((IN_PIECES, APPLIED)),
    "acknowledged": {**YES_NO, "description": "Nobody is told the old word any more."},
    "contacts": {**WHOLE, "description": "Whose outage it is."},
    "told_again": {**WHOLE, "description": "That begin a new round; those whose call goes on come later."},
    "cancelled": {**WHOLE, "description": "Contacts that were never told, and are told nothing any more."},
    "withdrawn": {**WHOLE, "description": "Orders that were not sent."},
    "notices": shape({"recalled": WHOLE, "rewritten": WHOLE, "to_recall": WHOLE}),
}  # fmt: skip
REVISION_SHAPES: Mapping[str, Any] = {
    **component_schemas([OutageRevision]),
    "RevisionMade": shape(_MADE),
    "Revisions": shape({"revisions": each(ref("RevisionMade"))}),
}
