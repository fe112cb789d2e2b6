"""`ringback dead-letters` over a real store: what the engine set aside is seen, put back, and taken in once."""

import argparse
import asyncio
import base64
import json
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.store import Store, open_store
from cti.cli.dead_letters import add_arguments, run
from cti.core.identity import key_of
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.gateway.pulse import Pulse
from cti.ports import Appending
from cti.telemetry import Telemetry
from cti.wiring import read_book
from tests.scheduler import START_MS, event

PARTITIONS = 4
NOT_JSON = b"\xff\x1b[2J no JSON"
OFFERED = json.dumps(
    event("s1", "call-1", "offered", 0, {"calling": "+8679112345", "called": "95598"}), indent=2
).encode()

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ringback.db'}"


def letters(url: str, *words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args([*words, "--db", url]))


def appending(body: bytes, subject: str = "call-1") -> Appending:
    return Appending("test", key_of("test", "/switches/s1", subject), body)


async def engine_on(store: Store, clock: VirtualClock, telemetry: CallMetrics) -> Engine:
    engine = Engine(store.log, store.ledger, clock, read_book("power-95598"), telemetry, Pulse())
    await engine.start()
    return engine


def worked(url: str, bodies: Sequence[bytes], *, poison: bool = False) -> CallMetrics:
    """What an engine counts that takes these in, with all that is in the log already."""

    async def work() -> CallMetrics:
        clock, telemetry = VirtualClock(START_MS), CallMetrics(Telemetry())
        async with open_store(url, clock, PARTITIONS) as store:
            engine = await engine_on(store, clock, telemetry)
            places = await store.log.append([appending(body) for body in bodies])
            if poison:
                engine.quarantine.poison.update(places)
            await engine.drain()
            await engine.stop()
        return telemetry

    return asyncio.run(work())


def count(telemetry: CallMetrics, name: str, **labels: str) -> float:
    return telemetry.registry.get_sample_value(name, labels) or 0.0


def listed(url: str, capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, object]]:
    capsys.readouterr()
    assert letters(url, "list", "--json", *words) == 0
    found: list[dict[str, object]] = json.loads(capsys.readouterr().out)["letters"]
    return found


def test_a_letter_is_listed_shown_replayed_and_taken_in_once(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    worked(url, [OFFERED], poison=True)
    [told] = listed(url, capsys, "--reason", "poison", "--tenant", "test", "--since", "2026-01-01T00:00:00Z")
    place = str(told["place"])
    assert (told["reason"], told["bytes"], told["replayed_at"]) == ("poison", len(OFFERED), None)
    assert letters(url, "show", place, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert base64.b64decode(shown["body_base64"]) == OFFERED == shown["body"].encode()
    assert letters(url, "replay", place, "--dry-run") == 0
    assert letters(url, "replay", "--reason", "poison") == 0
    assert f"{place} replayed as " in capsys.readouterr().out
    assert letters(url, "replay", place) == 1
    assert "--again" in capsys.readouterr().out
    assert listed(url, capsys) == []
    assert [one["place"] for one in listed(url, capsys, "--all")] == [place]
    assert letters(url, "replay", place, "--again") == 0  # as after a crash between append and mark
    telemetry = worked(url, [])
    assert count(telemetry, "ringback_calls_live") == 1
    assert count(telemetry, "ringback_events_ignored_total", reason="duplicate") == 1


def test_what_is_no_event_is_shown_harmlessly_and_stays(url: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    worked(url, [NOT_JSON])
    capsysbinary.readouterr()
    assert letters(url, "list") == 0
    line = capsysbinary.readouterr().out.decode()
    place = line.split()[0]
    assert "invalid" in line
    assert "\x1b" not in line
    assert letters(url, "show", place) == 0
    shown = capsysbinary.readouterr()
    assert shown.out == NOT_JSON
    assert f"place: {place}".encode() in shown.err
    assert letters(url, "replay", place) == 1
    assert b"still unusable" in capsysbinary.readouterr().out
    assert letters(url, "show", "3:99") == 1


def test_a_long_list_goes_on_where_it_ended(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    worked(url, [b"no JSON %d" % n for n in range(5)])
    capsys.readouterr()
    places: list[str] = []
    words: list[str] = []
    while True:
        assert letters(url, "list", "--json", "--limit", "2", *words) == 0
        page = json.loads(capsys.readouterr().out)
        places += [one["place"] for one in page["letters"]]
        if page["after"] is None:
            break
        words = ["--after", page["after"]]
    assert len(places) == len(set(places)) == 5


@pytest.mark.parametrize(
    "words",
    [
        ("show", "7"), ("show", "a:b"), ("list", "--since", "yesterday"), ("list", "--since", "2026-03-02T09:00:00"),
        ("list", "--limit", "0"), ("list", "--after", "1:2"), ("replay", "--reason", "bad_luck"),
    ],
)  # fmt: skip
def test_a_mistake_is_refused(url: str, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit):
        letters(url, *words)


@pytest.mark.parametrize(
    "words",
    [
        (), ("0:1", "--reason", "poison"), ("--tenant", "t"), ("0:1", "--tenant", "t"),
        ("0:1", "--since", "2026-03-02T00:00:00Z"), ("--reason", "poison", "--again"),
    ],
)  # fmt: skip
def test_a_replay_wants_places_or_a_reason_and_what_goes_with_it(
    url: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert letters(url, "replay", *words) == 2
    assert capsys.readouterr().err.startswith("ringback dead-letters replay: ")


@pytest.mark.parametrize("words", [("list",), ("show", "0:1"), ("replay", "0:1"), ("replay", "0:1", "--dry-run")])
def test_whoever_looks_makes_no_ledger_and_upgrades_none(
    tmp_path: Path, url: str, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert letters(url, *words) == 1
    assert "no such database" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
    with closing(sqlite3.connect(tmp_path / "ringback.db")) as older:
        older.execute("CREATE TABLE alembic_version (version_num)")
        older.execute("INSERT INTO alembic_version VALUES ('0001')")
        older.commit()
        assert letters(url, *words) == 1
        assert "has schema 0001" in capsys.readouterr().err
        assert older.execute("SELECT name FROM sqlite_master").fetchall() == [("alembic_version",)]
    assert letters("memory:", *words) == 1


def test_a_terminal_gets_no_bytes_of_strangers(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    worked(url, [b"one\n\xff\x1b]0;title\x07 \xc2\x9b2J\xe2\x80\xae \xe4\xb8\xad"])
    [told] = listed(url, capsys)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    assert letters(url, "show", str(told["place"])) == 0
    shown = capsys.readouterr().out
    assert shown == "one\n\\xff\\x1b]0;title\\x07 \\x9b2J\\u202e \u4e2d\n"
    assert letters(url, "show", str(told["place"]), "--json") == 0
    assert capsys.readouterr().out.isascii()
