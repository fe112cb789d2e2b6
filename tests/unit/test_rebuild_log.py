"""The log as a rebuild reads it ends where the rebuild began, whatever is written meanwhile."""

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_memory import MemoryEventLog
from cti.cli.rebuild_log import LogToRebuild
from cti.ports import Appending, Entry

START_MS = 1_000_000


async def log_of(bodies: list[bytes], end: int) -> LogToRebuild:
    """Of one partition."""
    log = MemoryEventLog(VirtualClock(START_MS), 1)
    await log.append([Appending("t", "t:s:1", body) for body in bodies])
    return LogToRebuild(log, VirtualClock(START_MS), {0: 0}, {0: end})


def told(entries: list[Entry]) -> list[tuple[int, bytes]]:
    return [(one.position, one.body) for one in entries]


async def test_what_came_later_is_left() -> None:
    log = await log_of([b"1", b"2", b"3", b"4"], 2)
    assert told(await log.read({0: 0}, 10)) == [(1, b"1"), (2, b"2")]
    assert await log.read({0: 2}, 10) == []
    assert log.is_read({0: 2})
    assert (await log.end()).positions == {0: 2}


class Gaps(MemoryEventLog):
    """Between the places of its entries are others, which are no entries."""

    async def read(self, after: dict[int, int], limit: int) -> list[Entry]:
        entries = await super().read({partition: at // 10 for partition, at in after.items()}, limit)
        return [one._replace(position=one.position * 10) for one in entries]


async def test_an_end_that_is_no_entry_is_reached_although_more_follows_it() -> None:
    inner = Gaps(VirtualClock(START_MS), 1)
    await inner.append([Appending("t", "t:s:1", body) for body in (b"1", b"2", b"3", b"4")])
    log = LogToRebuild(inner, VirtualClock(START_MS), {0: 0}, {0: 25})
    first, second, last = await log.read({0: 0}, 10)
    assert told([first, second, last]) == [(10, b"1"), (20, b"2"), (25, b"")]
    assert last.is_mark
    assert log.is_read({0: 25})
    assert told(await log.read({0: 20}, 10)) == [(25, b"")]
    assert log.progress({0: 25}) == (25, 25)
