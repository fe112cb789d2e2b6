"""The envelope: CloudEvents 1.0 in JSON (structured mode), and the one way into an `Event`.

`read_event` judges a parsed item whole: envelope, extensions, and for a type we know the `data`, strictly. Types we
do not know and newer versions pass with `known=False`: a newer switch must not be cut off. What is refused is refused
with JSON pointers (RFC 6901).
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, PlainValidator, StringConstraints, ValidationError, WithJsonSchema
from pydantic_core import ErrorDetails, PydanticCustomError, PydanticSerializationError, from_json, to_json

from schemas import agent_events, call_events, switch_events
from schemas.fields import JSON_DEPTH_MAX, MEMBER, Sequence, Time, all_finite, json_depth, ms_of, read_time
from schemas.plain_events import PlainType, read_plain
from schemas.plain_models import plain_type

EVENT_BYTES_MAX = 65_536
SNAPSHOT_BYTES_MAX = 1_000_000
PROBLEMS_MAX = 20
EXTENSIONS_MAX = 32
EXTENSION_CHARS_MAX = 1024
POINTER_CHARS_MAX = 200

EARLIEST_MS = 315_532_800_000  # 1980-01-01: before any switch of today (docs/integrators.md, Time)
AHEAD_MAX_MS = 86_400_000  # an event may be stamped a day ahead of the log's clock, no more

_NUL = b"\\u0000"  # as JSON has it. Sought by `find`: `in` tries to take it for a number first, and fails

Family = Literal["call", "agent", "switch", ""]
Text256 = Annotated[str, StringConstraints(min_length=1, max_length=256)]
MediaType = Annotated[str, StringConstraints(pattern=r"^application/json( ?; ?charset=(utf-8|UTF-8))?$")]


def _read_extension(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 1.0 is a whole number in JSON Schema
    if value is None or isinstance(value, bool | int):
        if isinstance(value, int) and not -(2**63) <= value < 2**63:
            raise PydanticCustomError("extension_size", "An extension's number lies outside 64 bits")
        return value
    if not isinstance(value, str):
        raise PydanticCustomError("extension_type", "An extension is text, a whole number or a boolean")
    if len(value) > EXTENSION_CHARS_MAX:
        raise PydanticCustomError("extension_size", "An extension's text is longer than 1024 characters")
    return value


_EXTENSION_SCHEMA = {"type": ["string", "integer", "boolean", "null"], "maxLength": EXTENSION_CHARS_MAX}
Extension = Annotated[str | int | bool | None, PlainValidator(_read_extension), WithJsonSchema(_EXTENSION_SCHEMA)]


class Envelope(BaseModel):
    """The attributes of an event; what else it carries are CloudEvents extensions, and they are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", strict=True, allow_inf_nan=False)
    __pydantic_extra__: dict[str, Extension]

    specversion: Literal["1.0"]
    id: Text256
    source: Text256
    type: Text256
    subject: Text256
    time: Time
    datacontenttype: MediaType | None = "application/json"
    data: dict[str, Any] | None = None
    sequence: Sequence = None
    correlation: Text256 | None = None
    commandid: Annotated[str, StringConstraints(min_length=1, max_length=128)] | None = None
    traceparent: Text256 | None = None


class Event(NamedTuple):
    """A judged event. `kind` is the short one ("delivered") if `known`, else the whole type. `at_ms`: since 1970."""

    id: str
    source: str
    subject: str
    type: str
    family: Family
    kind: str
    version: int
    known: bool
    at_ms: int
    sequence: int | None
    correlation: str | None
    commandid: str | None
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Problem:
    """One broken rule: where (JSON pointer), which, and a sentence for people."""

    pointer: str
    rule: str
    detail: str


class Refused(Exception):
    """The item breaks the contract; `problems` (at most PROBLEMS_MAX) say where and how."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems[:PROBLEMS_MAX]
        super().__init__("; ".join(f"{problem.pointer}: {problem.detail}" for problem in self.problems))


@dataclass(frozen=True, slots=True)
class _Type:
    family: Family
    kind: str
    version: int
    check: Callable[[Any], Any] | None


_FAMILIES: dict[Family, dict[str, type[BaseModel]]] = {
    "call": {**call_events.DATA_MODELS},
    "agent": {**agent_events.DATA_MODELS},
    "switch": {**switch_events.DATA_MODELS},
}
DATA_MODELS: dict[str, type[BaseModel]] = {
    f"ringback.{family}.{kind}.v1": model for family, models in _FAMILIES.items() for kind, model in models.items()
}
"""The model of `data` by full event type."""

_KNOWN: dict[str, _Type] = {
    f"ringback.{family}.{kind}.v1": _Type(family, kind, 1, model.__pydantic_validator__.validate_python)
    for family, models in _FAMILIES.items()
    for kind, model in models.items()
}
_PLAIN: dict[str, PlainType] = {
    f"ringback.{family}.{kind}.v1": plain
    for family, models in _FAMILIES.items()
    for kind, model in models.items()
    if (plain := plain_type(family, kind, model)) is not None
}
_OURS = re.compile(r"ringback\.(call|agent|switch)\.[A-Za-z0-9]+\.v([0-9]{1,4})\Z", re.ASCII)
_EXTENSION_NAME = re.compile(r"[a-z0-9]{1,20}\Z", re.ASCII)
_check_envelope = Envelope.__pydantic_validator__.validate_python
_SENTENCES = {"missing": "This field is required", "extra_forbidden": "No such field is known here"}
_SNAPSHOT = "ringback.switch.switchSnapshot.v1"


def body_of(item: dict[str, Any]) -> bytes:
    """The bytes of `item` that go into the log: compact JSON, UTF-8, members in the order they came."""
    return to_json(item)


def event_of(body: bytes) -> Event:
    """Reads what `body_of` wrote, or what a switch wrote to the log itself; raises Refused."""
    if len(body) > SNAPSHOT_BYTES_MAX:
        raise Refused([_too_large(SNAPSHOT_BYTES_MAX)])
    try:
        item = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise Refused([Problem("", "json", f"Not readable as JSON: {error}")]) from None
    if len(body) > EVENT_BYTES_MAX or body.find(_NUL) >= 0:
        return read_event(item)
    return _judged(item)  # the reader has let in no half of a surrogate pair, and the rest is seen in the bytes


def read_event(item: object) -> Event:
    """Judges one parsed JSON item, all of it; raises Refused only. `Event.data`: as it was sent."""
    return read_with_body(item)[0]


def read_with_body(item: object) -> tuple[Event, bytes]:
    """As `read_event`, with what `body_of` gives for the item: it is written out for the judging anyway."""
    body = _check_keepable(item)
    return _judged(item), body


def _judged(item: object) -> Event:
    """Envelope, extensions and `data` of an item that can be kept."""
    plain = read_plain(item, _PLAIN)
    return _judged_by_models(item) if plain is None else tuple.__new__(Event, plain)


def _judged_by_models(item: object) -> Event:
    try:
        envelope = _check_envelope(item)
    except ValidationError as error:
        raise Refused(_problems(error, "")) from None
    if envelope.__pydantic_extra__:
        _check_extensions(envelope.__pydantic_extra__)
    what = _KNOWN.get(envelope.type) or _unknown(envelope.type)
    data = envelope.data if envelope.data is not None else {}
    if what.check is None:
        _check_free(data)
    else:
        try:
            what.check(data)
        except ValidationError as error:
            raise Refused(_problems(error, "/data")) from None
    read = (
        envelope.id,
        envelope.source,
        envelope.subject,
        envelope.type,
        what.family,
        what.kind,
        what.version,
        what.check is not None,
        ms_of(envelope.time),
        envelope.sequence,
        envelope.correlation,
        envelope.commandid,
        data,
    )
    return tuple.__new__(Event, read)  # once an event: a call of the class takes twice as long


def time_problem(at_ms: int, now_ms: float, pointer: str = "/time") -> Problem | None:
    """Why the time at this pointer cannot be used (`bad_time`); `now_ms` by the log's clock. Contract, Time."""
    what = "event's time" if pointer == "/time" else "time"
    if at_ms < EARLIEST_MS:
        return Problem(pointer, "bad_time", f"The {what} lies before 1980")
    if at_ms > now_ms + AHEAD_MAX_MS:
        return Problem(pointer, "bad_time", f"The {what} lies more than a day in the future")
    return None


def times_problem(event: Event, now_ms: float) -> Problem | None:
    """Why an event's own time, or that at which a snapshot's call was opened, cannot be used (`bad_time`)."""
    problem = time_problem(event.at_ms, now_ms)
    if problem is not None or event.kind != "switchSnapshot":
        return problem
    for place, call in enumerate(event.data["calls"]):
        opened_at = call.get("openedAt")
        if opened_at is not None:
            problem = time_problem(ms_of(read_time(opened_at)), now_ms, f"/data/calls/{place}/openedAt")
            if problem is not None:
                return problem
    return None


def _unknown(event_type: str) -> _Type:
    """Family and version of a type that is ours by its form, else family "" and version 0."""
    match = _OURS.match(event_type)
    if match is None:
        return _Type("", event_type, 0, None)
    family: Family = "call" if match[1] == "call" else "agent" if match[1] == "agent" else "switch"
    return _Type(family, event_type, int(match[2]), None)


def _check_keepable(item: object) -> bytes:
    """No NUL (PostgreSQL keeps none), no half of a surrogate pair (no UTF-8 for it), nothing but JSON, not too large.

    The item is written out once and looked at as bytes: cheaper than a look at each text.
    """
    try:
        body = to_json(item)
    except (PydanticSerializationError, ValueError, RecursionError):
        raise Refused(_unkept_places(item) or [Problem("", "json", "Not a JSON value")]) from None
    if body.find(_NUL) >= 0 and (problems := _unkept_places(item)):
        raise Refused(problems)
    if len(body) > EVENT_BYTES_MAX:
        snapshot = isinstance(item, dict) and item.get("type") == _SNAPSHOT
        limit = SNAPSHOT_BYTES_MAX if snapshot else EVENT_BYTES_MAX
        if len(body) > limit:
            raise Refused([_too_large(limit)])
    return body


def _too_large(limit: int) -> Problem:
    return Problem("", "size", f"The event is larger than {limit} bytes")


def _unkept_places(item: object) -> list[Problem]:
    """Where `item` holds what cannot be kept, or is nested too deep; at most PROBLEMS_MAX."""
    problems: list[Problem] = []
    for pointer, value, depth in _walk(item):
        if depth > JSON_DEPTH_MAX * 2:
            problems.append(Problem(pointer, "depth", "Nested too deep"))
        elif isinstance(value, str) and (problem := _unkept(pointer, value)) is not None:
            problems.append(problem)
        if len(problems) == PROBLEMS_MAX:
            break
    return problems


def _walk(item: object) -> Iterator[tuple[str, object, int]]:
    """Every value and every member's name under `item`, with pointer and depth; at most one deeper than the limit."""
    stack: list[tuple[str, object, int]] = [("", item, 0)]
    while stack:
        pointer, value, depth = stack.pop()
        yield pointer, value, depth
        if depth > JSON_DEPTH_MAX * 2:
            continue
        if isinstance(value, dict):
            for key, child in value.items():
                yield pointer, key, depth
                stack.append((_under(pointer, key), child, depth + 1))
        elif isinstance(value, list):
            stack.extend((_under(pointer, index), child, depth + 1) for index, child in enumerate(value))


def _unkept(pointer: str, text: str) -> Problem | None:
    if "\x00" in text:
        return Problem(pointer, "nul", "Text must not contain the NUL character")
    if not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text):
        return Problem(pointer, "surrogate", "Text must not contain half of a surrogate pair")
    return None


def _check_free(data: dict[str, Any]) -> None:
    """The `data` of a type we do not know is free, within what JSON and our reader of it allow."""
    if json_depth(data) > JSON_DEPTH_MAX:
        raise Refused([Problem("/data", "depth", f"Nested deeper than {JSON_DEPTH_MAX} levels")])
    if not all_finite(data):
        raise Refused([Problem("/data", "number", "JSON knows no infinite number")])


def _check_extensions(extensions: dict[str, Any]) -> None:
    """CloudEvents 1.0: names are lower-case letters and digits, at most 20; the model has judged the values' types."""
    problems = [
        Problem("/data_base64", "not_supported", "data_base64 is not supported: send JSON in `data`")
        if name == "data_base64"
        else Problem(_under("", name), "extension_name", "An extension's name is 1 to 20 of the characters a-z and 0-9")
        for name in extensions
        if _EXTENSION_NAME.match(name) is None
    ]
    if len(extensions) > EXTENSIONS_MAX:
        problems.append(Problem("", "extension_count", f"More than {EXTENSIONS_MAX} extension attributes"))
    if problems:
        raise Refused(problems)


def _problems(error: ValidationError, prefix: str) -> list[Problem]:
    details = error.errors(include_url=False, include_input=False)
    problems = [_problem(detail, prefix) for detail in details]
    return list(dict.fromkeys(problems))


def _problem(detail: ErrorDetails, prefix: str) -> Problem:
    """A pydantic finding as ours."""
    if not detail["loc"] and not prefix:
        return Problem("", "event_type", "An event is a JSON object")
    pointer = prefix
    for step in detail["loc"]:
        if step != "[key]":  # pydantic's mark for a member's name, no part of the path
            pointer = _under(pointer, step)
    if MEMBER in detail.get("ctx", {}):
        pointer = _under(pointer, detail["ctx"][MEMBER])
    return Problem(pointer, detail["type"], _SENTENCES.get(detail["type"], detail["msg"]))


def _under(pointer: str, step: object) -> str:
    """The pointer of a member (RFC 6901), cut where a name is beyond all measure."""
    name = str(step).encode("utf-8", "replace").decode().replace("~", "~0").replace("/", "~1")
    return f"{pointer}/{name}"[:POINTER_CHARS_MAX]
