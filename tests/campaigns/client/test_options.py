"""What the command line takes, and what it refuses before anything is asked of the service."""

import argparse
from pathlib import Path

import pytest

from campaigns.client import command
from campaigns.client.options import campaign_of, most, setting
from cti.__main__ import main


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("attempts_max=2", ("attempts_max", 2)), ("caller_id=95598", ("caller_id", "95598")),
        ("channels=sms,auto", ("channels", ["sms", "auto"])),
        ("closed_dates=2026-05-01", ("closed_dates", ["2026-05-01"])),
        ('windows=["09:00-12:00"]', ("windows", ["09:00-12:00"])), ("retry.noAnswer=120", ("retry.noAnswer", 120)),
        ("name=a=b", ("name", "a=b")), ("queue=", ("queue", "")),
    ],
)  # fmt: skip
def test_a_setting_is_text_where_the_member_is_text_else_json(text: str, found: tuple[str, object]) -> None:
    assert setting(text) == found


@pytest.mark.parametrize("text", ["attempts_max", "=2", "a b=2", "kind=billing", "switch=s1", "a.b.c=1"])
def test_what_is_no_setting_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        setting(text)


def test_members_of_members_come_together_and_nothing_is_set_twice() -> None:
    given = [("pacing.calls_per_second", 2), ("pacing.calls_at_once", 5), ("priority", 0)]
    assert campaign_of(given) == {"pacing": {"calls_per_second": 2, "calls_at_once": 5}, "priority": 0}
    for again in (("priority", 1), ("pacing.calls_at_once", 6), ("priority.x", 1)):
        with pytest.raises(ValueError, match=f"--set {again[0]} is given twice"):
            campaign_of([*given, again])


@pytest.mark.parametrize(
    ("text", "rejected", "received", "exceeded"),
    [("5%", 50, 1000, False), ("5%", 51, 1000, True), ("0%", 1, 1000, True), ("0", 0, 10, False),
     ("20", 21, 9999, True),
     ("100%", 10, 10, False), ("2.5%", 26, 1000, True)],
)  # fmt: skip
def test_the_limit_of_rejected_rows_is_a_share_or_a_number(
    text: str, rejected: int, received: int, exceeded: bool
) -> None:
    assert most(text).exceeded(rejected, received) is exceeded


@pytest.mark.parametrize("text", ["101%", "-1", "5 %", "", "many"])
def test_another_limit_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        most(text)


SUBMIT = ["campaign", "submit", "FILE", "--kind", "arrears", "--switch", "s1", "--trunk-group", "main"]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ([*SUBMIT, "--key", "k"], "nobody can be asked here"),
        ([*SUBMIT, "--yes"], "no API key"),
        ([*SUBMIT, "--yes", "--key", "k", "--url", "127.0.0.1:8080"], "no address of a service"),
        ([*SUBMIT[:2], "gone.csv", *SUBMIT[3:], "--yes", "--key", "k"], "gone.csv is no file"),
        ([*SUBMIT, "--yes", "--key", "k", "--set", "priority=1", "--set", "priority=2"], "given twice"),
        (["campaign", "status", "../outbound", "--key", "k"], "no campaign's id"),
        (["campaign", "export", "c1", "--what", "contacts", "--out", "x", "--batch", "b", "--key", "k"], "--batch"),
    ],
)  # fmt: skip
def test_usage_is_exit_code_2_and_says_what_is_wrong(
    words: list[str], why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "rows.csv"
    file.touch()
    for name in command.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert main([str(file) if word == "FILE" else word for word in words]) == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize("words", [["pause"], ["pause", "c1", "--all"], ["submit", "x.csv"], ["export", "c1"]])
def test_the_parser_refuses_with_2_too(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["campaign", *words])
    assert stopped.value.code == 2
    assert "usage:" in capsys.readouterr().err
