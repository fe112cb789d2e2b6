"""Files through the whole replay: a workbook, and what is said of what was not read or was recognised."""

from pathlib import Path

import pytest

from cti.replay import command
from tests.replay.workbooks import LINES, workbook
from tests.replay.workbooks import MAPPING as BOOK
from tests.trials.replays import replayed

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

MAPPING = """name = "plain"
switch = "plain"
time_zone = "UTC"
time_format = "%Y-%m-%d %H:%M:%S"
key = ["id"]
columns_optional = ["trunk"]
[times]
came = { column = "came" }
answered = { column = "answered", none = "" }
went = { column = "went" }
[[event]]
kind = "offered"
at = "came"
data.trunk = "{trunk}"
[[event]]
kind = "queued"
at = "answered"
when = { id = "never" }
[[event]]
kind = "delivered"
at = "answered"
data.connection = "a"
when = { id = "never" }
[[event]]
kind = "established"
at = "answered"
data.connection = "a"
[[event]]
kind = "callCleared"
at = "went"
"""
HEADER = "id,came,answered,went"
SOUND = "甲,2024-03-04 09:00:00,2024-03-04 09:00:10,2024-03-04 09:01:00"


@pytest.fixture
def mapping(tmp_path: Path) -> Path:
    (tmp_path / "plain.toml").write_text(MAPPING, "utf-8")
    return tmp_path / "plain.toml"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([HEADER, "1,soon,,later"], "no line was accepted: line 2: bad_time: came: 'soon'"),
        ([HEADER], "no line was accepted"),
    ],
)
def test_nothing_accepted_is_an_error_and_measures_nothing(
    lines: list[str], said: str, tmp_path: Path, mapping: Path
) -> None:
    (tmp_path / "calls.csv").write_text("\n".join(lines), "utf-8")
    result = replayed(tmp_path / "calls.csv", mapping)
    assert result.code == 1
    assert said in result.said
    assert (result.figures["calls"], result.figures["mean_wait_answered_s"]) == (0, None)
    assert {rule["state"] for rule in result.figures["rules"].values()} == {"not_measurable"}


def test_what_no_line_gave_is_not_measured_though_the_mapping_could(tmp_path: Path, mapping: Path) -> None:
    (tmp_path / "calls.csv").write_text(f"{HEADER}\n{SOUND}\n", "utf-8")
    result = replayed(tmp_path / "calls.csv", mapping)
    assert (result.code, result.figures["answered"], result.figures["mean_service_s"]) == (0, 1, 50)
    assert result.figures["mean_wait_answered_s"] is None
    assert result.figures["rules"]["RING-1"]["state"] == result.figures["rules"]["QUEUE-1"]["state"] == "not_measurable"


def test_an_encoding_that_nobody_said_is_told(tmp_path: Path, mapping: Path) -> None:
    (tmp_path / "calls.csv").write_text(f"{HEADER}\n{SOUND}\n", "gb18030")
    result = replayed(tmp_path / "calls.csv", mapping)
    assert (result.code, result.figures["encoding"], result.records[0]["subject"]) == (0, "gb18030", "甲")
    assert "calls.csv: not UTF-8, read as gb18030" in result.said


def test_columns_that_say_nothing_are_named(tmp_path: Path, mapping: Path) -> None:
    (tmp_path / "calls.csv").write_text(f"{HEADER}\n{SOUND}\n", "utf-8")
    assert replayed(tmp_path / "calls.csv", mapping).figures["columns_never_filled"] == ["trunk"]


def test_a_file_beyond_the_limit_is_refused_before_it_is_read(
    tmp_path: Path, mapping: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "calls.csv"
    file.write_text(f"{HEADER}\n{SOUND}\n", "utf-8")
    monkeypatch.setattr(command, "FILE_BYTES_MAX", file.stat().st_size)
    assert replayed(file, mapping).code == 0
    monkeypatch.setattr(command, "FILE_BYTES_MAX", file.stat().st_size - 1)
    monkeypatch.setattr(command, "read_table", lambda *_: pytest.fail("it was read"))
    result = replayed(file, mapping)
    assert (result.code, result.said) == (2, f"{file}: larger than {file.stat().st_size - 1} bytes\n")


def test_a_workbook_goes_the_same_way(tmp_path: Path) -> None:
    (tmp_path / "book.toml").write_bytes(BOOK)
    (tmp_path / "calls.xlsx").write_bytes(workbook(Calls=LINES))
    result = replayed(tmp_path / "calls.xlsx", tmp_path / "book.toml")
    assert (result.code, result.figures["encoding"]) == (0, None)
    assert [(record["opened_at"], record["talk_s"]) for record in result.records] == [
        ("2024-03-04T08:00:00.000Z", 90),
        ("2024-03-04T11:00:00.000Z", 129_600),
    ]
