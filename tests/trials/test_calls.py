"""The trials of calls, and their runner: requests, what differs, and records where nothing is known."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scheduler import event
from tests.trials import calls

FILES = sorted((Path(__file__).parent / "files").glob("*.ndjson"))
CALLER = {"connection": "c", "calling": "+8601000000001", "direction": "inbound"}
AGENT = {"connection": "a", "device": "SIP/1", "agent": "1"}


def by_stem(file: Path) -> str:
    return file.stem


def lines(*events: dict[str, Any]) -> str:
    return "\n".join(json.dumps(one) for one in events)


CALL = (
    event("pub", "7", "offered", 0, CALLER),
    event("pub", "7", "delivered", 2, AGENT),
    event("pub", "7", "established", 4, AGENT),
    event("pub", "7", "callCleared", 64),
)


def test_an_empty_line_begins_the_next_request() -> None:
    text = f"{lines(*CALL[:1])}\n\n{lines(*CALL[1:])}\r\n\r\n\n"
    assert [[one["type"].split(".")[2] for one in request] for request in calls.requests_of(text)] == [
        ["offered"],
        ["delivered", "established", "callCleared"],
    ]


async def test_what_differs_is_said() -> None:
    records = await calls.records_of(lines(*CALL))
    right = {"outcome": "answered", "answer_s": 2, "talk_s": 60, "rules": [], "offers": [{"talk_s": 60}]}
    assert calls.judged(records, [right]) == "passed"
    assert "record[0].talk_s: 61 expected, 60 found" in calls.judged(records, [{**right, "talk_s": 61}])
    assert "2 records expected, 1 found" in calls.judged(records, [right, right])


def test_a_file_without_known_values_gives_its_records(tmp_path: Path) -> None:
    file = tmp_path / "99-unknown.ndjson"
    file.write_text(lines(*CALL), "utf-8")
    assert [record["outcome"] for record in calls.run(file)] == ["answered"]


@pytest.mark.parametrize("file", FILES, ids=by_stem)
def test_a_call_as_it_really_goes_comes_out_right(file: Path) -> None:
    assert calls.run(file) == "passed"


def test_every_right_value_has_its_file() -> None:
    assert [file.name for file in FILES] == sorted(calls.RIGHT)
