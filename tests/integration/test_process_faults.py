"""What happens around a serving process must not stop it silently: real processes on SQLite."""

import os
import sqlite3
from pathlib import Path

from tests.integration.serving_process import broken_pipe, event, offered, serving_process, sqlite_at


async def test_a_closed_log_pipe_stops_neither_engine_nor_door(tmp_path: Path) -> None:
    pipe = broken_pipe()
    async with serving_process(sqlite_at(tmp_path), pipe) as process:
        os.close(pipe)
        await process.accepted(offered("late", ago_s=60))  # the engine logs that this switch's clock is not believed
        first = await process.accepted(offered("a"))
        assert await process.live(first.body["position"]) >= {"late", "a"}
        second = await process.accepted(offered("b"))
        assert await process.live(second.body["position"]) >= {"late", "a", "b"}
        await process.ready()
        assert await process.metric("ringback_log_lines_dropped_total") >= 2
        assert await process.stop() == 0


async def test_an_engine_that_ends_ends_the_process_even_where_it_cannot_say_so(tmp_path: Path) -> None:
    pipe = broken_pipe()
    async with serving_process(sqlite_at(tmp_path), pipe) as process:
        os.close(pipe)
        with sqlite3.connect(tmp_path / "ringback.db", timeout=30) as database:
            database.execute("UPDATE partitions SET epoch = epoch + 1")
        database.close()
        await process.post(offered("a"))
        assert await process.ended() == 1


async def test_a_full_disk_refuses_events_and_all_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as log:
        async with serving_process(sqlite_at(tmp_path), log.fileno()) as process:
            kept = [await process.accepted(offered(f"before-{n}")) for n in range(3)]
            process.disk_full(True)
            refused = await process.post(offered("refused"))
            assert (refused.status, refused.body["code"]) == (503, "log_away")
            assert int(refused.headers["Retry-After"]) >= 1
            assert (await process.ready(503)).body["checks"] == {"log": "ok", "ledger": "full", "engine": "ok"}
            process.disk_full(False)
            await process.ready()
            kept.append(await process.accepted(offered("refused")))
            await process.accepted(event("before-0", "callCleared"))
            last = await process.accepted(offered("after"))
            live = await process.live(last.body["position"])
            assert live == {"before-1", "before-2", "refused", "after"}
            assert await process.stop() == 0
    with sqlite3.connect(tmp_path / "ringback.db") as database:
        assert database.execute("SELECT count(*) FROM dead_letters").fetchone() == (0,)
    database.close()
