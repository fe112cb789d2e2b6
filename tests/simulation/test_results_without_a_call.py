"""Results and message reports settle a command; they never open a call (contract, Identity)."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from cti.ports import Appending
from cti.rows import CommandRow, Fence, Round
from schemas.envelope import body_of, read_event
from tests.scheduler import START_MS, TENANT, Scene, event, scene

SOURCE = "/switches/s1"
IGNORED = "ringback_events_ignored_total"
STORES = pytest.mark.parametrize("store", ["memory:", "sqlite:///{}/ringback.db"])


def make_call(command_id: str, tenant: str = TENANT, source: str = SOURCE) -> CommandRow:
    """A command without a call, as one that concerns nobody's live call is."""
    times = (START_MS, START_MS, START_MS + 10_000)
    body = f'{{"id":"{command_id}","command":"makeCall","to":"+8613800001234"}}'
    return CommandRow(command_id, tenant, source, "", 0, 1, "TRY-1", "makeCall", "0:0:0:x", *times, "open", None, body)


def silent(_command: Mapping[str, Any], _now_s: float) -> Sequence[tuple[str, str | None]]:
    """A switch that leaves the answers to the test."""
    return ()


async def issue(it: Scene, *rows: CommandRow) -> None:
    """Write commands beside the engine, under its own epoch."""
    fence = (await it.store.ledger.committed())[0]
    numbered = [row._replace(no=fence.command_no + n) for n, row in enumerate(rows, start=1)]
    moved = Fence(0, fence.epoch, fence.position, fence.command_no + len(rows))
    await it.store.ledger.commit(Round(commands=numbered, fences=[moved]))
    it.engine.work.writer.command_nos[0] = moved.command_no


async def state(it: Scene, command_id: str, tenant: str = TENANT) -> tuple[str, str | None]:
    row = await it.store.ledger.command(tenant, command_id)
    assert row is not None
    return row.state, row.reason


async def result(it: Scene, command_id: str, **members: Any) -> int:
    status, _ = await it.call("POST", f"/v1/commands/{command_id}/result", members)
    await it.settle()
    return status


@STORES
async def test_a_result_of_a_command_without_a_call_settles_it_and_opens_none(store: str, tmp_path: Path) -> None:
    async with scene(store.format(tmp_path)) as it:
        await it.declare("s1", answer=silent)
        await issue(it, make_call("m-1"), make_call("m-2"))
        assert await result(it, "m-1", state="accepted") == 202
        assert await state(it, "m-1") == ("accepted", None)
        assert await result(it, "m-1", state="done") == 202
        assert await result(it, "m-2", state="refused", reason="busy") == 202
        assert (await state(it, "m-1"), await state(it, "m-2")) == (("done", None), ("refused", "busy"))
        assert it.engine.calls == 0
        status, listed = await it.call("GET", "/v1/calls", None)
        assert (status, listed["calls"]) == (200, [])


async def test_a_final_result_stands_whatever_comes_later_and_however_often() -> None:
    async with scene("memory:") as it:
        await it.declare("s1", answer=silent)
        await issue(it, make_call("m-1"))
        await result(it, "m-1", state="done")
        assert await result(it, "m-1", state="done") == 202
        assert await result(it, "m-1", state="refused", reason="busy") == 409
        assert await state(it, "m-1") == ("done", None)


@pytest.mark.parametrize("kind", ["commandResult", "messageReport"])
async def test_what_others_write_to_the_log_opens_no_call_and_settles_only_its_own(kind: str) -> None:
    """Kafka's integrators write events themselves, with any subject and any command id."""
    data = {"commandid": "m-1", "state": "done"} if kind == "commandResult" else {"state": "delivered"}
    said = event("s1", "nobody", kind, 1, data, commandid="m-1")
    async with scene("memory:") as it:
        await it.declare("s1", answer=silent)
        await issue(it, make_call("m-1", tenant="another"), make_call("m-2", source="/switches/s2"))
        for one in (
            said,
            said | {"id": "again", "data": data | {"commandid": "m-2"} if kind == "commandResult" else data},
        ):
            key = f"{TENANT}:{SOURCE}:nobody"
            await it.store.log.append([Appending(TENANT, key, body_of(one), read_event(one))])
        await it.settle()
        assert it.engine.calls == 0
        counted = it.engine.work.telemetry.registry.get_sample_value(IGNORED, {"reason": "no_such_call"})
        assert counted == 2
        assert await state(it, "m-1", "another") == ("open", None)
        assert await state(it, "m-2") == ("open", None)


async def test_a_result_under_another_subject_settles_its_command_all_the_same() -> None:
    """A call lives under the subject that the result names; the command is not its own."""
    async with scene("memory:") as it:
        await it.declare("s1", answer=silent)
        await it.post(event("s1", "call-1", "offered", 0, {"connection": "c", "direction": "inbound"}))
        await issue(it, make_call("m-1"))
        one = event("s1", "call-1", "commandResult", 1, {"commandid": "m-1", "state": "done"})
        await it.store.log.append([Appending(TENANT, f"{TENANT}:{SOURCE}:call-1", body_of(one), read_event(one))])
        await it.settle()
        assert await state(it, "m-1") == ("done", None)
        assert it.engine.calls == 1
