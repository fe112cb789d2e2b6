"""Field types shared by all messages, with their limits.

Strictness is the rule: the text "1" is no number, true is no number, unknown fields are refused. A whole number may
stand for a decimal one. Absent and null mean the same. Every text has a greatest length, counted in characters.
"""

import re
from datetime import UTC, datetime
from math import isfinite
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError, PydanticSerializationError, to_json

PRIVATE_BYTES_MAX = 4096
JSON_DEPTH_MAX = 32
YEAR_MIN, YEAR_MAX = 1970, 2199
SEQUENCE_MAX = 2**63 - 1

Code = Annotated[str, StringConstraints(min_length=1, max_length=64)]
"""A short word: a cause, a reason, a queue, an agent's number."""
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
"""A connection, a command's id, a trunk."""
CallId = Annotated[str, StringConstraints(min_length=1, max_length=256)]
"""A switch's call id: the subject of its events."""
NUMBER_CHARS_MAX = 64
Number = Annotated[str, StringConstraints(max_length=NUMBER_CHARS_MAX)]
"""A telephone number or SIP address; empty where the caller withholds it."""


def cut_number(value: object) -> object:
    """A number that is too long is cut: an event is not refused for a SIP address with many parameters."""
    return value[:NUMBER_CHARS_MAX] if isinstance(value, str) else value


WrittenNumber = Annotated[str, StringConstraints(max_length=NUMBER_CHARS_MAX), BeforeValidator(cut_number)]
"""A number as a switch writes it."""
DEVICE_CHARS_MAX = 128


def cut_device(value: object) -> object:
    """An address that is too long is cut, as a number is."""
    return value[:DEVICE_CHARS_MAX] if isinstance(value, str) else value


Device = Annotated[str, StringConstraints(min_length=1, max_length=DEVICE_CHARS_MAX), BeforeValidator(cut_device)]
"""The address of a device, an agent's or a customer's: an extension, a number, a SIP address."""
E164 = Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
"""What is spoken, shown or written to a person."""
Q850 = Annotated[int, Field(ge=0, le=127)]
Count = Annotated[int, Field(ge=0, le=2**31 - 1)]
Seconds = Annotated[float, Field(ge=0, le=10_000_000)]
Timeout = Annotated[float, Field(gt=0, le=3600)]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)


MEMBER = "member"
"""Where an error of a whole model says in its context which of its members is at fault."""


def read_time(value: object) -> datetime:
    """RFC 3339 text with an offset -> aware time in UTC; raises PydanticCustomError ("time_...").

    Parts of a microsecond are dropped. Years outside 1970..2199 are refused: nothing is measured there, and
    arithmetic stays exact.
    """
    if type(value) is not str or _TIME.match(value) is None:
        raise PydanticCustomError(
            "time_format", "A time is RFC 3339 text with its offset from UTC, like 2026-03-02T01:00:12.000Z"
        )
    try:
        time = datetime.fromisoformat(value if value[-1] == "Z" else value.upper())
        time = time if time.tzinfo is UTC else time.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PydanticCustomError("time_value", "No such moment exists in the calendar") from None
    if not YEAR_MIN <= time.year <= YEAR_MAX:
        raise PydanticCustomError("time_range", "The year of a time lies between 1970 and 2199, in UTC")
    return time


def ms_of(time: datetime) -> int:
    """Milliseconds since 1970 of an aware time; parts of one are dropped."""
    since = time - _EPOCH
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def read_whole(value: object) -> object:
    """JSON knows one kind of number: 5.0 is a whole one."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = BeforeValidator(read_whole)
"""Beside `int`, which alone refuses 5.0."""
Time = Annotated[datetime, PlainValidator(read_time), WithJsonSchema({"type": "string", "format": "date-time"})]


def read_sequence(value: object) -> int | None:
    """A whole number, or its decimal digits as text (all that an HTTP header can carry), below 2**63."""
    if type(value) is str and len(value) <= 19 and value.isascii() and value.isdigit():
        value = int(value)
    if value is None or (type(value) is int and 0 <= value <= SEQUENCE_MAX):
        return value
    raise PydanticCustomError(
        "sequence", "A sequence is a whole number from 0 to 2^63-1, or its decimal digits as text"
    )


_SEQUENCE_SCHEMA = {
    "anyOf": [
        {"type": "integer", "minimum": 0, "maximum": SEQUENCE_MAX},
        {"type": "string", "pattern": "^[0-9]{1,19}$"},
        {"type": "null"},
    ]
}
Sequence = Annotated[int | None, PlainValidator(read_sequence), WithJsonSchema(_SEQUENCE_SCHEMA)]


def json_depth(value: object, limit: int = JSON_DEPTH_MAX) -> int:
    """How deep lists and objects are nested in `value`; stops counting one beyond `limit`."""
    level, depth = [value], 0
    while depth <= limit:
        level = [child for item in level for child in _children(item)]
        if not level:
            return depth
        depth += 1
    return depth


def _children(item: object) -> list[object]:
    if isinstance(item, dict):
        return list(item.values()) or [None]
    return (list(item) or [None]) if isinstance(item, list) else []


def all_finite(value: object) -> bool:
    """No NaN, no infinity anywhere in `value`: Python's readers of JSON let them in, JSON has none (RFC 8259)."""
    level = [value]
    while level:
        if any(isinstance(item, float) and not isfinite(item) for item in level):
            return False
        level = [child for item in level for child in _children(item)]
    return True


def read_private(value: object) -> object:
    """CSTA private data: any JSON object of at most PRIVATE_BYTES_MAX bytes and JSON_DEPTH_MAX levels."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise PydanticCustomError("private_type", "Private data is a JSON object")
    if json_depth(value) > JSON_DEPTH_MAX:
        raise PydanticCustomError("private_depth", "Private data is nested deeper than 32 levels")
    if not all_finite(value):
        raise PydanticCustomError("private_number", "Private data holds an infinite number")
    try:
        size = len(to_json(value))
    except (PydanticSerializationError, ValueError):
        raise PydanticCustomError("private_type", "Private data is a JSON object") from None
    if size > PRIVATE_BYTES_MAX:
        raise PydanticCustomError("private_size", "Private data is larger than 4096 bytes")
    return value


_PRIVATE_SCHEMA = {
    "anyOf": [{"type": "object"}, {"type": "null"}],
    "description": "CSTA private data: carried along, never read. At most 4096 bytes and 32 levels.",
}
Private = Annotated[dict[str, Any] | None, BeforeValidator(read_private), WithJsonSchema(_PRIVATE_SCHEMA)]


class Message(BaseModel):
    """What every model here obeys: frozen, strict, nothing unknown, no NaN."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, populate_by_name=False)
