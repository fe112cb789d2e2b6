"""`ringback doctor` on real stores: it finds what is wrong, is not long about it, and leaves nothing behind."""

import argparse
import asyncio
import json
import logging
import socket
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, make_url

from cti.adapters.clock import SystemClock, VirtualClock
from cti.adapters.event_log_kafka.inspection import inspect_topics
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import make_topics
from cti.adapters.store import open_store
from cti.cli.doctor import BETWEEN_LOOKS_MS, add_arguments, examine, run
from cti.cli.doctor_findings import Finding
from cti.errors import LogAway
from cti.leases.ownership import SILENT_MS
from cti.ports import Appending
from cti.rows import Round, SwitchRow
from tests.contract.rows import fence
from tests.kafka import KafkaBroker
from tests.scheduler import START_MS

PARTITIONS = 4

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ring back #1.db'}"


def doctor(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit code, and the findings by check; of several the last."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    capsys.readouterr()
    code = run(parser.parse_args([*words, "--json"]))
    return code, {one["check"]: one for one in json.loads(capsys.readouterr().out)}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {one.check: one for one in findings}


def made(url: str) -> None:
    async def make() -> None:
        async with open_store(url, VirtualClock(START_MS), PARTITIONS) as store:
            await store.ledger.claim("test", PARTITIONS)
            await store.ledger.put_switch(SwitchRow("t", "s", "/switches/s", '{"commands":[],"facts":["offered"]}'))
            await store.log.append([Appending("t", "t:/switches/s:1", b"{}")])

    asyncio.run(make())


# -- SQLite ------------------------------------------------------------------------------------------------------------


def test_what_is_not_there_yet_is_a_warning_and_stays_away(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, found = doctor(capsys, "--db", url)
    assert (code, found["ledger"]["level"]) == (0, "warning")
    assert list(tmp_path.iterdir()) == []
    for wrong in (f"{tmp_path}/no/such/folder.db", tmp_path):
        code, found = doctor(capsys, "--db", f"sqlite:///{wrong}")
        assert (code, found["ledger"]["level"]) == (1, "fault")


def test_an_sqlite_ledger_is_looked_at_and_left_as_it_was(
    tmp_path: Path, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    made(url)
    before = (tmp_path / "ring back #1.db").read_bytes()
    code, found = doctor(capsys, "--db", url)
    assert code == 1  # an entry of START_MS has lived beyond its retention by now
    assert {check: one["level"] for check, one in found.items()} == {
        "settings": "ok", "profile": "ok", "ledger": "ok", "schema": "ok", "sqlite file": "ok", "partitions": "ok",
        "dead letters": "ok", "rules, t/s": "warning", "commands, t/s": "warning", "unread events": "fault",
        "parts": "ok", "schema of campaigns": "warning",
    }  # fmt: skip
    assert (tmp_path / "ring back #1.db").read_bytes() == before
    assert "synchronous=FULL" in found["sqlite file"]["found"]


def test_a_file_of_somebody_else_is_refused_unchanged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE stock (item)")
    before = file.read_bytes()
    code, found = doctor(capsys, "--db", f"sqlite:///{file}")
    assert (code, found["schema"]["level"], found["sqlite file"]["level"]) == (1, "fault", "warning")
    assert file.read_bytes() == before
    file.write_bytes(b"no database at all, but long enough to be looked at as one" * 100)
    code, found = doctor(capsys, "--db", f"sqlite:///{file}")
    assert (code, found["ledger"]["level"]) == (1, "fault")


@pytest.mark.parametrize(
    ("name", "value", "check"),
    [
        ("RINGBACK_PARTITIONS", "many", "settings"), ("RINGBACK_PROFILE", "/no/such/profile.toml", "profile"),
        ("RINGBACK_KAFKA_BOOTSTRAP", "localhost:1", "settings"), ("RINGBACK_DB", "mysql://db/x", "settings"),
    ],
)  # fmt: skip
def test_a_wrong_setting_is_a_fault(
    name: str, value: str, check: str, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.setenv("RINGBACK_DB", f"sqlite:///{tmp_path}/ringback.db")
    monkeypatch.setenv(name, value)
    code, found = doctor(capsys)
    assert (code, found[check]["level"]) == (1, "fault")


def test_a_setting_that_nobody_reads_is_a_warning(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RINGBACK_PROFIL", "gov-12345")
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["--db", url])) == 0
    assert "unknown: RINGBACK_PROFIL" in capsys.readouterr().out


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def test_a_server_that_is_away_is_a_fault_soon(capsys: pytest.CaptureFixture[str]) -> None:
    code, found = doctor(capsys, "--db", f"postgresql://nobody@127.0.0.1:{free_port()}/ringback")
    assert (code, found["ledger"]["level"]) == (1, "fault")


async def test_a_database_that_is_still_to_be_made_is_a_warning(postgres_url: str) -> None:
    absent = make_url(postgres_url).set(database="no such").render_as_string(hide_password=False)
    found = by_check(await examine(absent, SystemClock(), VirtualClock(0)))
    assert found["ledger"].level == "warning"
    assert "the first start makes it" in found["ledger"].mend


class Silent:
    """Lets everybody in as a PostgreSQL would, and answers no question."""

    WELCOME = b"R\0\0\0\x08\0\0\0\0" + b"S\0\0\0\x18server_version\00016.0\0" + b"Z\0\0\0\x05I"

    async def __call__(self, questions: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        await questions.readexactly(8)
        answers.write(b"N")  # no encryption
        await questions.read(1_000)
        answers.write(self.WELCOME)
        await questions.read()
        answers.close()


async def test_a_server_that_falls_silent_is_a_fault_and_no_long_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cti.cli.doctor.LOOK_MAX_S", 0.5)
    async with await asyncio.start_server(Silent(), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with asyncio.timeout(20):
            found = by_check(await examine(f"postgresql://me@127.0.0.1:{port}/x", SystemClock(), VirtualClock(0)))
    assert (found["ledger"].level, found["ledger"].found) == (
        "fault",
        "it took a question and did not answer within 0.5 s",
    )


async def test_an_empty_database_stays_empty(postgres_url: str) -> None:
    found = by_check(await examine(postgres_url, SystemClock(), VirtualClock(0)))
    assert found["schema"].level == "warning"
    assert found["clock of the database"].level == "ok"
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        assert inspect(connection).get_table_names() == []
    engine.dispose()


class Between:
    """A clock of its own: what happens between two looks is done when it is waited on."""

    def __init__(self, meanwhile: Callable[[], Awaitable[None]]) -> None:
        self._meanwhile, self._now_ms = meanwhile, 0.0

    def now_ms(self) -> float:
        return self._now_ms

    async def wait(self, event: asyncio.Event, until_ms: float | None) -> None:
        del event
        assert until_ms is not None
        assert until_ms - self._now_ms == BETWEEN_LOOKS_MS > SILENT_MS
        self._now_ms = until_ms
        await self._meanwhile()


async def test_engines_are_looked_at_twice_and_one_that_has_not_beaten_is_silent(postgres_url: str) -> None:
    async with open_store(postgres_url, SystemClock(), PARTITIONS) as store:
        await store.ledger.join("one", PARTITIONS)
        await store.ledger.join("two", PARTITIONS)
        await store.ledger.claim("one", PARTITIONS)
        own = Between(lambda: store.ledger.heartbeat("one", 2))
        found = await examine(postgres_url, SystemClock(), own)
    engines = [(one.level, one.found) for one in found if one.check == "engines"]
    assert engines == [("warning", "silent: two"), ("ok", "1 alive")]
    assert by_check(found)["owners"].level == "ok"


# -- Kafka -------------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("kafka_connections")
async def test_topics_are_looked_at_and_none_is_made(kafka: KafkaBroker, kafka_prefix: str) -> None:
    options = KafkaOptions(kafka.bootstrap, kafka_prefix, partitions=2, replication=1, min_insync=1)
    for _ in range(2):
        assert (await inspect_topics(options, [0.0])).topics == {}
    await make_topics(options)
    facts = await inspect_topics(options, [0.0])
    assert facts.brokers == 1
    assert facts.topics[f"{kafka_prefix}calls.events"].partitions == 2
    assert facts.topics[f"{kafka_prefix}calls.events"].configuration["message.timestamp.type"] == "LogAppendTime"
    assert facts.ends == facts.firsts == facts.newer[0.0] == dict.fromkeys(range(6), 0)
    assert facts.mark_ms is None


async def test_a_cluster_that_is_away_is_said_to_be_soon() -> None:
    with pytest.raises(LogAway, match="Unable to bootstrap.*Connect call failed|refused"):
        await inspect_topics(KafkaOptions(f"127.0.0.1:{free_port()}"), [])
    assert not logging.getLogger("aiokafka").handlers


@pytest.mark.usefixtures("kafka_connections")
async def test_log_and_ledger_of_a_cluster_are_held_against_each_other(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = KafkaOptions(kafka.bootstrap, kafka_prefix, partitions=2, replication=1, min_insync=1)
    told = {
        "BOOTSTRAP": kafka.bootstrap,
        "PREFIX": kafka_prefix,
        "PARTITIONS": "2",
        "REPLICATION": "1",
        "MIN_INSYNC": "1",
    }
    for name, value in told.items():
        monkeypatch.setenv(f"RINGBACK_KAFKA_{name}", value)
    async with open_store(postgres_url, SystemClock(), 1, server_clock=True, kafka=options) as store:
        claims = await store.ledger.claim("one", store.log.partitions)
        [(partition, position)] = await store.log.append([Appending("t", "t:/switches/s:1", b"{}")])
        found = by_check(await examine(postgres_url, SystemClock(), VirtualClock(0)))
        assert {found[check].level for check in ("log", "topics", "partitions", "clock of the log")} == {"ok"}
        assert found["unread events"].found.startswith("1,")
        await store.ledger.commit(Round(fences=[fence(claims[partition], position + 7)]))
        found = by_check(await examine(postgres_url, SystemClock(), VirtualClock(0)))
        assert (found["unread events"].level, found["partitions"].level) == ("fault", "ok")
    monkeypatch.setenv("RINGBACK_KAFKA_PARTITIONS", "3")
    found = by_check(await examine(postgres_url, SystemClock(), VirtualClock(0)))
    assert found["partitions"].level == found[f"topic {kafka_prefix}commands"].level == "fault"
