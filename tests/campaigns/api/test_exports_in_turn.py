"""Many exports at once delay only each other."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from campaigns.api.streams import in_turn
from cti.errors import LedgerAway
from tests.loop_turn import loop_turn

AT_ONCE, EXPORTS, PIECES = 2, 12, 5


async def test_few_pieces_are_made_at_a_time_and_each_export_is_whole() -> None:
    making = most = 0
    order: list[int] = []

    async def pieces(export: int) -> AsyncIterator[bytes]:
        nonlocal making, most
        for number in range(PIECES):
            making += 1
            most = max(most, making)
            await loop_turn()
            making -= 1
            order.append(export)
            yield b"%d:%d " % (export, number)

    async def read(export: int, turn: asyncio.Semaphore) -> bytes:
        return b"".join([piece async for piece in in_turn(turn, pieces(export))])

    turn = asyncio.Semaphore(AT_ONCE)
    whole = await asyncio.gather(*(read(export, turn) for export in range(EXPORTS)))
    assert whole == [b"".join(b"%d:%d " % (export, number) for number in range(PIECES)) for export in range(EXPORTS)]
    assert most == AT_ONCE
    assert set(order[:EXPORTS]) == set(range(EXPORTS)), "one after the other: none waits for another's end"


async def test_an_export_that_fails_or_is_left_gives_its_turn_back() -> None:
    async def failing() -> AsyncIterator[bytes]:
        yield b"first"
        raise LedgerAway("gone")

    turn = asyncio.Semaphore(1)
    with pytest.raises(LedgerAway):
        _ = [piece async for piece in in_turn(turn, failing())]
    left = in_turn(turn, failing())
    assert await anext(left) == b"first"
    assert not turn.locked(), "who reads slowly holds nobody up"
    never = asyncio.Event()

    async def waiting() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    task = asyncio.ensure_future(anext(in_turn(turn, waiting())))
    await loop_turn()
    assert turn.locked()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not turn.locked()
