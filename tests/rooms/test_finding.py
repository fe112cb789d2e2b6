"""Parts are found by their entry point; one that does not fit stops the start and says why."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from cti.__main__ import main
from cti.errors import SettingsMistake
from cti.hosting import Part, check, find_parts
from cti.sql.schema import Chain
from cti.web.codes import Code
from tests.rooms.installed import ENTRY_POINTS, install
from tests.rooms.notes import PART

FINDING = """
import sys
from cti.hosting import find_parts
sys.addaudithook(lambda event, args: event == "open" and str(args[0]).endswith(".toml") and print(args[0]))
print(*(part.name for part in find_parts()))
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))


@pytest.mark.usefixtures("installed")
def test_an_installed_part_is_found() -> None:
    assert PART in find_parts()


def test_to_be_found_no_part_reads_a_profile() -> None:
    """A process that starts reads it once, where it opens the part."""
    found = subprocess.run([sys.executable, "-c", FINDING], capture_output=True, text=True, check=True)
    assert found.stdout == "campaigns\n"


@pytest.mark.parametrize(
    ("entry_points", "why"),
    [
        ("[ringback.parts]\nnotes = tests.rooms.gone:PART\n", "cannot be loaded"),
        ("[ringback.parts]\nnotes = tests.rooms.notes:GONE\n", "cannot be loaded"),
        ("[ringback.parts]\nnotes = tests.rooms.notes:CHAIN\n", "is no Part of that name"),
        ("[ringback.parts]\nletters = tests.rooms.notes:PART\n", "is no Part of that name"),
        (ENTRY_POINTS.replace("notes =", "notes2 = tests.rooms.notes:PART\nnotes ="), "is no Part of that name"),
    ],
)
def test_one_that_cannot_be_used_is_named(
    entry_points: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(install(tmp_path / "site", entry_points)))
    with pytest.raises(SettingsMistake, match=why):
        find_parts()


@pytest.mark.parametrize(
    ("other", "why"),
    [
        ({}, "the scope notes:write is taken"),
        ({"scopes": ("calls:read",)}, "the scope calls:read is taken"),
        ({"scopes": (), "codes": {"not_found": Code(404, "", "")}}, "the code not_found is taken"),
        ({"scopes": (), "codes": {}}, "the lease group notes is taken"),
        ({"scopes": (), "codes": {}, "lease_groups": ("engine",)}, "the lease group engine is taken"),
        ({"scopes": (), "codes": {}, "lease_groups": ()}, "the channel ringback_notes is taken"),
        ({"scopes": (), "codes": {}, "lease_groups": (), "channels": ()}, "the tables notes is taken"),
        ({"lease_groups": ("East Side",)}, "'East Side' is no name"),
        ({"runs_in": "Noter"}, "'Noter' is no name"),
    ],
)
def test_what_two_parts_both_bring_is_named(other: dict[str, object], why: str) -> None:
    with pytest.raises(SettingsMistake, match=why):
        check([PART, replace(PART, name="letters", **other)])


def test_two_parts_that_share_nothing_fit() -> None:
    assert PART.chain is not None
    chain = Chain("letters", PART.chain.revisions, PART.chain.metadata)
    check([PART, Part(name="letters", open=PART.open, chain=chain)])


@pytest.mark.usefixtures("installed")
def test_the_commands_know_an_installed_part(
    empty_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logging_as_it_was: None
) -> None:
    monkeypatch.setenv("RINGBACK_NOTES", "1")
    assert main(["migrate", "--db", empty_url]) == 0
    assert main(["keys", "create", "--db", empty_url, "--tenant", "t", "--scopes", "notes:write,calls:read"]) == 0
    with pytest.raises(SystemExit):
        main(["keys", "create", "--db", empty_url, "--tenant", "t", "--scopes", "notes:gone"])
    assert "notes:write" in capsys.readouterr().err
    main(["doctor", "--db", empty_url])
    told = capsys.readouterr().out
    assert "schema of notes" in told
    assert "RINGBACK_NOTES" not in told, "a variable that the part reads"


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_doctor_names_a_schema_that_lags_and_one_that_is_newer(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["migrate", "--db", empty_url]) == 0
    monkeypatch.syspath_prepend(str(install(tmp_path / "site")))
    main(["doctor", "--db", empty_url])
    assert "revision none" in capsys.readouterr().out, "nobody has made the part's tables"
