"""Errors leave as problem documents, and each code is documented."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, StringConstraints, ValidationError
from pydantic_core import from_json

from cti.hosting import find_parts
from cti.web.codes import CODES
from cti.web.refusal import Refusal, busy, fault, faults_of, pointer_of

ALL = {**CODES, **{code: each for part in find_parts() for code, each in part.codes.items()}}
DOCUMENTED = (Path(__file__).parents[2] / "docs" / "errors.md").read_text("utf-8")


def sections() -> dict[str, tuple[int, str]]:
    """Per code in the page: the status it stands under, and its text."""
    found: dict[str, tuple[int, str]] = {}
    for block in re.split(r"^## ", DOCUMENTED, flags=re.MULTILINE)[1:]:
        status, _, rest = block.partition("\n")
        for entry in re.split(r"^### ", rest, flags=re.MULTILINE)[1:]:
            code, _, text = entry.partition("\n")
            found[code] = (int(status), " ".join(text.split()))
    return found


def test_every_code_is_documented_and_none_that_is_not() -> None:
    told = {code: (each.status, f"**{each.title}.** {each.advice}") for code, each in ALL.items()}
    assert sections() == told


@pytest.mark.parametrize("code", sorted(ALL))
def test_a_refusal_is_a_problem_document(code: str) -> None:
    response = Refusal(code, codes=ALL).response()
    told = from_json(response.body)
    assert response.status == told["status"] == ALL[code].status
    assert response.content_type == "application/problem+json"
    assert told["type"] == f"https://ringback.dev/errors/{code}"
    assert told["detail"]


def test_faults_members_and_headers_are_told() -> None:
    refusal = Refusal("invalid_event", "x", [fault("/data", "missing", "y")], {"A": "b"}, {"accepted": 0})
    told = from_json(refusal.response().body)
    assert told["errors"] == [{"pointer": "/data", "rule": "missing", "detail": "y"}]
    assert told["accepted"] == 0
    assert refusal.response().headers["A"] == "b"


def test_half_a_surrogate_pair_breaks_no_answer() -> None:
    told = from_json(Refusal("bad_header", "a\udcffb", [fault("/\ud800", "r", "d")]).response().body)
    assert (told["detail"], told["errors"][0]["pointer"]) == ("a?b", "/?")


def test_coming_back_is_never_at_once() -> None:
    assert busy("log_busy", 0).response().headers["Retry-After"] == "1"


class _One(BaseModel):
    zone: list[Annotated[str, StringConstraints(max_length=3)]] | Annotated[str, StringConstraints(max_length=3)]
    minutes: dict[Literal["a"], int] = {}


@pytest.mark.parametrize(
    ("value", "pointers"),
    [
        ({"zone": ["UTC", "Mars"]}, {"/zone/1", "/zone"}),
        ({"zone": "Mars"}, {"/zone"}),
        ({"zone": "UTC", "minutes": {"a/b": 1}}, {"/minutes/a~1b"}),
        ({"zone": "UTC", "minutes": {"a": "x"}}, {"/minutes/a"}),
        ({}, {"/zone"}),
        ([], {""}),
    ],
)
def test_pointers_lead_to_what_was_sent(value: Any, pointers: set[str]) -> None:
    with pytest.raises(ValidationError) as caught:
        _One.model_validate(value)
    assert {each["pointer"] for each in faults_of(caught.value, value)} == pointers


def test_pointers_are_escaped() -> None:
    assert pointer_of(("data", "a/b~c", 3)) == "/data/a~1b~0c/3"
