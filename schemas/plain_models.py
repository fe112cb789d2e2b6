"""What `schemas.plain_events` may know of a model: its members that are plain, from what pydantic made of them.

Only forms that are named here count as plain. A validator of a model's own, a pattern, a nested object: all that is
left to the model.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from schemas.fields import cut_device, cut_number
from schemas.plain_events import PlainField, PlainType

UNBOUNDED = 2**62
CUTS = frozenset({cut_number, cut_device})
_FORMS: Mapping[str, tuple[str, str, str]] = {  # pydantic's name -> ours, and where its bounds are
    "str": ("text", "min_length", "max_length"),
    "int": ("whole", "ge", "le"),
    "bool": ("flag", "", ""),
}


def plain_type(family: str, kind: str, model: type[BaseModel]) -> PlainType | None:
    """The type of event whose `data` this model judges; None where it has checks across its members."""
    schema: Mapping[str, Any] = model.__pydantic_core_schema__
    inner = schema.get("schema", {})
    if schema["type"] != "model" or inner.get("type") != "model-fields" or "root_model" in inner:
        return None
    fields: dict[str, PlainField] = {}
    needed = 0
    for name, member in inner["fields"].items():
        may_lack = member["schema"]["type"] == "default"
        needed += not may_lack
        plain = _plain(member["schema"], needed=not may_lack)
        if plain is not None:
            fields[member.get("validation_alias", name)] = plain
    return PlainType(family, kind, fields, needed)


def _plain(schema: Mapping[str, Any], *, needed: bool) -> PlainField | None:
    """A member's form; None where it is none of ours."""
    nullable = False
    while schema["type"] in ("default", "nullable", "function-before"):
        if schema["type"] == "function-before" and schema["function"]["function"] not in CUTS:
            return None  # what they leave as it is has the form of what they wrap
        nullable = nullable or schema["type"] == "nullable"
        schema = schema["schema"]
    if needed is nullable:
        return None  # one that must be there may not be null, and the others may
    if schema["type"] == "literal":
        words = schema["expected"]
        texts = frozenset(word for word in words if type(word) is str)
        return PlainField("words", 0, 0, texts, needed) if len(texts) == len(words) else None
    form = _FORMS.get(schema["type"])
    if form is None or not set(schema) <= {"type", "strict", "metadata", *form[1:]}:
        return None
    kind, least, most = form
    return PlainField(kind, schema.get(least, -UNBOUNDED), schema.get(most, UNBOUNDED), None, needed)
