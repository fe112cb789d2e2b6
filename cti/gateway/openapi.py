"""The gateway's OpenAPI document: `python -m cti.gateway.openapi [FILE]` writes it."""

import functools
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from cti.gateway.event_schema import event_schemas, exact
from cti.gateway.results import Result
from cti.gateway.routes import routes_of
from cti.gateway.shapes import ANSWERS
from cti.gateway.switches import Declaration
from cti.hosting import Part
from cti.web.codes import CODES
from cti.web.limits import Limits
from cti.web.openapi import component_schemas, document
from cti.web.route import Route

INFO = {
    "title": "Ringback",
    "version": "1",
    "description": "What switches post and take, and what people read. Errors are RFC 9457 problem details.",
    "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
}
PUBLISHED = Path(__file__).parents[2] / "schemas" / "published" / "v1" / "openapi.json"
EXAMPLE = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/switches/nanchang-1",
    "type": "ringback.call.delivered.v1",
    "subject": "call-1",
    "time": "2026-03-02T01:00:12.000Z",
    "datacontenttype": "application/json",
    "data": {"connection": "leg-2", "device": "8001", "agent": "1001", "queue": "faults"},
}


@functools.cache  # the models stay as they are, and their schemas are most of the work
def _of_models() -> Mapping[str, Any]:
    return {**exact(component_schemas([Declaration, Result])), **event_schemas(EXAMPLE)}


def openapi_of(routes: Sequence[Route], parts: Sequence[Part] = ()) -> dict[str, Any]:
    """The document of these routes, with what the parts' routes refer to."""
    schemas = {**_of_models(), **ANSWERS}
    codes = dict(CODES)
    for part in parts:
        schemas |= part.schemas()
        codes |= part.codes
    return document(INFO, routes, schemas, codes)


def written(limits: Limits, parts: Sequence[Part] = ()) -> bytes:
    """The document as it is served; without parts, as it is published."""
    routes = [*routes_of(limits), *(route for part in parts for route in part.routes(limits))]
    assert len({route.name for route in routes}) == len(routes), "two routes have one name"
    return to_json(openapi_of(routes, parts), indent=1) + b"\n"


if __name__ == "__main__":
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else PUBLISHED
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(written(Limits()))
