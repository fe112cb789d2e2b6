"""The OpenAPI 3.1 document, made from the routes that are served, so that it always describes what the API does."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from cti.web.codes import CODES, Code
from cti.web.query import Parameter
from cti.web.refusal import PROBLEM_JSON
from cti.web.route import Route

REF = "#/components/schemas/{model}"
GUARDED = ("unauthenticated", "key_expired", "scope_missing", "rate_limited")
EVERY = ("bad_request", "unknown_parameter", "internal", "overloaded")
RETRY_AFTER = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}}

PROBLEM_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "description": "RFC 9457 problem details.",
    "required": ["type", "code", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "code": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {"type": "array", "items": {"$ref": REF.format(model="Fault")}},
    },
}
FAULT_SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "required": ["pointer", "rule", "detail"],
    "properties": {
        "pointer": {"type": "string", "description": "JSON pointer, or the name of a query parameter."},
        "rule": {"type": "string"},
        "detail": {"type": "string"},
    },
}


def ref(name: str) -> dict[str, str]:
    """A reference to a component."""
    return {"$ref": REF.format(model=name)}


def component_schemas(models: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The JSON Schemas of models and of what they name, by name."""
    _, named = models_json_schema([(model, "validation") for model in models], ref_template=REF)
    schemas: dict[str, Any] = named.get("$defs", {})
    return schemas


def document(
    info: Mapping[str, Any], routes: Iterable[Route], schemas: Mapping[str, Any], codes: Mapping[str, Code] = CODES
) -> dict[str, Any]:
    """The document of these routes, which may answer with these codes."""
    paths: dict[str, Any] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, codes)
        if route.head:
            paths[route.path]["head"] = _head(route, codes)
    return {
        "openapi": "3.1.0",
        "info": dict(info),
        "paths": dict(paths),
        "components": {
            "schemas": {**schemas, "Problem": PROBLEM_SCHEMA, "Fault": FAULT_SCHEMA},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "`rbk_<id>_<secret>`"}},
        },
    }


def _operation(route: Route, codes: Mapping[str, Code]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [
            *_path_parameters(route),
            *(_parameter(each, "query") for each in route.query),
            *(_parameter(each, "header") for each in route.headers),
        ],
        "responses": {**_answers(route), **_errors(route, codes)},
    }
    if route.scope is not None:
        operation["security"] = [{"key": []}]
        operation["description"] = f"Needs the scope `{route.scope}`."
    if route.body:
        content = {media: {"schema": schema} for media, schema in route.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _head(route: Route, codes: Mapping[str, Code]) -> dict[str, Any]:
    """The same without bodies."""
    operation = _operation(route, codes)
    responses = {status: {"description": each["description"]} for status, each in operation["responses"].items()}
    return operation | {"operationId": f"{route.name}_head", "responses": responses}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string", "pattern": f"^{pattern}$"}}
        for name, pattern in route.path_parts.items()
    ]


def _parameter(parameter: Parameter, where: str) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "in": where,
        "required": parameter.required,
        "description": parameter.about,
        "schema": dict(parameter.schema),
    }


def _answers(route: Route) -> dict[str, Any]:
    return {
        str(status): {
            "description": answer.about,
            **(
                {"content": {media: {"schema": schema} for media, schema in answer.content.items()}}
                if answer.content
                else {}
            ),
            **({"headers": {name: _header(about) for name, about in answer.headers.items()}} if answer.headers else {}),
        }
        for status, answer in route.answers.items()
    }


def _header(about: str) -> dict[str, Any]:
    return {"description": about, "schema": {"type": "string"}}


def _errors(route: Route, known: Mapping[str, Code]) -> dict[str, Any]:
    """The errors an operation may answer, by status."""
    codes = [*route.codes, *EVERY, *(GUARDED if route.scope is not None else ())]
    if route.query:
        codes.append("bad_parameter")
    if route.headers:
        codes.append("bad_header")
    by_status: dict[int, list[str]] = defaultdict(list)
    for code in dict.fromkeys(codes):
        by_status[known[code].status].append(code)
    return {
        str(status): _error(status, by_status[status], known)
        for status in sorted(by_status)
        if status not in route.answers
    }


def _error(status: int, codes: Sequence[str], known: Mapping[str, Code]) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": "; ".join(f"`{code}`: {known[code].title}" for code in sorted(codes)),
        "content": {PROBLEM_JSON: {"schema": ref("Problem")}},
    }
    return answer | ({"headers": RETRY_AFTER} if status in (429, 503) else {})
