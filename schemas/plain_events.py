"""The ordinary event, judged without a model: most events are texts and whole numbers in known places.

What is accepted here is what the models of `schemas.envelope` accept, with the same result. What is not, they judge:
every refusal is theirs. Plain typed Python without a model in it, so that it can be compiled.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Final, TypeGuard

from pydantic_core import PydanticCustomError

from schemas.fields import SEQUENCE_MAX, ms_of, read_time

TEXT_MAX: Final = 256  # of the attributes' texts
COMMANDID_MAX: Final = 128
SECONDS_KEPT: Final = 1024  # the events of a request are of few seconds

Read = tuple[str, str, str, str, str, str, int, bool, int, int | None, str | None, str | None, dict[str, object]]
"""The fields of an `Event`, in order."""


class PlainField:
    """A member of `data` that is a text, one of some words, a whole number, or a yes or no."""

    __slots__ = ("flag", "high", "low", "needed", "text", "whole", "words")

    def __init__(self, kind: str, low: int, high: int, words: frozenset[str] | None, needed: bool) -> None:
        """`kind`: text, whole or flag. `low`, `high`: of the text's length, or of the number. `needed`: never null."""
        self.text, self.whole, self.flag = kind == "text", kind == "whole", kind == "flag"
        self.low, self.high, self.words, self.needed = low, high, words, needed

    def takes(self, value: object) -> bool:
        if type(value) is str:
            if self.words is not None:
                return value in self.words
            return self.text and self.low <= len(value) <= self.high
        if type(value) is int:
            return self.whole and self.low <= value <= self.high
        if value is None:
            return not self.needed
        return self.flag and type(value) is bool


class PlainType:
    """A type of event, with those members of its `data` that are plain. One that has others is judged by its model."""

    __slots__ = ("family", "fields", "kind", "needed")

    def __init__(self, family: str, kind: str, fields: dict[str, PlainField], needed: int) -> None:
        """`needed`: how many members it must have, the plain ones and the others."""
        self.family, self.kind, self.fields, self.needed = family, kind, fields, needed

    def takes(self, data: dict[str, object]) -> bool:
        missing = self.needed
        for name, value in data.items():
            field = self.fields.get(name)
            if field is None or not field.takes(value):
                return False
            if field.needed:
                missing -= 1
        return missing == 0


def read_plain(item: object, types: Mapping[str, PlainType]) -> Read | None:
    """What an `Event` holds, or None: then the models judge the item, which can be kept as it is."""
    if type(item) is not dict:
        return None
    name, event_id, source, subject = item.get("type"), item.get("id"), item.get("source"), item.get("subject")
    if type(name) is not str or (known := types.get(name)) is None or item.get("specversion") != "1.0":
        return None
    if not (_is_text(event_id) and _is_text(source) and _is_text(subject)):
        return None
    time, media, data, sequence = item.get("time"), item.get("datacontenttype"), item.get("data"), item.get("sequence")
    correlation, commandid, trace = item.get("correlation"), item.get("commandid"), item.get("traceparent")
    members = 6 + (media is not None) + (data is not None) + (sequence is not None)
    if members + (correlation is not None) + (commandid is not None) + (trace is not None) != len(item):
        return None  # extensions, or a null
    if not (_may_be_text(trace, TEXT_MAX) and (media is None or media == "application/json")):
        return None
    if not (_is_sequence(sequence) and _may_be_text(correlation, TEXT_MAX) and _may_be_text(commandid, COMMANDID_MAX)):
        return None
    if data is None:
        data = {}
    if type(data) is not dict or not known.takes(data) or type(time) is not str:
        return None
    at_ms = _ms_of(time)
    if at_ms < 0:
        return None
    return (
        event_id, source, subject, name, known.family, known.kind, 1, True, at_ms, sequence, correlation, commandid,
        data,
    )  # fmt: skip


def _is_text(value: object) -> TypeGuard[str]:
    return type(value) is str and 0 < len(value) <= TEXT_MAX


def _may_be_text(value: object, longest: int) -> TypeGuard[str | None]:
    return value is None or (type(value) is str and 0 < len(value) <= longest)


def _is_sequence(value: object) -> TypeGuard[int | None]:
    return value is None or (type(value) is int and 0 <= value <= SEQUENCE_MAX)


def _ms_of(time: str) -> int:
    """Milliseconds since 1970, or -1 where it is no time. In the usual form, `.mmmZ`, the second is looked up."""
    if len(time) == 24 and time[19] == "." and time[23] == "Z":
        part = time[20:23]
        if part.isascii() and part.isdigit():
            second_ms = _second_ms(time[:19])
            return second_ms + int(part) if second_ms >= 0 else -1
    return _any_ms(time)


@lru_cache(maxsize=SECONDS_KEPT)
def _second_ms(text: str) -> int:
    return _any_ms(f"{text}Z")


def _any_ms(time: str) -> int:
    try:
        return ms_of(read_time(time))
    except PydanticCustomError:
        return -1
