"""The part in the scene on the virtual clock: the real door, the real engine, and a task that is stepped."""

import json
from typing import Any

import pytest
from sqlalchemy import Connection, select

from cti.gateway.keys import make_key
from cti.gateway.openapi import PUBLISHED, written
from cti.hosting import Hosted
from cti.web.limits import Limits
from tests.rooms.notes import KEPT_MS, NOTE, PART, Notes, Reading, births
from tests.scheduler import START_MS, TENANT, Scene, event, scene


def part_of(it: Scene) -> tuple[Notes, Reading]:
    (hosted,) = it.hosted
    assert isinstance(hosted, Hosted)
    shared, (task,) = hosted.opened.shared, hosted.opened.tasks
    assert isinstance(shared, Notes)
    assert isinstance(task, Reading)
    return shared, task


async def notes_of(it: Scene) -> list[dict[str, Any]]:
    status, told = await it.call("GET", "/v1/notes")
    assert status == 200
    found: list[dict[str, Any]] = told["notes"]
    return found


async def metric(it: Scene, name: str) -> str | None:
    shown = it.engine.work.telemetry.registry.get_sample_value(name, {"tenant": TENANT})
    return None if shown is None else f"{shown:g}"


async def test_a_note_is_read_by_who_has_its_lane_under_the_lanes_epoch(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        status, made = await it.call("POST", "/v1/notes", {"lane": "east", "body": "hello"})
        assert (status, [note["read_epoch"] for note in await notes_of(it)]) == (201, [0]), "nobody has been stepped"
        await it.to(1)
        (note,) = await notes_of(it)
        assert (note["id"], note["lane"], note["body"]) == (made["id"], "east", "hello")
        assert part_of(it)[1].lanes == {"east": note["read_epoch"]} == {"east": 1}
        assert await metric(it, "ringback_notes_total") == "1"


async def test_a_part_dates_by_the_time_of_day_and_waits_by_the_clock_that_nobody_sets(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        await it.to(1)
        it.wall_clock.set_to(START_MS - 3_600_000)
        await it.call("POST", "/v1/notes", {"lane": "east", "body": "hello"})
        await it.to(2)
        (note,) = await notes_of(it)
        assert (note["made_at_ms"], note["read_epoch"]) == (START_MS - 3_600_000, 1)


async def test_the_birth_of_a_call_is_kept_in_its_round(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        await it.declare("s1")
        data = {"connection": "c", "calling": "13800000000", "called": "95598", "direction": "inbound"}
        await it.post(event("s1", "call-1", "offered", 0, data), event("s1", "call-2", "offered", 0, data))
        assert it.store.database is not None

        def ids(connection: Connection) -> set[str]:
            return set(connection.scalars(select(births.c.call_id)))

        _, told = await it.call("GET", "/v1/calls")
        assert await it.store.database.reader.run(ids) == {one["call"] for one in told["calls"]}
        assert len(told["calls"]) == 2


async def test_a_lane_that_another_has_taken_is_read_by_nobody_under_the_old_epoch(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        await it.call("POST", "/v1/notes", {"lane": "east", "body": "one"})
        await it.to(1)
        leases, (_, task) = it.store.leases("notes"), part_of(it)
        before = dict(task.lanes)
        await leases.claim("another", ["east"])
        await it.call("POST", "/v1/notes", {"lane": "east", "body": "two"})
        with pytest.MonkeyPatch.context() as held_up:
            held_up.setattr(task, "_hear", lambda: None)  # it has not heard of it yet
            if it.store.shared:
                assert await task.step() is False
                assert task.lanes == {}, "the fence said so"
            else:
                with pytest.raises(Exception, match="east"):  # who is alone and taken over comes to its end
                    await task.step()
        assert [note["read_epoch"] for note in await notes_of(it)] == [before["east"], 0]


async def test_the_door_knows_the_parts_scope_codes_and_document(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        status, told = await it.call("POST", "/v1/notes", {"lane": "east", "body": "x" * 101})
        assert (status, told["code"], told["title"]) == (422, "note_too_long", "The note is too long")
        _, key = await make_key(it.store.ledger, TENANT, "calls:read", "*", "", START_MS)
        async with it._session.get(f"{it.url}/v1/notes", headers={"Authorization": f"Bearer {key}"}) as answer:
            assert (answer.status, (await answer.json(content_type=None))["code"]) == (403, "scope_missing")
        _, key = await make_key(it.store.ledger, TENANT, "notes:write", "*", "", START_MS)
        async with it._session.get(f"{it.url}/v1/notes", headers={"Authorization": f"Bearer {key}"}) as answer:
            assert answer.status == 200
        _, document = await it.call("GET", "/openapi.json")
        assert "Needs the scope `notes:write`" in document["paths"]["/v1/notes"]["post"]["description"]
        refused = document["paths"]["/v1/notes"]["post"]["responses"]["422"]["description"]
        assert refused == "`note_too_long`: The note is too long"
        assert document["components"]["schemas"]["Note"] == NOTE
        assert "/v1/events" in document["paths"]


async def test_retention_drops_what_the_part_says_is_old(url: str) -> None:
    async with scene(url, parts=[PART]) as it:
        await it.call("POST", "/v1/notes", {"lane": "east", "body": "old"})
        await it.to(60)
        await it.call("POST", "/v1/notes", {"lane": "east", "body": "new"})
        shared, _ = part_of(it)
        assert await shared.purge(START_MS + KEPT_MS + 1) == 1
        assert [note["body"] for note in await notes_of(it)] == ["new"]


async def test_without_a_database_a_part_with_tables_is_left_out() -> None:
    async with scene("memory:", parts=[PART]) as it:
        assert it.hosted == []
        status, _ = await it.call("GET", "/v1/notes")
        assert status == 404


def test_the_published_document_is_that_of_the_call_side_alone() -> None:
    assert json.loads(written(Limits())) == json.loads(PUBLISHED.read_bytes())
    assert "/v1/notes" in json.loads(written(Limits(), [PART]))["paths"]
