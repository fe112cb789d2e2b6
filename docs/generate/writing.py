"""Markdown from models: a table, a schema in a few words, a model's members."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

Schema = Mapping[str, Any]


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(heads) + " |"]
    lines.append(re.sub(r"[^|]+", " --- ", lines[0]))
    lines += ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def described(heads: Iterable[str], rows: Iterable[Sequence[str]], column: int = -1) -> str:
    """A table whose rows all say in this column what they are. Raises ValueError for the first that does not."""
    kept = list(rows)
    for row in kept:
        if not row[column]:
            raise ValueError(f"{row[0]} has no description: a comment stands at the end of its one line")
    return table(heads, kept)


def shape(schema: Schema, root: Schema) -> str:
    """A JSON Schema in a few words."""
    if "$ref" in schema:
        named = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
        return "{" + ", ".join(named["properties"]) + "}"
    if "anyOf" in schema:
        found = dict.fromkeys(shape(variant, root) for variant in schema["anyOf"] if variant.get("type") != "null")
        return " or ".join(found)
    if "enum" in schema:
        return " / ".join(str(value) for value in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"list of {shape(schema['items'], root)}"
    if schema.get("type") == "object":
        values = schema.get("additionalProperties")
        return f"object of {shape(values, root)}" if isinstance(values, dict) else "object"
    if schema.get("type") == "string":
        return "time" if schema.get("format") == "date-time" else _text_shape(schema)
    return {"integer": "whole number", "number": "number", "boolean": "true / false"}[schema["type"]]


def _text_shape(schema: Schema) -> str:
    return f"text, {schema['maxLength']} at most" if "maxLength" in schema else "text"


def members(model: type[BaseModel], without: Iterable[str] = ()) -> list[str]:
    """`name` of each member; what must be there is bold."""
    schema, left_out = model.model_json_schema(), set(without)
    required = set(schema.get("required", ()))
    return [
        f"**`{name}`**" if name in required else f"`{name}`" for name in schema["properties"] if name not in left_out
    ]


def meaning(thing: object) -> str:
    """The first paragraph of a docstring."""
    return " ".join((thing.__doc__ or "").strip().split("\n\n")[0].split())
