"""The trials of call records, and their runner on made-up files of the same kinds: it says what is not right."""

from pathlib import Path
from typing import Any

import pytest

from tests.trials.replays import PASSED, files_of, run, run_file
from tests.trials.replays_right import RIGHT as RIGHT_OF_FILES

pytestmark = pytest.mark.usefixtures("logging_as_it_was")

FILES = files_of(Path(__file__).parent / "files")
PLAIN_TIMES = '[times]\ncame = { column = "came" }\nwent = { column = "went" }\n'
BEGIN_AND_END = '[[event]]\nkind = "offered"\nat = "came"\n[[event]]\nkind = "callCleared"\nat = "went"\n'
WAIT_AND_TALK = """[times]
came = { column = "came" }
answered = { start = "came", plus_s = "wait" }
went = { start = "answered", plus_s = "talk" }
[[event]]
kind = "offered"
at = "came"
[[event]]
kind = "established"
at = "answered"
when = { served = "yes" }
data.connection = "a"
[[event]]
name = "ended"
kind = "callCleared"
at = "went"
when = { served = "yes" }
[[event]]
name = "left"
kind = "callCleared"
at = "came"
when = { served = "no" }
"""
QUEUE_EVENTS = """[times]
at = { column = "when" }
[[event]]
kind = "offered"
at = "at"
when = { what = "IN" }
[[event]]
kind = "queued"
at = "at"
when = { what = "IN" }
data.queue = "{line}"
[[event]]
kind = "established"
at = "at"
when = { what = "ANSWER" }
data = { connection = "a", agent = "{who}" }
[[event]]
kind = "callCleared"
at = "at"
when = { what = ["BYE", "LOST"] }
"""
QUEUE_LOG = """when,call,line,who,what
2023-10-05 14:00:00,k1,north,,IN
2023-10-05 14:00:05,k2,south,,IN
2023-10-05 14:00:21,k1,north,eve,ANSWER
2023-10-05 14:00:30,k2,south,,LOST
2023-10-05 14:01:21,k1,north,eve,BYE
"""
CHINESE = """[times]
came = { column = "来电" }
answered = { column = "接听", none = "" }
went = { column = "挂断" }
[[event]]
kind = "offered"
at = "came"
data.called = "{被叫}"
[[event]]
kind = "established"
at = "answered"
data.connection = "a"
[[event]]
kind = "callCleared"
at = "went"
"""


def head(time_format: str = "%Y-%m-%d %H:%M:%S", key: str = "id", more: str = "") -> str:
    zone = '"Asia/Shanghai"'
    return f'name = "t"\nswitch = "t"\ntime_zone = {zone}\ntime_format = "{time_format}"\nkey = ["{key}"]\n{more}'


# name: (the file's text, its encoding, the mapping beside it, right values)
Kind = tuple[str, str, str, dict[str, Any]]
KINDS: dict[str, Kind] = {
    "r1-offset-ignored": (
        "id,came,went\n1,2023-10-05T08:00:00+02:00,2023-10-05T08:01:00+02:00\n2,2023-10-05T01:00:00-0500,2023-10-05T06:02:00Z\n",
        "utf-8",
        head("%Y-%m-%dT%H:%M:%S%z") + PLAIN_TIMES + BEGIN_AND_END,
        {"figures": {"calls": 2}, "records": [{"opened_at": "2023-10-05T06:00:00.000Z"}] * 2},
    ),
    "r2-epoch": (
        "id,came,went\n1,1696485600.5,1696485661\n",
        "utf-8",
        head("%s") + PLAIN_TIMES + BEGIN_AND_END,
        {"records": [{"opened_at": "2023-10-05T06:00:00.500Z", "ended_at": "2023-10-05T06:01:01.000Z"}]},
    ),
    "r3-empty-duration": (
        "id,came,wait,talk,served\n1,2023-10-05 14:00:00,7,31,yes\n2,2023-10-05 14:05:00,,,no\n",
        "utf-8",
        head() + WAIT_AND_TALK,
        {"figures": {"answered": 1, "abandoned": 1}, "records": [{"talk_s": 31}, {"talk_s": 0}]},
    ),
    "r4-hms-duration": (
        "id,came,wait,talk,served\n1,2023-10-05 14:00:00,00:15,1:01:30,yes\n",
        "utf-8",
        head() + WAIT_AND_TALK,
        {"records": [{"talk_s": 3690, "answered_at": "2023-10-05T06:00:15.000Z"}]},
    ),
    "r5-no-answer-time": (
        "id,came,duration,billsec,disposition\n1,2023-10-05 14:00:00,91,51,ANSWERED\n2,2023-10-05 14:09:00,12,0,BUSY\n",
        "utf-8",
        "",
        {"figures": {"answered": 1}, "records": [{"wait_s": 40, "talk_s": 51}, {"wait_s": 12, "outcome": "abandoned"}]},
    ),
    "r6-header-twice-gb18030": (
        "编号,被叫,来电,接听,挂断,备注,备注\n7,95598,2023-10-05 14:00:00,2023-10-05 14:00:09,2023-10-05 14:00:30,,\n",
        "gb18030",
        head(key="编号") + CHINESE,
        {"figures": {"encoding": "gb18030"}, "records": [{"called": "95598", "talk_s": 21}]},
    ),
    "r7-latin1": (
        "id;came;went;agent\n1;2023-10-05 14:00:00;2023-10-05 14:00:10;Zoë Groß\n",
        "latin-1",
        head(more='delimiter = ";"\n')
        + PLAIN_TIMES
        + BEGIN_AND_END.replace('"came"\n', '"came"\ndata.trunk = "{agent}"\n', 1),
        {"records": [{"trunk": "Zoë Groß"}]},
    ),
    "r8-no-header": (
        ',7,8,c,,A/7,B/8,Dial,,2023-10-05 14:00:00,2023-10-05 14:00:06,2023-10-05 14:00:50,50,44,ANSWERED,x,17,"n"\n',
        "utf-8",
        "",
        {"records": [{"calling": "7", "called": "8", "talk_s": 44, "subject": "17"}]},
    ),
    "r9-queue-log": (
        QUEUE_LOG,
        "utf-8",
        head(key="call") + QUEUE_EVENTS,
        {
            "figures": {"calls": 2, "answered": 1, "abandoned_from_queue": 1},
            "records": [{"queue": "north", "wait_s": 21, "talk_s": 60}, {"queue": "south", "wait_s": 25}],
        },
    ),
}
RIGHT = {name: kind[3] for name, kind in KINDS.items()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, (content, encoding, mapping, _) in KINDS.items():
        (tmp_path / f"{name}.csv").write_bytes(content.encode(encoding))
        if mapping:
            (tmp_path / f"{name}.toml").write_text(mapping, "utf-8")
    return tmp_path


def by_stem(file: Path) -> str:
    return file.stem


@pytest.mark.parametrize("file", FILES, ids=by_stem)
def test_records_as_they_really_are_come_out_right(file: Path) -> None:
    assert set(run_file(file).values()) == {PASSED}


def test_every_right_value_has_its_file() -> None:
    assert [file.stem for file in FILES] == sorted(RIGHT_OF_FILES)


def test_files_of_every_kind_come_out_right(folder: Path) -> None:
    found = run(folder, RIGHT)
    assert {name: said for name, said in found.items() if said != PASSED} == {}
    assert {*KINDS, "r2-epoch, a format that cannot be read", "r7-latin1, encoding not said"} == found.keys()


def test_what_is_not_right_is_said(tmp_path: Path, folder: Path) -> None:
    (folder / "r1-offset-ignored.toml").unlink()
    (folder / "r10-unknown.csv").write_text("id\n1\n")
    (folder / "r10-unknown.toml").write_text(head() + PLAIN_TIMES + BEGIN_AND_END)
    for name in ("r11-unknown", "r12-told"):
        (folder / f"{name}.csv").write_text("id,came,went\n1,2023-10-05 14:00:00,2023-10-05 14:01:00\n")
        (folder / f"{name}.toml").write_text(head() + PLAIN_TIMES + BEGIN_AND_END)
    (folder / "r12-told.right.json").write_text('{"figures": {"calls": 2}}')
    wrong = {**RIGHT, "r2-epoch": {"figures": {"calls": 3}}, "r9-queue-log": {"records": [{"wait_s": 20}]}}
    found = run(folder, wrong)
    assert found["r1-offset-ignored"].startswith("exit 2: ")
    assert found["r2-epoch"] == "figures.calls: 3 expected, 1 found"
    assert found["r9-queue-log"] == "1 records expected, 2 found; records[0].wait_s: 20 expected, 21 found"
    assert found["r10-unknown"].startswith("exit 2: ")
    assert found["r11-unknown"].startswith("no right values are known for this file, which gives {'lines_in': 1,")
    assert found["r12-told"] == "figures.calls: 2 expected, 1 found"
