"""H2 and H4: the server's clock jumps; a switch stamps its events with years that are not."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Awaitable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import psycopg
from psycopg import sql
from sqlalchemy import create_engine, make_url, text

from tests.hostile.attack import Bench, attack
from tests.hostile.events import HOLD, event, heartbeat, now_ms, talking, whole
from tests.hostile.product import AHEAD_S
from tests.hostile.readings import counted
from tests.hostile.site import BROKEN, KeyAsked, Process, Site, pause
from tests.hostile.verdict import Verdict

SWITCH = "clock-1"
PURGED = "long-ago"
SOURCE = f"/switches/{SWITCH}"
JUMP_S = 12.0
AGAIN_WITHIN_S = 60.0
STEP_S = 1.0
NEAR_S = 5.0
LOOKED_S = 100.0
KEPT_DAYS = "0.03"  # 43 minutes: an hour ahead, all that was kept would seem old
DAY_MS = 86_400_000
PURGED_WITHIN_S = 10.0
LONG_AGO_MS = 4 * 365 * DAY_MS  # longer than records are kept


class Holding:
    """A switch that holds and retrieves one call every second, and sees whether a command comes for it (HOLD-1)."""

    def __init__(self, site: Site, key: str) -> None:
        self._site, self._key = site, key
        self.commands = 0
        self._held = False

    @contextlib.asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Declared, talking, listening, and holding, until the block ends."""
        await self._site.declared(self._key, SWITCH)
        await self._site.sent(self._key, talking(SOURCE, "held", now_ms() - 5_000))
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._go_on())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def commanded(self, within_s: float) -> float | None:
        """Seconds until the next command comes; None where none does."""
        before, began = self.commands, time.monotonic()
        while time.monotonic() - began < within_s:
            if self.commands > before:
                return round(time.monotonic() - began, 2)
            await pause(0.05)
        return None

    async def _go_on(self) -> None:
        while True:
            self._held = not self._held
            kind = "held" if self._held else "retrieved"
            events = [heartbeat(SOURCE, SWITCH), event(SOURCE, "held", kind, now_ms(), dict(HOLD))]
            await self._site.post(self._key, events, 5.0)
            await pause(STEP_S)

    async def _listen(self) -> None:
        endless = aiohttp.ClientTimeout(total=None, sock_connect=5.0)
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "text/event-stream"}
        url = f"{self._site.process.url}/v1/switches/{SWITCH}/commands"
        while True:
            with contextlib.suppress(*BROKEN):
                async with self._site.session.get(url, headers=headers, timeout=endless) as answer:
                    async for line in answer.content:
                        if line.startswith(b"data:") and json.loads(line[5:])["rule"].startswith("HOLD"):
                            self.commands += 1
            await pause(0.2)


SHADOWED = """
CREATE TABLE public.ahead (seconds double precision NOT NULL);
INSERT INTO public.ahead VALUES (0);
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  'SELECT pg_catalog.clock_timestamp() + make_interval(secs => (SELECT seconds FROM public.ahead))';
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS
  'SELECT pg_catalog.now() + make_interval(secs => (SELECT seconds FROM public.ahead))';
"""


class Clocks:
    """The clocks that the product may read: that of its process and, on PostgreSQL, that of its database.

    The database's is moved by functions of the same names that come first in its search path.
    """

    def __init__(self, db: str) -> None:
        url = make_url(db)
        on_postgres = url.get_backend_name() == "postgresql"
        self._database = url.set(drivername="postgresql").render_as_string(hide_password=False) if on_postgres else ""
        if self._database:
            path = sql.SQL("ALTER DATABASE {} SET search_path = public, pg_catalog").format(
                sql.Identifier(url.database or "")
            )
            self._execute(path, SHADOWED)

    def move(self, process: Process, ahead_s: float) -> None:
        """Ahead by this much, or right again (0)."""
        process.signal(signal.SIGUSR1 if ahead_s else signal.SIGUSR2)
        if self._database:
            self._execute(sql.SQL("UPDATE public.ahead SET seconds = {}").format(sql.Literal(ahead_s)))

    def _execute(self, *statements: str | sql.Composed) -> None:
        with psycopg.connect(self._database, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)


async def _kept(site: Site, key: str) -> dict[str, bool]:
    """Whether the call from before the jump still has its record and its timeline."""
    found = await site.listed(key, source="/switches/old", state="ended")
    if not found:
        return {"record": False, "timeline": False}
    whole_call = await site.get(key, f"/v1/calls/{found[0]['call']}")
    return {"record": True, "timeline": whole_call.status == 200 and "callCleared" in whole_call.text}


@attack("H2-clock-jump", 400)
async def clock_jump(bench: Bench, verdict: Verdict) -> None:
    """The wall clock of the process (`time.time`), and on PostgreSQL that of the database, is set an hour ahead for
    12 s, with retention at 43 minutes, while a switch holds and retrieves a call every second; then once more, until
    retention, which looks once a minute, has seen it. After each, commands must come again within 60 s; after a new
    start with a right clock, within 60 s too; and the record and the timeline of a call that had ended before must
    still be there.
    """
    kept = {"RINGBACK_TIMELINE_DAYS": KEPT_DAYS, "RINGBACK_RECORDS_DAYS": KEPT_DAYS}
    async with bench.site("clock", kept, start=False) as site:
        clocks = Clocks(site.db)
        [key] = await site.keys(KeyAsked())
        await site.start()
        await site.sent(key, whole("/switches/old", "old", now_ms() - 5_000))
        verdict.must(await site.comes(key, 10.0, source="/switches/old", state="ended") is not None, "a call is kept")
        holding = Holding(site, key)
        async with holding.at_work():
            verdict.figure["before_s"] = await holding.commanded(10.0)
            verdict.must(verdict.figure["before_s"] is not None, "commands come before the jump")
            await _jump(site, clocks, holding, verdict, "jump", pause(JUMP_S))
            looked = asyncio.ensure_future(_retention_ahead(site))
            await _jump(site, clocks, holding, verdict, "jump_until_retention_looks", looked)
            seen_s = looked.result()
            verdict.figure["retention_behind_s"] = seen_s
            verdict.must(seen_s >= AHEAD_S / 2, "retention looks while the clock is ahead")
            verdict.must("retention_held" in site.process.log(), "the log says that retention holds")
            verdict.figure["kept"] = await _kept(site, key)
            verdict.must(all(verdict.figure["kept"].values()), "nothing is purged for the jump")
            code, _ = await site.stop()
            verdict.must(code == 0, "it stops in order")
            await site.start()
            restarted = await holding.commanded(AGAIN_WITHIN_S)
            await pause(STEP_S)
        verdict.figure["commands_after_restart_s"] = restarted
        verdict.must(restarted is not None, f"commands come within {AGAIN_WITHIN_S:g} s of a new start")
        verdict.figure["kept_after_restart"] = await _kept(site, key)
        verdict.must(all(verdict.figure["kept_after_restart"].values()), "nothing is purged at the new start")


async def _jump(
    site: Site, clocks: Clocks, holding: Holding, verdict: Verdict, name: str, lasts: Awaitable[object]
) -> None:
    """The clock is ahead, as the process's own answers say, until `lasts` is over; then commands come again."""
    clocks.move(site.process, AHEAD_S)
    await pause(STEP_S)
    ahead_s = await _ahead_s(site)
    await lasts
    clocks.move(site.process, 0.0)
    await pause(STEP_S)  # what was on its way when the clock was set right
    again = await holding.commanded(AGAIN_WITHIN_S)
    right_s = await _ahead_s(site)
    verdict.figure[name] = {"ahead_s": ahead_s, "afterwards_s": right_s, "commands_again_s": again}
    verdict.must(abs(ahead_s - AHEAD_S) < NEAR_S and abs(right_s) < NEAR_S, f"{name}: the clock is ahead, then right")
    verdict.must(again is not None, f"{name}: commands come again within {AGAIN_WITHIN_S:g} s of its end")


async def _ahead_s(site: Site) -> float:
    """By how much the clock of the process is ahead, by the `Date` of its answer."""
    answer = await site.ask("GET", "/healthz")
    return round(parsedate_to_datetime(answer.headers["Date"]).timestamp() - time.time(), 1)


async def _retention_ahead(site: Site) -> float:
    """How far retention finds itself behind the clock, in s: returns once that is much, or after LOOKED_S."""
    found, end = 0.0, time.monotonic() + LOOKED_S
    while found < AHEAD_S / 2 and time.monotonic() < end:
        await pause(0.5)
        found = await counted(site, "ringback_retention_behind_seconds")
    return found


def _year(year: int) -> float:
    return datetime(year, 6, 1, 12, tzinfo=UTC).timestamp() * 1000


@attack("H4-bad-time", 90)
async def bad_time(bench: Bench, verdict: Verdict) -> None:
    """Events dated 1970, 1979, 2199 and two days ahead, call, agent and switch events, alone and within a batch: each
    must be refused by name (`bad_time`). A call dated 1985 and one 23 h ahead are legal; the call of 1985 must still be
    there after a new start, which purges. An agent's real event must count after a far-future one was refused.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        times = {"1970": _year(1970), "1979": _year(1979), "2199": _year(2199), "in_2_days": now_ms() + 2 * DAY_MS}
        kinds = {"call": "offered", "agent": "agent.agentReady", "switch": "switch.switchHeartbeat"}
        refused = dict[str, str]()
        for year, at_ms in times.items():
            for family, kind in kinds.items():
                data = {"connection": "c1"} if family == "call" else {}
                answer = await site.post(key, [event(SOURCE, f"bad-{year}", kind, at_ms, data)])
                named = "bad_time" in answer.text
                refused[f"{family} {year}"] = f"{answer.status}{' bad_time' if named else ''}"
        mixed = await site.post(
            key,
            [
                event(SOURCE, "bad", "offered", times["2199"], {"connection": "c1"}),
                *talking(SOURCE, "good", now_ms() - 5_000),
            ],
        )
        verdict.figure |= {"alone": refused, "in_a_batch": f"{mixed.status} {'bad_time' in mixed.text}"}
        verdict.must(set(refused.values()) == {"422 bad_time"}, "each is refused with 422 and `bad_time`")
        verdict.must(mixed.status == 200 and "bad_time" in mixed.text, "in a batch it alone is refused, by name")
        legal = {"1985": _year(1985), "in_23_h": now_ms() + 23 * 3_600_000}
        statuses = {
            name: (await site.post(key, whole("/switches/legal", name, at))).status for name, at in legal.items()
        }
        verdict.figure["legal"] = statuses
        verdict.must(set(statuses.values()) == {202}, "what lies within the bounds is taken")
        await site.sent(key, whole("/switches/legal", PURGED, now_ms() - 5_000))
        missing, _ = await site.without(key, 10.0, ["1985", PURGED], "/switches/legal", "ended")
        verdict.must(not missing, "the calls have ended before the purge")
        await site.stop()
        _recorded_long_ago(site.db, PURGED)
        await site.start()
        await _purged(site, key, verdict)
        await _agent_counts(site, key, verdict)


def _recorded_long_ago(db: str, subject: str) -> None:
    """Let a call have been recorded years ago, as far as the store knows: the next purge takes it."""
    engine = create_engine(db)
    with engine.begin() as connection:
        change = "UPDATE calls SET recorded_at_ms = recorded_at_ms - :by WHERE subject = :subject"
        connection.execute(text(change), {"by": LONG_AGO_MS, "subject": subject})
    engine.dispose()


async def _purged(site: Site, key: str, verdict: Verdict) -> None:
    """The purge of a new start takes the call that arrived long ago, and leaves that which is only dated so."""
    there, end = [PURGED], time.monotonic() + PURGED_WITHIN_S
    while PURGED in there and time.monotonic() < end:
        await pause(0.1)
        there = [
            one["subject"] for one in (await site.seen(key, "/v1/calls", source="/switches/legal")).json()["calls"]
        ]
    listed = await site.listed(key, source="/switches/legal", state="ended")
    calls = {one["subject"]: one["call"] for one in listed}
    timeline = (await site.get(key, f"/v1/calls/{calls.get('1985', '')}")).text
    verdict.figure["kept_after_purge"] = there
    verdict.must(PURGED not in there, "the new start purges what arrived long ago")
    verdict.must("1985" in there, "retention goes by the time of arrival, not by the event's date")
    verdict.must("callCleared" in timeline, "so does that of timelines")


async def _agent_counts(site: Site, key: str, verdict: Verdict) -> None:
    """A far-future event of an agent, then a real one: the real one counts."""
    source = "/switches/agents-1"
    answers = [
        (await site.post(key, [event(source, "77", "agent.agentNotReady", _year(2199), {"device": "877"})])).status,
        (await site.post(key, [event(source, "77", "agent.agentReady", now_ms(), {"device": "877"})])).status,
    ]
    ready, end = 0.0, time.monotonic() + 5.0
    while not ready and time.monotonic() < end:
        ready = await counted(site, "ringback_agents", state="ready")
        await pause(0.1)
    verdict.figure["agent"] = {"statuses": answers, "ready": ready}
    verdict.must(answers == [422, 202], "the far-future event is refused, the real one taken")
    verdict.must(ready == 1.0, "an agent's real event counts after a far-future one")
