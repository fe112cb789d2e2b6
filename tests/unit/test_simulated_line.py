"""The switch's line against a small real server that behaves, and misbehaves, as the door may."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from cti.switches.simulated import outbox as outbox_module
from cti.switches.simulated.door import AwayError, Door, NotAllowedError, RefusedItem, TooLargeError
from cti.switches.simulated.outbox import Outbox, Result, Results, result_body
from tests.unit.simulated_door import KEY, FakeDoor

PATIENCE_S = 10.0  # a test that hangs fails by then; none of them waits for it


@pytest.fixture
async def fake() -> FakeDoor:
    return FakeDoor()


@pytest.fixture
async def door(fake: FakeDoor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Door]:
    monkeypatch.setattr(outbox_module, "BACKOFF_FIRST_S", 0.001)
    monkeypatch.setattr(outbox_module, "BACKOFF_MAX_S", 0.002)
    server = TestServer(fake.app())
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        yield Door(session, str(server.make_url("/")), KEY, "sim-1")
    await server.close()


def bodies(count: int) -> list[bytes]:
    return [json.dumps({"id": f"e{number}"}).encode() for number in range(count)]


async def emptied(box: Outbox | Results, run: Callable[[], Awaitable[None]]) -> None:
    """Let the box send until it is empty."""
    running = asyncio.ensure_future(run())
    waiting = asyncio.ensure_future(box.emptied())
    done, _ = await asyncio.wait({running, waiting}, timeout=PATIENCE_S, return_when=asyncio.FIRST_COMPLETED)
    running.cancel()
    waiting.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert waiting in done, running


async def heard(door: Door) -> list[dict[str, Any]]:
    """All orders until the line breaks, which it must."""
    commands: list[dict[str, Any]] = []
    stream = door.commands()
    try:
        while True:
            commands += [await anext(stream)]
    except AwayError:
        return commands


def never_refused(_body: bytes, item: RefusedItem) -> None:
    raise AssertionError(item)


async def test_events_leave_in_order_in_bounded_batches(fake: FakeDoor, door: Door) -> None:
    box = Outbox(door, never_refused)
    box.put(bodies(1201))
    await emptied(box, box.run)
    assert [len(batch) for batch in fake.batches] == [500, 500, 201]
    assert [event["id"] for batch in fake.batches for event in batch] == [f"e{number}" for number in range(1201)]
    assert box.position == "0:1"


async def test_what_was_not_taken_is_sent_again_with_the_same_bytes(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(503, {"Retry-After": "0"}, {}), (429, {"Retry-After": "0"}, {}), (500, {}, {})]
    box = Outbox(door, never_refused)
    box.put(bodies(3))
    await emptied(box, box.run)
    assert len(fake.bodies) == 4
    assert len(set(fake.bodies)) == 1
    assert len(fake.batches) == 1


async def test_a_mixed_batch_is_not_repeated(fake: FakeDoor, door: Door) -> None:
    items = [{"index": 0, "status": "accepted"}, {"index": 1, "status": "refused", "code": "bad", "detail": "why"}]
    fake.answers = [(200, {}, {"accepted": 1, "refused": 1, "position": "0:7", "items": items})]
    refused: list[tuple[bytes, str]] = []
    box = Outbox(door, lambda body, item: refused.append((body, item.code)))
    box.put(bodies(2))
    await emptied(box, box.run)
    assert refused == [(b'{"id": "e1"}', "bad")]
    assert len(fake.bodies) == 1


async def test_a_batch_refused_whole_is_noted_item_by_item(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(422, {}, {"code": "invalid", "detail": "no"})]
    refused: list[bytes] = []
    box = Outbox(door, lambda body, _item: refused.append(body))
    box.put(bodies(2))
    await emptied(box, box.run)
    assert refused == bodies(2)


async def test_a_batch_too_large_is_halved_until_it_fits(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(413, {}, {}), (413, {}, {})]
    box = Outbox(door, never_refused)
    box.put(bodies(8))
    await emptied(box, box.run)
    assert [len(json.loads(body)) for body in fake.bodies] == [8, 4, 2, 6]
    assert [event["id"] for batch in fake.batches for event in batch] == [f"e{number}" for number in range(8)]


async def test_a_lost_line_keeps_everything(fake: FakeDoor, door: Door) -> None:
    box = Outbox(door, never_refused)
    box.line(False)
    box.put(bodies(3))
    running = asyncio.ensure_future(box.run())
    async with asyncio.timeout(PATIENCE_S):
        await door.declare({"commands": []})  # a round trip: the outbox had its chance
        assert not fake.bodies
        box.line(True)
        await box.emptied()
    running.cancel()
    assert len(fake.batches) == 1


async def test_a_refused_key_is_no_reason_to_try_again(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(401, {}, {"code": "unauthorized"})]
    box = Outbox(door, never_refused)
    box.put(bodies(1))
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises(NotAllowedError):
            await box.run()
    assert box.left() == bodies(1)


async def test_results_are_in_order_for_one_command(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(503, {"Retry-After": "0"}, {})] * 3
    box = Results(door, lambda result, status: pytest.fail(f"{result} {status}"))
    for number in range(20):
        box.put(Result(f"c{number}", result_body("accepted", "2026-03-02T01:00:00.000Z")))
        box.put(Result(f"c{number}", result_body("done", "2026-03-02T01:00:00.000Z")))
    await emptied(box, box.run)
    for number in range(20):
        assert [state for command, state in fake.results if command == f"c{number}"] == ["accepted", "done"]


async def test_a_result_that_is_not_wanted_is_noted_and_left(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(409, {}, {"code": "already_answered"})]
    seen: list[tuple[str, int]] = []
    box = Results(door, lambda result, status: seen.append((result.command_id, status)))
    box.put(Result("c1", result_body("refused", "2026-03-02T01:00:00.000Z", "duplicate")))
    await emptied(box, box.run)
    assert seen == [("c1", 409)]


async def test_orders_come_through_the_stream(fake: FakeDoor, door: Door) -> None:
    first = b'event: command\nid: c1\ndata: {"id": "c1",\ndata: "command": "promptAgent"}\n\n: keep-alive\n\n'
    split = [b'event: command\r\nid: c2\r\ndata: {"id"', b': "c2", "text": "\xe6\x82\xa8\xe5', b'\xa5\xbd"}\r\n\r\n']
    other = b'event: other\ndata: {"id": "c3"}\n\nevent: command\ndata: {"id": "c4"'
    fake.streams = [[first, *split, other]]
    whole = [{"id": "c1", "command": "promptAgent"}, {"id": "c2", "text": "您好"}]
    assert await heard(door) == [{}, *whole], "the last one was cut off"


@pytest.mark.parametrize("data", [b"data: {", b"data: []", b'data: {"no": "id"}'])
async def test_a_stream_of_nonsense_breaks_the_line(fake: FakeDoor, door: Door, data: bytes) -> None:
    fake.streams = [[b"event: command\n" + data + b"\n\n"]]
    assert await heard(door) == [{}], "nothing but the standing stream"


async def test_declaring(fake: FakeDoor, door: Door) -> None:
    await door.declare({"commands": ["deflectCall"]})
    assert fake.declared == {"sim-1": {"commands": ["deflectCall"]}}


async def test_nobody_there(unused_tcp_port: int) -> None:
    async with aiohttp.ClientSession() as session:
        away = Door(session, f"http://127.0.0.1:{unused_tcp_port}", KEY, "sim-1")
        with pytest.raises(AwayError):
            await away.post(bodies(1))
        with pytest.raises(AwayError):
            await away.declare({})


async def test_one_event_too_large_does_not_stop_the_others(fake: FakeDoor, door: Door) -> None:
    fake.answers = [(413, {}, {}), (413, {}, {"detail": "too large"})]
    refused: list[str] = []
    box = Outbox(door, lambda _body, item: refused.append(item.code))
    box.put(bodies(2))
    await emptied(box, box.run)
    assert refused == ["too_large"]
    assert [[event["id"] for event in batch] for batch in fake.batches] == [["e1"]]
    assert issubclass(TooLargeError, Exception)
