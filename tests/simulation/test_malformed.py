"""A malformed database ends the engine, and so the process, with its reason: waiting cannot mend it."""

import pytest

from cti.errors import LogAway
from cti.sql.trouble import AWAY, MALFORMED
from tests.scheduler import event, scene


class Broken:
    """A log that fails at each reading."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def __call__(self, _after: object, _limit: int) -> list[object]:
        raise LogAway("database disk image is malformed", self.word)


async def test_a_malformed_log_ends_the_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        monkeypatch.setattr(it.store.log, "read", Broken(MALFORMED))
        with pytest.raises(LogAway, match="malformed"):
            await it.post(event("s1", "call-1", "offered", 0, {"connection": "c", "direction": "inbound"}))
        monkeypatch.undo()


async def test_a_log_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    async with scene("memory:") as it:
        await it.declare("s1")
        monkeypatch.setattr(it.store.log, "read", Broken(AWAY))
        await it.post(event("s1", "call-1", "offered", 0, {"connection": "c", "direction": "inbound"}))
        monkeypatch.undo()
        await it.to(5)
        assert it.engine.calls == 1
