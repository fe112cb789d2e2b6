"""Errors as RFC 9457 problem details: raise `Refusal`, the door answers."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiohttp import web
from pydantic import ValidationError
from pydantic_core import to_json

from cti.web.codes import CODES, ERRORS_URL, Code
from cti.web.masking import masked_identifier, masked_problem
from schemas.fields import MEMBER

PROBLEM_JSON = "application/problem+json"
FAULTS_MAX = 20


def fault(pointer: str, rule: str, detail: str) -> dict[str, str]:
    """One entry of `errors`: a JSON pointer (or a parameter's name), the rule broken, a sentence."""
    return {"pointer": pointer, "rule": rule, "detail": detail}


def faults_of(error: ValidationError, value: Any) -> list[dict[str, str]]:
    """What pydantic found in a JSON value, as our faults with JSON pointers (RFC 6901)."""
    found = error.errors(include_url=False, include_input=False)[:FAULTS_MAX]
    return [
        fault(pointer_of([*_within(value, each["loc"]), *_member(each.get("ctx", {}))]), each["type"], each["msg"])
        for each in found
    ]


def _member(context: Mapping[str, Any]) -> list[str]:
    """The member that an error of a whole model names."""
    return [context[MEMBER]] if MEMBER in context else []


def _within(value: Any, steps: Sequence[int | str]) -> Iterator[int | str]:
    """The steps that lead into the value; the last may be a member that is missing. Between them pydantic also names
    which form of several it tried, and that it means a member's name.
    """
    for step, left in zip(steps, reversed(range(len(steps))), strict=True):
        if isinstance(value, Mapping) and (step in value or (not left and step != "[key]")):
            yield step
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int):
            yield step
            value = value[step]


def pointer_of(steps: Iterable[int | str]) -> str:
    """The JSON pointer of a path."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1")[:100] for step in steps)


class Refusal(Exception):
    """A request that is answered by an error. `code` is one of `codes`: those of the call side, or a part's own."""

    def __init__(
        self,
        code: str,
        detail: str = "",
        errors: list[dict[str, str]] | None = None,
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, Any] | None = None,
        codes: Mapping[str, Code] = CODES,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code, self.detail, self.errors = code, detail, errors
        self.known = codes[code]
        self.headers, self.members = headers, members

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.known.status

    def body(self) -> dict[str, Any]:
        """The problem document."""
        known = self.known
        body: dict[str, Any] = {
            "type": ERRORS_URL + self.code,
            "code": self.code,
            "title": known.title,
            "status": known.status,
            "detail": masked_identifier(self.detail or known.advice),
        }
        if self.errors:
            body["errors"] = masked_problem(self.errors)
        return body | dict(self.members or {})

    def response(self) -> web.Response:
        """The answer. `replace` keeps half surrogates, which a client can cause, from breaking it."""
        body = to_json(_encodable(self.body()))
        return web.Response(status=self.status, body=body, content_type=PROBLEM_JSON, headers=self.headers)


def _encodable(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(each) for key, each in value.items()}
    return [_encodable(each) for each in value] if isinstance(value, list) else value


def busy(code: str, retry_after_s: int, detail: str = "") -> Refusal:
    """A refusal with a Retry-After header."""
    return Refusal(code, detail, headers={"Retry-After": str(max(1, retry_after_s))})
