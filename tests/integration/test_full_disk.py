"""PostgreSQL says that its disk is full (53100): the door refuses, the engine waits, and nothing is set aside."""

from collections.abc import AsyncIterator

import psycopg
import pytest

from tests.scheduler import Scene, event, scene

FULL = (
    "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100', MESSAGE = 'could not extend file'; END $$"
)
NO_FILE = FULL.replace("full_disk()", "no_file()").replace("RETURNS trigger", "RETURNS event_trigger")
CHECK_S = 20.0
CALLER = {"connection": "c", "calling": "13800000000", "called": "95598", "direction": "inbound"}


class Disk:
    """The disk under some tables, to be filled and emptied."""

    def __init__(self, url: str) -> None:
        self._url = url.replace("+psycopg", "")
        self._run(FULL)

    def full(self, table: str) -> None:
        self._run(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION full_disk()")

    def has_room(self, table: str) -> None:
        self._run(f"DROP TRIGGER full_disk ON {table}")

    def no_new_file(self, none: bool) -> None:
        """A table that is made needs a file; one that is there may have room in its last page."""
        if none:
            self._run(NO_FILE)
            when = "ddl_command_start WHEN TAG IN ('CREATE TABLE')"
            self._run(f"CREATE EVENT TRIGGER no_file ON {when} EXECUTE FUNCTION no_file()")
        else:
            self._run("DROP EVENT TRIGGER no_file")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._url, autocommit=True) as connection:
            connection.execute(statement.encode())


@pytest.fixture
async def it(postgres_url: str) -> AsyncIterator[Scene]:
    async with scene(postgres_url) as running:
        yield running


async def test_the_door_refuses_and_takes_again(it: Scene, postgres_url: str) -> None:
    disk, offered = Disk(postgres_url), event("s1", "a", "offered", 0, CALLER)
    disk.full("event_log")
    status, problem = await it.call("POST", "/v1/events", offered, "application/cloudevents+json")
    assert (status, problem["code"]) == (503, "log_away")
    disk.has_room("event_log")
    await it.post(offered)
    assert it.engine.calls == 1


async def test_the_engine_waits_and_goes_on_with_what_was_accepted(it: Scene, postgres_url: str) -> None:
    disk = Disk(postgres_url)
    disk.full("timeline")
    await it.post(*[event("s1", f"call-{n}", "offered", 0, CALLER) for n in range(5)])
    await it.to(30)
    assert it.engine.positions == dict.fromkeys(range(4), 0)
    disk.has_room("timeline")
    await it.to(32)
    assert it.engine.calls == 5
    assert sum(it.engine.positions.values()) == 5
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as connection:
        assert connection.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)


async def test_a_row_that_still_fits_does_not_make_a_full_disk_ready(it: Scene, postgres_url: str) -> None:
    disk = Disk(postgres_url)
    disk.full("event_log")
    disk.no_new_file(True)
    offered = event("s1", "a", "offered", 0, CALLER)
    status, _ = await it.call("POST", "/v1/events", offered, "application/cloudevents+json")
    assert status == 503
    assert await it.store.check(CHECK_S) == {"log-writer": "full"}
    disk.has_room("event_log")
    disk.no_new_file(False)
    assert await it.store.check(CHECK_S) == {}
    await it.post(offered)
    assert await it.store.check(CHECK_S) == {}
