"""While evictions are overdue the engine reads no further; what it reads already is ingested, and never left."""

import asyncio

from cti.engine.eviction import EVICT_AFTER_MS
from cti.engine.loop import EVICTION_LATE_MS
from tests.loop_turn import loop_turn
from tests.scheduler import START_MS, event, scene

OVERDUE_S = (EVICT_AFTER_MS + EVICTION_LATE_MS) / 1000 + 5
TURNS_MAX = 20


async def test_a_reading_that_is_under_way_when_evictions_are_overdue_is_taken_and_the_engine_goes_on() -> None:
    async with scene("memory:", parts=[]) as it:
        await it.declare("s1", heartbeats=False)
        await it.post(event("s1", "call-1", "offered", 0, {"connection": "c", "calling": "1", "direction": "inbound"}))
        await it.post(event("s1", "call-1", "callCleared", 1, {"cause": "normalClearing"}))
        assert it.engine.calls == 1, "it stays for a while"
        late = event("s1", "call-2", "offered", 2, {"connection": "c", "calling": "2", "direction": "inbound"})
        it.running = False  # the engine is not stepped while the event is posted
        await it.post(late)
        intake = it.engine._intake
        intake._reading = asyncio.create_task(intake._read())
        it.clock.move_to(START_MS + OVERDUE_S * 1000)
        for _ in range(TURNS_MAX):
            await it.engine.step()
            await loop_turn()
        assert intake.empty, "the reading was taken"
        assert [live.subject for live in it.engine.work.layers.base.calls.values()] == ["call-2"], (
            "and the ended call is gone"
        )
