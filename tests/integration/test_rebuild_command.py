"""`ringback rebuild`: the log, worked once more, gives the same ledger; what is there already is never touched."""

import argparse
import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from cti.adapters.clock import SystemClock
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.ledger.rebuilding import begin_log_after
from cti.adapters.store import Store, open_ledger, open_store
from cti.cli.rebuild import add_arguments, as_json, rebuild, run
from cti.cli.rebuild_digest import Comparison, Digest, digest
from cti.core.identity import key_of
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.errors import LogTruncated, SettingsMistake
from cti.gateway.pulse import Pulse
from cti.ports import Appending
from cti.rows import TotalsFilter
from cti.settings import Settings
from cti.telemetry import Telemetry
from cti.wiring import read_book
from schemas.envelope import body_of, read_event
from schemas.records import records_digest
from tests.kafka import KafkaBroker
from tests.postgres import PostgresServer
from tests.scheduler import START_MS, TENANT, Scene, event, scene

CALLS = 6

pytestmark = pytest.mark.usefixtures("logging_as_it_was")


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """An empty store, and a database that is not there yet."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
        return
    server: PostgresServer = request.getfixturevalue("postgres")
    url = request.getfixturevalue("postgres_url")
    fresh = make_url(url).set(database=f"{make_url(url).database}_new").render_as_string(hide_password=False)
    yield url, fresh
    server.drop_database(fresh)


def silent(_read: int, _entries: int) -> None:
    """Progress that nobody looks at."""


def events_of(call: str, at_s: float) -> list[dict[str, Any]]:
    """A call that rings too long, is held, and ends."""
    leg = {"connection": "2", "device": "8001", "agent": "1001"}
    hold = {"connection": "1", "holdingDevice": "8001", "heldConnection": "1"}
    return [
        event(
            "s1",
            call,
            "offered",
            at_s,
            {"connection": "1", "calling": "+8679112345", "called": "95598", "direction": "inbound"},
        ),
        event("s1", call, "queued", at_s + 1, {"connection": "1", "queue": "power"}),
        event("s1", call, "delivered", at_s + 3, leg),
        event("s1", call, "established", at_s + 17, leg),
        event("s1", call, "held", at_s + 20, hold),
        event("s1", call, "retrieved", at_s + 40, hold),
        event("s1", call, "callCleared", at_s + 60),
    ]


async def day(it: Scene, first: int = 0) -> None:
    """Calls one after another, one event late, the last call still live at the end."""
    await it.declare("s1")
    for n in range(first, first + CALLS):
        events = events_of(f"call-{n}", it.now_s)
        events[2], events[3] = events[3], events[2]
        for one in events[: 4 if n == first + CALLS - 1 else None]:
            await it.to(it.now_s + 9)
            await it.post(one)


def settings_of(url: str, **more: Any) -> Settings:
    return Settings.read(db=url, **more)


def only(tenants: Mapping[str, Comparison | Digest]) -> Comparison:
    [one] = tenants.values()
    assert isinstance(one, Comparison)
    return one


async def test_the_log_gives_the_same_ledger_once_more(urls: tuple[str, str]) -> None:
    old, new = urls
    seen: list[tuple[int, int]] = []
    async with scene(old) as it:
        await day(it)
        records = await it.records()
        wanted = records_digest(sorted(records, key=lambda one: one["call"]))
        assert any(one["interventions"] for one in records)
        rebuilt = await rebuild(settings_of(old), new, SystemClock(), lambda *at: seen.append(at))
        assert await it.records() == records
    one = only(rebuilt.tenants)
    assert (rebuilt.ended, rebuilt.live, rebuilt.complete, rebuilt.differs) == (CALLS - 1, 1, True, False)
    assert (one.same, one.equal) == (CALLS - 1, True)
    assert one.rebuilt.as_json() == one.original.as_json() == {"records": CALLS - 1, "records_sha256": wanted}
    assert seen[-1] == (rebuilt.entries, rebuilt.entries)
    async with open_ledger(new) as ledger:
        assert (await digest(ledger, TENANT)).as_json() == one.rebuilt.as_json()
        assert await ledger.intervention_counts(TENANT, TotalsFilter()) == []


async def test_a_service_goes_on_from_what_was_rebuilt(urls: tuple[str, str]) -> None:
    old, new = urls
    async with scene(old, parts=()) as it:
        await day(it)
        await rebuild(settings_of(old), new, SystemClock(), silent)
    async with scene(new, parts=()) as it:
        assert len(await it.store.ledger.keys()) == 2  # the old one's, and this scene's
        assert await it.store.ledger.switch(TENANT, "s1") is not None
        assert await it.record("s1", f"call-{CALLS - 1}") is None
        await it.to(CALLS * 70)
        await it.post(event("s1", f"call-{CALLS - 1}", "callCleared", it.now_s))
        ended = await it.record("s1", f"call-{CALLS - 1}")
        assert ended is not None
        assert ended["outcome"] == "answered"
        assert len(await it.records()) == CALLS


async def test_a_service_on_a_rebuild_that_broke_off_refuses_instead_of_missing_events(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/half.db"
    async with open_ledger(url) as ledger:
        await ledger.claim("rebuild", 4)
    begin_log_after(url, dict.fromkeys(range(4), 5), START_MS)
    async with scene(url, parts=()) as it:
        await it.store.log.append([Appending(TENANT, key_of(TENANT, "/switches/s1", "call"), b"{}")])
        with pytest.raises(LogTruncated):
            await it.engine.drain()


async def test_a_log_that_begins_later_is_said_to(tmp_path: Path) -> None:
    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
    async with scene(old, parts=()) as it:
        await day(it)
        half_ms = int(START_MS + it.now_s * 500)
        assert await it.store.log.purge(half_ms) > 0
        rebuilt = await rebuild(settings_of(old), new, SystemClock(), silent)
    one = only(rebuilt.tenants)
    assert not rebuilt.complete
    assert not rebuilt.differs
    assert one.missing > 0
    assert one.same > 0
    assert rebuilt.live >= 1  # one may begin in the middle, and never end


async def test_what_differs_is_counted_and_named(tmp_path: Path) -> None:
    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"
    async with scene(old, parts=()) as it:
        await day(it)
        profile = tmp_path / "other.toml"
        text = (Path(__file__).parents[2] / "cti/profiles/power-95598.toml").read_text("utf-8")
        profile.write_text(text.replace('name = "power-95598"', 'name = "power-other"', 1), "utf-8")
        rebuilt = await rebuild(settings_of(old, profile=str(profile)), new, SystemClock(), silent)
    one = only(rebuilt.tenants)
    assert (one.different, one.same, len(one.calls)) == (CALLS - 1, 0, CALLS - 1)
    assert rebuilt.differs
    assert as_json(rebuilt)["tenants"][TENANT]["original"]["different"] == CALLS - 1


# -- the command -------------------------------------------------------------------------------------------------------


def command(*words: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(words))


def test_the_command_prints_what_came_of_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"

    async def make() -> None:
        async with scene(old, parts=()) as it:
            await day(it)

    asyncio.run(make())
    capsys.readouterr()
    assert command("--db", old, "--into", new, "--json") == 0
    out, err = capsys.readouterr()
    figures = json.loads(out)
    assert (figures["calls"], figures["records"], figures["live"]) == (CALLS, CALLS - 1, 1)
    assert f"{figures['entries']} of {figures['entries']} entries (100%)" in err
    assert command("--db", old, "--into", f"sqlite:///{tmp_path}/newer.db") == 0
    assert "the same as in the ledger that there is" in capsys.readouterr().out


def test_what_holds_anything_is_refused_and_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = f"sqlite:///{tmp_path}/old.db", f"sqlite:///{tmp_path}/new.db"

    async def make() -> None:
        for url in (old, new):
            async with open_store(url, SystemClock(), 4):
                pass

    asyncio.run(make())
    before = (tmp_path / "new.db").read_bytes()
    assert command("--db", old, "--into", new) == 1
    assert command("--db", old, "--into", old) == 1
    assert command("--db", old, "--into", "memory:") == 1
    assert command("--db", f"sqlite:///{tmp_path}/gone.db", "--into", f"sqlite:///{tmp_path}/x.db") == 1
    assert "holds nothing" in capsys.readouterr().err
    assert (tmp_path / "new.db").read_bytes() == before
    assert not (tmp_path / "gone.db").exists()
    assert not (tmp_path / "x.db").exists()


# -- Kafka -------------------------------------------------------------------------------------------------------------


async def worked(store: Store, clock: SystemClock) -> None:
    """Append a few calls, and let an engine take them all in."""
    pulse = Pulse()
    engine = Engine(
        store.log, store.ledger, clock, read_book("power-95598"), CallMetrics(Telemetry()), pulse, interventions=False
    )
    await engine.start()
    items = [read_event(one) for n in range(CALLS) for one in events_of(f"call-{n}", n)]
    bodies = [body_of(one) for n in range(CALLS) for one in events_of(f"call-{n}", n)]
    places = await store.log.append(
        [
            Appending(TENANT, key_of(TENANT, one.source, one.subject), body, one)
            for one, body in zip(items, bodies, strict=True)
        ]
    )
    wanted = dict(places)
    turning = asyncio.create_task(engine.run())
    async with asyncio.timeout(60):
        while True:
            moved = pulse.moved
            if all(engine.positions[partition] >= position for partition, position in wanted.items()):
                break
            await moved.wait()
    turning.cancel()
    await asyncio.gather(turning, return_exceptions=True)
    await engine.stop()


@pytest.mark.usefixtures("kafka_connections")
async def test_a_ledger_is_rebuilt_from_kafka_beside_the_old_one_and_without_it(
    kafka: KafkaBroker, kafka_prefix: str, postgres: PostgresServer, postgres_url: str
) -> None:
    clock = SystemClock()
    options = KafkaOptions(kafka.bootstrap, kafka_prefix, "default", 2, replication=1, min_insync=1)
    settings = settings_of(
        postgres_url, kafka_bootstrap=kafka.bootstrap, kafka_prefix=kafka_prefix, kafka_partitions=2,
        kafka_replication=1, kafka_min_insync=1,
    )  # fmt: skip
    async with open_store(postgres_url, clock, 1, server_clock=True, kafka=options) as store:
        await worked(store, clock)
    first, second = postgres.create_database(), postgres.create_database()
    lost = make_url(postgres_url).set(database="ringback_lost").render_as_string(hide_password=False)
    try:
        rebuilt = await rebuild(settings, first, clock, silent)
        one = only(rebuilt.tenants)
        assert (rebuilt.entries, rebuilt.ended, one.same, one.equal) == (7 * CALLS, CALLS, CALLS, True)
        alone = await rebuild(settings.model_copy(update={"db": lost}), second, clock, silent)
        [only_here] = alone.tenants.values()
        assert isinstance(only_here, Digest)
        assert only_here.as_json() == one.rebuilt.as_json()
        async with open_store(first, clock, 1, server_clock=True, kafka=options) as store:
            assert sum((await store.ledger.positions()).values()) == 7 * CALLS
    finally:
        postgres.drop_database(first)
        postgres.drop_database(second)


@pytest.mark.usefixtures("kafka_connections")
async def test_topics_that_are_not_there_are_not_made(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str, tmp_path: Path
) -> None:
    settings = settings_of(postgres_url, kafka_bootstrap=kafka.bootstrap, kafka_prefix=kafka_prefix)
    with pytest.raises(SettingsMistake, match="nothing to rebuild from"):
        await rebuild(settings, f"sqlite:///{tmp_path}/new.db", SystemClock(), silent)
