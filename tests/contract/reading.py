"""Reading a log as an engine does: what Kafka has taken is at hand a moment later, and the reader is woken then."""

import asyncio
from collections.abc import Mapping

from cti.ports import Entry, EventLog

WAIT_MAX_S = 60.0


async def read_on(log: EventLog, after: Mapping[int, int], limit: int = 100, wanted: int = 1) -> list[Entry]:
    """At least `wanted` entries and at most `limit`, as soon as they are there."""
    woken = asyncio.Event()
    log.wake(woken)
    found: list[Entry] = []
    places = dict(after)
    async with asyncio.timeout(WAIT_MAX_S):
        while True:
            woken.clear()
            entries = await log.read(places, limit - len(found))
            found += entries
            places |= {entry.partition: entry.position for entry in entries}
            if len(found) >= wanted:
                return found
            if not entries:
                await woken.wait()


async def all_of(log: EventLog) -> list[Entry]:
    """Everything up to the end, read in small pieces."""
    end = (await log.end()).positions
    after = dict.fromkeys(range(log.partitions), 0)
    found: list[Entry] = []
    while after != end:
        entries = await read_on(log, after, 10)
        found += entries
        after |= {entry.partition: entry.position for entry in entries}
    return found
