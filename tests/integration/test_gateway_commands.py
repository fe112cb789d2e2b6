"""Commands out and results in, over a real socket and a real ledger."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from cti.adapters.ledger.memory import MemoryLedger
from cti.errors import LedgerAway
from cti.rows import CommandRow, OutcomeRow, Round
from cti.web.limits import Limits
from tests.integration.gateway_site import NOW_MS, Site, site_at

STREAM = "/v1/switches/pbx-1/commands"


class Stream:
    """The reading end of a command stream."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response

    async def frame(self) -> str:
        """Up to the next empty line."""
        return (await self.response.content.readuntil(b"\n\n")).decode()

    async def command(self) -> dict[str, Any]:
        """The next command; comments are passed over."""
        while (text := await self.frame()).startswith(":"):
            pass
        fields = dict(line.split(": ", 1) for line in text.strip().split("\n"))
        told: dict[str, Any] = json.loads(fields["data"])
        assert (fields["event"], fields["id"]) == ("command", told["id"])
        return told

    async def ended(self) -> bool:
        """Whether nothing but comments comes before the end."""
        return all(line.startswith(b":") or not line.strip() for line in (await self.response.read()).split(b"\n"))


@asynccontextmanager
async def streamed(site: Site, key: dict[str, str], path: str = STREAM) -> AsyncIterator[Stream]:
    headers = {**key, "Accept": "text/event-stream"}
    async with site.session.get(site.listening.url + path, headers=headers) as response:
        assert (response.status, response.content_type) == (200, "text/event-stream")
        yield Stream(response)


async def test_open_commands_come_first_then_live_ones_each_once(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1), site.command(2, expires_at_ms=NOW_MS)]))
    async with streamed(site, await site.key()) as stream:
        first = await stream.command()
        assert (first["id"], first["command"], first["valid_for_ms"]) == ("cmd-0-1", "deflectCall", 6000)
        site.clock.move_to(NOW_MS + 1500)
        await site.commit(Round(commands=[site.command(3), site.command(1, partition=2)]))
        live = [await stream.command(), await stream.command()]
        assert sorted(each["id"] for each in live) == ["cmd-0-3", "cmd-2-1"]
        assert {each["valid_for_ms"] for each in live} == {4500}


async def test_what_has_expired_on_its_way_is_not_sent(site: Site) -> None:
    async with streamed(site, await site.key()) as stream:
        await stream.frame()
        await site.commit(Round(commands=[site.command(1, expires_at_ms=NOW_MS), site.command(2)]))
        assert (await stream.command())["id"] == "cmd-0-2"


async def test_another_process_s_commands_are_found_without_a_signal(store_url: str) -> None:
    async with site_at(store_url, Limits(stream_poll_s=0.01)) as site, streamed(site, await site.key()) as stream:
        await stream.frame()
        await site.commit(Round(commands=[site.command(1)]), signal=False)
        assert (await stream.command())["id"] == "cmd-0-1"


@pytest.mark.parametrize("fault", [LedgerAway("tried"), ZeroDivisionError("a defect")])
async def test_a_ledger_that_fails_once_costs_no_command(fault: Exception) -> None:
    class Failing(MemoryLedger):
        async def commands_after(self, marks: Mapping[int, int], limit: int) -> list[CommandRow]:
            if faults:
                raise faults.pop()
            return await super().commands_after(marks, limit)

    ledger, faults = Failing(), [fault]
    async with site_at("memory:", Limits(stream_poll_s=0.01), reads=ledger, registry=ledger) as site:
        site.ledger = ledger
        async with streamed(site, await site.key()) as stream:
            await stream.frame()
            await site.commit(Round(commands=[site.command(1)]))
            assert (await stream.command())["id"] == "cmd-0-1"
    assert faults == []


async def test_a_reconnected_switch_gets_what_has_no_final_result(site: Site) -> None:
    rows = [site.command(n) for n in (1, 2, 3)]
    await site.commit(Round(commands=rows))
    outcomes = [OutcomeRow("cmd-0-1", "done", None, NOW_MS), OutcomeRow("cmd-0-2", "accepted", None, NOW_MS)]
    await site.commit(Round(outcomes=outcomes))
    async with streamed(site, await site.key()) as stream:
        assert [(await stream.command())["id"] for _ in range(2)] == ["cmd-0-2", "cmd-0-3"]


async def test_a_switch_gets_its_own_commands_only(site: Site) -> None:
    foreign = [
        site.command(1, source="/switches/pbx-2"),
        site.command(2, tenant="stranger"),
        site.command(3, state="overtaken"),
    ]
    await site.commit(Round(commands=foreign))
    async with streamed(site, await site.key()) as stream:
        assert (await stream.frame()).startswith(":")
        more = [row._replace(id=f"{row.id}-live", no=row.no + 4) for row in foreign]
        await site.commit(Round(commands=[*more, site.command(9)]))
        assert (await stream.command())["id"] == "cmd-0-9"


async def test_nothing_is_lost_or_repeated_while_switches_connect_and_go(site: Site) -> None:
    key, total, seen = await site.key(), 60, []

    async def engine() -> None:
        for no in range(1, total + 1):
            await site.commit(Round(commands=[site.command(no)]))

    async def reader(count: int) -> None:
        async with streamed(site, key) as stream:
            own = [(await stream.command())["id"] for _ in range(count)]
            assert len(set(own)) == len(own)
            seen.append(own)

    async with asyncio.TaskGroup() as group:
        group.create_task(engine())
        for count in (total, total, 5, 20, total):
            group.create_task(reader(count))
    everything = [f"cmd-0-{no}" for no in range(1, total + 1)]
    assert everything[:5] in seen
    assert [own for own in seen if len(own) == total] == [everything] * 3


async def test_quiet_streams_are_kept_alive(store_url: str) -> None:
    async with site_at(store_url, Limits(stream_keep_alive_s=0.01)) as site, streamed(site, await site.key()) as stream:
        assert [await stream.frame() for _ in range(3)] == [": keep-alive\n\n"] * 3


async def test_a_reader_that_falls_behind_is_dropped_and_finds_all_again(store_url: str) -> None:
    async with site_at(store_url, Limits(stream_backlog=10)) as site:
        key = await site.key()
        async with streamed(site, key) as stream:
            await stream.frame()
            await site.commit(Round(commands=[site.command(no) for no in range(1, 31)]))
            assert await stream.ended()
        async with streamed(site, key) as stream:
            assert [(await stream.command())["id"] for _ in range(30)] == [f"cmd-0-{no}" for no in range(1, 31)]


async def test_a_reader_that_reads_nothing_is_dropped(store_url: str) -> None:
    fat = "x" * 100_000
    async with site_at(store_url, Limits(stream_write_s=0.05)) as site:
        key = await site.key()
        host, port = "127.0.0.1", site.listening.port
        reader, writer = await asyncio.open_connection(host, port, limit=1024)
        headers = {**key, "Host": "x", "Accept": "text/event-stream"}
        lines = [f"GET {STREAM} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), "", ""]
        writer.write("\r\n".join(lines).encode())
        await reader.readuntil(b"keep-alive")
        row = site.command(1)
        rows = [
            row._replace(id=f"cmd-0-{no}", no=no, body=f'{{"id":"cmd-0-{no}","text":"{fat}"}}') for no in range(1, 301)
        ]
        await site.commit(Round(commands=rows))
        await site.telemetry.streams_are(0)
        writer.close()


async def test_streams_of_a_switch_are_bounded_and_the_gone_do_not_count(store_url: str) -> None:
    async with site_at(store_url, Limits(streams_per_switch=2)) as site:
        key = await site.key()
        async with streamed(site, key) as one, streamed(site, key) as two:
            await one.frame()
            await two.frame()
            answer = await site.ask("GET", STREAM, key)
            assert (answer.status, answer.code, "Retry-After" in answer.headers) == (429, "too_many_streams", True)
            two.response.close()
            for _ in range(1000):  # the server hears of it a little later than we
                if (await site.ask("GET", STREAM, key)).status == 200:
                    break
            else:
                pytest.fail("a stream whose client is gone still counts")
            assert site.telemetry.open_streams == 2


async def test_a_stop_ends_streams_at_once(tmp_path: Path) -> None:
    async with site_at(f"sqlite:///{tmp_path / 'ringback.db'}") as site:
        key = await site.key()
        async with streamed(site, key) as stream:
            await stream.frame()
            waiting = asyncio.create_task(site.ask("GET", f"{STREAM}?wait_s=60", key))
            await site.telemetry.streams_are(2)
            await site.listening.stop()
            assert await stream.ended()
            assert (await waiting).json() == {"commands": [], "cursor": "0:0"}


async def test_a_long_poll_answers_at_once_with_what_is_open(site: Site) -> None:
    await site.commit(Round(commands=[site.command(1), site.command(2), site.command(1, partition=3)]))
    key = await site.key()
    told = (await site.ask("GET", f"{STREAM}?wait_s=60", key)).json()
    assert [each["id"] for each in told["commands"]] == ["cmd-0-1", "cmd-0-2", "cmd-3-1"]
    assert told["cursor"] == "0:2,3:1"
    again = (await site.ask("GET", f"{STREAM}?after={told['cursor']}", key)).json()
    assert again == {"commands": [], "cursor": "0:2,3:1"}
    await site.commit(Round(commands=[site.command(3)]))
    later = (await site.ask("GET", f"{STREAM}?after={told['cursor']}&wait_s=60", key)).json()
    assert ([each["id"] for each in later["commands"]], later["cursor"]) == (["cmd-0-3"], "0:3,3:1")


async def test_a_long_poll_waits_for_a_command(site: Site) -> None:
    waiting = asyncio.create_task(site.ask("GET", f"{STREAM}?wait_s=60", await site.key()))
    await site.telemetry.streams_are(1)
    await site.commit(Round(commands=[site.command(1)]))
    told = (await waiting).json()
    assert [each["id"] for each in told["commands"]] == ["cmd-0-1"]


async def test_a_long_poll_gives_up_in_time(site: Site) -> None:
    answer = await site.ask("GET", f"{STREAM}?wait_s=0.01", await site.key())
    assert (answer.status, answer.json()) == (200, {"commands": [], "cursor": "0:0"})


async def test_a_key_of_another_switch_gets_no_commands(site: Site) -> None:
    answer = await site.ask("GET", STREAM, await site.key(switches="pbx-2"))
    assert (answer.status, answer.code) == (403, "switch_not_allowed")
    answer = await site.ask("GET", STREAM, {**await site.key(), "Accept": "image/png"})
    assert (answer.status, answer.code) == (406, "not_acceptable")


async def test_marks_are_read_once_somebody_listens(site: Site) -> None:
    """Commands given while nobody listened are not read again for the live part, and still reach a new stream."""
    rows: list[CommandRow] = [site.command(no) for no in range(1, 6)]
    await site.commit(Round(commands=rows))
    key = await site.key()
    for _ in range(2):
        async with streamed(site, key) as stream:
            assert [(await stream.command())["id"] for _ in range(5)] == [row.id for row in rows]
