"""No import waits for ever because of another."""

import asyncio
from collections.abc import AsyncIterator

from campaigns.imports import receiving
from campaigns.imports.importer import BROKEN, RUNNING_MAX
from tests.campaigns.imports.site import ARREARS, Site, csv_of

SLOW = RUNNING_MAX + 2


async def test_files_that_come_slowly_keep_nobody_waiting(lite: Site) -> None:
    campaign, other = await lite.campaign("arrears"), await lite.campaign("arrears", "c2")
    begun, go_on = asyncio.Semaphore(0), asyncio.Event()

    async def slowly(n: int) -> AsyncIterator[bytes]:
        begun.release()
        await go_on.wait()
        yield b"%d" % n

    async with asyncio.TaskGroup() as group:
        for n in range(SLOW):
            group.create_task(receiving.receive(lite.context, campaign, slowly(n), receiving.Sent(f"{n}", (), "me")))
        for _ in range(SLOW):
            await begun.acquire()
        try:
            assert (await lite.imported(other, csv_of([ARREARS]))).state == "done"
        finally:
            go_on.set()


async def test_an_import_that_cannot_be_worked_on_stops_no_other(lite: Site) -> None:
    lost = await lite.campaign("arrears", zone="Europe/Atlantis")
    other = await lite.campaign("arrears", "c2")
    first = await lite.receive(lost, csv_of([ARREARS]))
    second = await lite.receive(other, csv_of([ARREARS]))
    await lite.work()
    broken = await lite.read(first)
    assert (broken.state, broken.error, broken.received) == ("failed", BROKEN, 0)
    assert (await lite.read(second)).state == "done"
