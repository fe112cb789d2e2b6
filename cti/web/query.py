"""Query parameters: a closed list a route, each with its form. What is not on the list is refused, not ignored."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from cti.web.instants import ms_of
from cti.web.refusal import Refusal, fault

TEXT_CHARS_MAX = 256
FIELDS_MAX = 40
_TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
NO_CONTROLS = {"pattern": r"^[^\u0000-\u001F\u007F-\u009F]*$"}
_DIGITS = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_DECIMAL = re.compile(r"[0-9]{1,6}(\.[0-9]{1,3})?\Z", re.ASCII)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A query parameter. `read` gives its value or raises ValueError with a sentence; `schema` is OpenAPI's."""

    name: str
    about: str
    schema: Mapping[str, Any]
    read: Callable[[str], Any]
    many: bool = False  # it may be repeated: its value is a list
    required: bool = False


def text(name: str, about: str, least: int = 1) -> Parameter:
    """Any text without control characters, of `least` characters or more."""

    def read(value: str) -> str:
        if not least <= len(value) <= TEXT_CHARS_MAX:
            raise ValueError(f"takes {least} to {TEXT_CHARS_MAX} characters")
        if _CONTROLS.search(value) is not None:
            raise ValueError("takes no control characters")
        return value

    return Parameter(
        name, about, {"type": "string", "minLength": least, "maxLength": TEXT_CHARS_MAX, **NO_CONTROLS}, read
    )


def choice(name: str, about: str, values: Sequence[str]) -> Parameter:
    """One of a closed list."""

    def read(value: str) -> str:
        if value not in values:
            raise ValueError(f"takes one of {', '.join(values)}")
        return value

    return Parameter(name, about, {"type": "string", "enum": list(values)}, read)


def whole(name: str, about: str, least: int, most: int) -> Parameter:
    """A whole number."""

    def read(value: str) -> int:
        if _DIGITS.match(value) is None or not least <= int(value) <= most:
            raise ValueError(f"takes a whole number from {least} to {most}")
        return int(value)

    return Parameter(name, about, {"type": "integer", "minimum": least, "maximum": most}, read)


def seconds(name: str, about: str, most: float) -> Parameter:
    """Seconds, at most to the millisecond."""

    def read(value: str) -> float:
        if _DECIMAL.match(value) is None or float(value) > most:
            raise ValueError(f"takes seconds from 0 to {most:g}, like 25 or 2.5")
        return float(value)

    return Parameter(name, about, {"type": "number", "minimum": 0, "maximum": most}, read)


def instant(name: str, about: str) -> Parameter:
    """An RFC 3339 time; its value is in ms since the epoch."""

    def read(value: str) -> int:
        if _TIME.match(value) is None:
            raise ValueError("takes an RFC 3339 time with its offset, like 2026-03-02T01:00:12.000Z")
        return ms_of(datetime.fromisoformat(value.upper()))

    return Parameter(name, about, {"type": "string", "format": "date-time"}, read)


def parsed(name: str, about: str, pattern: str, read: Callable[[str], Any]) -> Parameter:
    """A text of our own form, read by `read`."""
    return Parameter(name, about, {"type": "string", "pattern": pattern, "maxLength": 1024}, read)


def read_query(raw: str, parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """The values asked for. Raises Refusal `unknown_parameter` or `bad_parameter`."""
    values: dict[str, Any] = {}
    faults = list(_faults(raw, parameters, values)) if raw else []
    left = (name for name, known in parameters.items() if known.required and name not in values)
    faults = faults or [fault(name, "missing", "is required") for name in left]
    if faults:
        unknown = all(each["rule"] == "unknown" for each in faults)
        names = ", ".join(each["pointer"] for each in faults)
        raise Refusal("unknown_parameter" if unknown else "bad_parameter", f"In the query: {names}", faults)
    return values


def _faults(raw: str, parameters: Mapping[str, Parameter], values: dict[str, Any]) -> Iterator[dict[str, str]]:
    if raw.count("&") >= FIELDS_MAX:
        yield fault("?", "count", f"At most {FIELDS_MAX} parameters")
        return
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=FIELDS_MAX)
    except ValueError:  # UnicodeDecodeError is one
        yield fault("?", "encoding", "The query is not percent-encoded UTF-8")
        return
    for name, value in pairs:
        known = parameters.get(name)
        if known is None:
            yield fault(name[:64], "unknown", f"Known here: {', '.join(parameters) or 'none'}")
        elif name in values and not known.many:
            yield fault(name, "repeated", "is given more than once")
        else:
            yield from _read(known, value, values)


def _read(known: Parameter, value: str, values: dict[str, Any]) -> Iterator[dict[str, str]]:
    try:
        read = known.read(value)
    except ValueError as error:
        yield fault(known.name, "value", str(error))
        return
    if known.many:
        several = values.setdefault(known.name, [])
        several.append(read)
        most = known.schema.get("maxItems")
        if most is not None and len(several) == most + 1:
            yield fault(known.name, "value", f"is given more than {most} times")
    else:
        values[known.name] = read


def read_headers(given: Iterable[tuple[str, str]], headers: Sequence[Parameter]) -> dict[str, Any]:
    """The values of the headers that a route knows. Raises Refusal `bad_header`."""
    values: dict[str, Any] = {}
    if not headers:  # as of most requests: what is sent is not looked through
        return values
    faults: list[dict[str, str]] = []
    by_name = {known.name.lower(): known for known in headers}
    sent = [(by_name[name.lower()], value) for name, value in given if name.lower() in by_name]
    for known, value in sent:
        if known.name in values:
            faults.append(fault(known.name, "repeated", "is given more than once"))
        else:
            faults.extend(_read(known, value, values))
    if faults:
        raise Refusal("bad_header", f"In the headers: {', '.join(each['pointer'] for each in faults)}", faults)
    return values
