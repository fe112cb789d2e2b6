"""`ringback calendar check|add`: what the work calendar knows, and how a new year comes into it."""

from datetime import date
from pathlib import Path

import pytest

from campaigns import calendar_command
from campaigns.calendars import YEAR_FILES_MAX, work_calendar, year_files
from campaigns.settings import Settings, names
from cti import __main__ as command
from cti.commands import find_commands
from cti.hosting import variables_of
from tests.rooms.installed import install

FILE = """\
# as announced
year = 2027
source = "an announcement"
holidays = [2027-01-01, 2027-02-05, 2027-02-08, 2027-04-05, 2027-06-09, 2027-09-15, 2027-10-01]
working_weekends = [2027-01-02]
"""
MARCH, OCTOBER, NOVEMBER = date(2026, 3, 4), date(2026, 10, 31), date(2026, 11, 1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of year files, and empty."""
    found = tmp_path / "calendars"
    found.mkdir()
    return found


def run(*arguments: str | Path) -> int:
    return command.main(["calendar", *map(str, arguments)])


def written(tmp_path: Path, text: str = FILE) -> Path:
    path = tmp_path / "new.toml"
    path.write_text(text, "utf-8")
    return path


# -- check -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("day", "code", "missing"),
    [
        (MARCH, 0, []),
        (OCTOBER, 0, []),
        (NOVEMBER, 1, [2027]),
        (date(2026, 12, 31), 1, [2027]),
        (date(2027, 1, 1), 1, [2027]),
        (date(2027, 11, 1), 1, [2027, 2028]),
    ],
)
def test_this_year_is_needed_and_from_november_the_next(
    day: date, code: int, missing: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert calendar_command.check(None, day) == code
    said = capsys.readouterr()
    assert [int(line[:4]) for line in said.err.splitlines()] == missing
    assert said.out.splitlines()[0].startswith("2004-2026  chinesecalendar 1.")
    assert said.out.splitlines()[1:] == ["           provisional: 2027 and later"]


def test_years_of_files_are_known_with_their_source_and_gaps_are_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "2029.toml").write_text(FILE.replace("2027", "2029").replace("2029-01-02", "2029-01-06"), "utf-8")
    (folder / "b.toml").write_text(FILE.replace("2027-01-02", "2026-01-03").replace("2027", "2026"), "utf-8")
    assert calendar_command.check(folder, NOVEMBER) == 1
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("2004-2025  chinesecalendar")
    assert said[1:] == [
        f"2026       {folder}/b.toml: an announcement",
        f"2029       {folder}/2029.toml: an announcement",
        "           provisional: 2027, 2028, 2030 and later",
    ]


def test_a_folder_that_cannot_be_used_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("check", "--folder", folder / "gone") == 2
    assert capsys.readouterr().err == f"{folder}/gone: no such folder\n"
    (folder / "2027.toml").write_text(FILE.replace("year = 2027", "year = 2028"), "utf-8")
    assert run("check", "--folder", folder) == 2
    first = capsys.readouterr().err.splitlines()[0]
    assert first == f"{folder}/2027.toml:4: holidays[0]: 2027-01-01 is not in 2028 [year]"


def test_the_day_is_that_of_china(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    found: list[date] = []
    monkeypatch.setattr(calendar_command, "today", lambda: NOVEMBER)
    monkeypatch.setattr(calendar_command, "check", lambda _, day: found.append(day) or 0)
    assert run("check", "--folder", folder) == 0
    assert found == [NOVEMBER]
    assert calendar_command.CHINA == "Asia/Shanghai"


# -- add ---------------------------------------------------------------------------------------------------------------


def test_a_year_is_put_in_whole_and_no_longer_provisional(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGBACK_CALENDARS", str(folder))
    assert run("add", written(tmp_path)) == 0
    assert capsys.readouterr().out == f"2027: {folder}/2027.toml\n"
    assert [(path.name, path.read_text("utf-8")) for path in folder.iterdir()] == [("2027.toml", FILE)]
    assert calendar_command.check(folder, NOVEMBER) == 0
    assert not work_calendar(year_files(folder).values()).is_provisional(date(2027, 1, 2))


def test_a_year_that_is_there_is_replaced_on_request_alone(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", written(tmp_path), "--folder", folder) == 0
    other = written(tmp_path, FILE.replace("an announcement", "another"))
    assert run("add", other, "--folder", folder) == 1
    assert capsys.readouterr().err == f"2027 is in {folder}/2027.toml already: --replace takes its place\n"
    assert (folder / "2027.toml").read_text("utf-8") == FILE
    assert run("add", other, "--folder", folder, "--replace") == 0
    assert "another" in (folder / "2027.toml").read_text("utf-8")


def test_a_year_in_a_file_of_another_name_is_never_hidden(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "city.toml").write_text(FILE, "utf-8")
    assert run("add", written(tmp_path), "--folder", folder, "--replace") == 1
    assert "remove that file first" in capsys.readouterr().err
    assert [path.name for path in folder.iterdir()] == ["city.toml"]


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        (FILE.replace("source", "sauce"), "new.toml:3: sauce: Extra inputs are not permitted [extra_forbidden]"),
        (FILE.replace("[2027-01-02]", "[2027-01-04]"), "working_weekends[0]: 2027-01-04 is no Saturday"),
        (FILE.replace("2027-02-05", "2027-02-30"), "new.toml:4: the file: "),
        ("#" * 1_000_001, "new.toml:1: the file: More than 1000000 characters [size]"),
    ],
)
def test_what_cannot_be_used_is_not_put_in(
    instead: str, said: str, tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", written(tmp_path, instead), "--folder", folder) == 2
    assert said in capsys.readouterr().err
    assert list(folder.iterdir()) == []


def test_other_bytes_and_no_file_and_no_folder_are_said(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("RINGBACK_CALENDARS", raising=False)
    path = tmp_path / "new.toml"
    path.write_bytes(FILE.encode() + b"# \xd6\xd0")
    assert run("add", path, "--folder", folder) == 2
    assert f"not UTF-8 at byte {len(FILE) + 2}" in capsys.readouterr().err
    assert run("add", tmp_path / "gone.toml", "--folder", folder) == 2
    assert "gone.toml" in capsys.readouterr().err
    assert run("add", written(tmp_path)) == 2
    assert capsys.readouterr().err == "no folder of year files: set RINGBACK_CALENDARS, or give --folder\n"


def test_a_day_of_the_law_that_is_worked_is_pointed_out(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    slip = FILE.replace("2027-04-05", "2027-04-06").replace("[2027-01-02]", "[2027-01-02, 2027-05-01]")
    assert run("add", written(tmp_path, slip), "--folder", folder) == 0
    assert [line.split("holidays: ")[1][:10] for line in capsys.readouterr().err.splitlines()] == [
        "2027-04-05",
        "2027-05-01",
    ]


def test_the_folder_has_its_bound(tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(YEAR_FILES_MAX):
        text = FILE.replace("2027-01-02", "2026-01-03").replace("2027", "2026")
        (folder / f"{number:03}.toml").write_text(text, "utf-8")
    assert run("add", written(tmp_path), "--folder", folder) == 2
    assert capsys.readouterr().err == f"{folder}: more than {YEAR_FILES_MAX} year files\n"


# -- the command and its setting ---------------------------------------------------------------------------------------


def test_the_command_is_found_and_described(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert calendar_command.SUMMARY in " ".join(capsys.readouterr().out.split())


def test_the_doctor_knows_its_setting(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    assert set(calendar_command.VARIABLES) <= names()
    assert set(calendar_command.VARIABLES) <= variables_of([])
    monkeypatch.delenv("RINGBACK_CALENDARS", raising=False)
    assert Settings.read().calendar_folder is None
    monkeypatch.setenv("RINGBACK_CALENDARS", str(folder))
    assert Settings.read().calendar_folder == folder


def test_a_command_that_cannot_be_loaded_stops_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path, "[ringback.commands]\nbroken = tests.rooms.gone\n")))
    found, mistakes = find_commands()
    assert "broken" not in found
    assert "calendar" in found
    assert [mistake.detail for mistake in mistakes] == [
        "command broken cannot be loaded: No module named 'tests.rooms.gone'"
    ]
    assert command.main(["profile", "check", "power-95598"]) == 0
    assert capsys.readouterr().err == "", "who asks for another does without it"
    for asked in (["broken"], ["--help"]):
        with pytest.raises(SystemExit):
            command.main(asked)
        assert "command broken cannot be loaded" in capsys.readouterr().err
