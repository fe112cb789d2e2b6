"""An engine that is behind knows that it is: it asks nobody where the log ends."""

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.store import MEMORY, open_store
from cti.engine.loop import Engine
from cti.engine.metrics import CallMetrics
from cti.gateway.pulse import Pulse
from cti.ports import Appending, LogEnd
from cti.telemetry import Telemetry
from cti.wiring import read_book
from schemas.envelope import body_of, read_event
from tests.contract.rows import START_MS

EVENTS = 3_500  # more than are read at a turn, several times over
TURN_MS = 90_000.0  # so long that silence counts at each turn, and the engine wants to know where the log ends
BEAT = {
    "specversion": "1.0",
    "source": "/switches/s1",
    "type": "ringback.switch.switchHeartbeat.v1",
    "subject": "s1",
    "time": "2026-03-02T08:00:00Z",
    "data": {},
}


async def test_who_is_behind_does_not_ask_for_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Kafka an answer takes as long as a reading that finds nothing: half of the time of an engine behind."""
    clock = VirtualClock(START_MS)
    async with open_store(MEMORY, clock, 4) as store:
        asked_at: list[int] = []
        end = store.log.end

        async def counted() -> LogEnd:
            asked_at.append(sum(engine.positions.values()))
            return await end()

        monkeypatch.setattr(store.log, "end", counted)
        engine = Engine(store.log, store.ledger, clock, read_book("power-95598"), CallMetrics(Telemetry()), Pulse())
        await engine.start()
        items = [{**BEAT, "id": f"beat-{number}"} for number in range(EVENTS)]
        await store.log.append(
            [Appending("t1", f"key {item['id']}", body_of(item), read_event(item)) for item in items]
        )
        while sum(engine.positions.values()) < EVENTS:
            clock.move_to(clock.now_ms() + TURN_MS)
            await engine.step()
            if engine._commit is not None:
                await engine._settle()
        await engine.stop()
    assert [at for at in asked_at if 0 < at < EVENTS - 1_000] == []
    assert asked_at, "it wants to know in the end"
