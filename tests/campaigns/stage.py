"""A worked campaign's stage: the real service on a virtual clock, with a scripted switch at its door.

Time moves from instant to instant: those of the engine, of the product's tasks and of the switch. Where nothing is
under way it is skipped, but never past an instant at which something could begin: each half hour of the day (every
window opens on one; those of the campaign itself are given), and every time that a contact waits for. Before such an
instant the switch has been heard for a while, as if it had never been silent.
"""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import aiohttp
from sqlalchemy import Connection, func, select

from campaigns.dialler.loop import Dialler
from campaigns.ledger.tables import contacts
from cti.dial.tables import orders as dial_orders
from cti.gateway.keys import make_key
from tests.campaigns.scripted_switch import ScriptedSwitch
from tests.scheduler import TENANT, Scene, scene

BEFORE_S = 60  # the switch's declaration, stream, heartbeats and lanes stand since then
SCOPES = (
    "admin", "calls:read", "commands:read", "events:write", "campaigns:read", "campaigns:write", "notices:export",
    "numbers:reveal",
)  # fmt: skip
SHANGHAI = "Asia/Shanghai"
HALF_HOURS = range(0, 24 * 60, 30)
BEATS_BEFORE_MS = (11_000, 6_000, 1_000)  # before an instant to which time was skipped, the switch is heard
SKIP_MIN_MS = 20_000
MINUTE_MS, DAY_MS = 60_000, 24 * 3_600_000
JUDGED_MS = 30_000  # after its expiry an order without a sign has been asked about, and its answer judged
SILENCE_FINAL_MS = 40 * MINUTE_MS
ALL_FINAL_LOOK_MS = (
    6 * 3_600_000
)  # nobody is left to call: that nobody is called all the same is looked at now and then
QUIET_MS = 10_000  # for so long nothing has come or gone: what is due now would have been done
STEPS_MAX = 1_000  # at one instant
FINAL = ("reached", "promised", "paid", "disputed", "fallback", "suppressed", "cancelled", "expired")


class Stage:
    """`at_times`: times of day (minutes) in the campaign's zones at which something of its own opens or closes."""

    def __init__(self, it: Scene, switch: ScriptedSwitch, session: aiohttp.ClientSession) -> None:
        self.it, self.switch, self.session = it, switch, session
        self.zones: set[str] = {SHANGHAI}
        self.at_times = set(HALF_HOURS)
        assert it.store.dial is not None
        self._ordered = asyncio.Event()
        self._heard, self._busy_ms = (0, 0), self.now_ms
        it.store.dial.wake_claims(self._ordered)

    @property
    def now_ms(self) -> int:
        return round(self.it.clock.now_ms())

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    async def call(
        self, method: str, path: str, body: object = None, *, media: str = "application/json",
        accept: str | None = None, key: str | None = None,
    ) -> tuple[int, str]:  # fmt: skip
        """One request to the real door: (status, body)."""
        if method != "GET":
            self._busy_ms = self.now_ms
        data = body if isinstance(body, bytes | None) else json.dumps(body, ensure_ascii=False).encode()
        headers = {} if data is None else {"Content-Type": media}
        headers |= {} if accept is None else {"Accept": accept}
        headers |= {} if key is None else {"Idempotency-Key": key}
        async with self.session.request(method, self.it.url + path, data=data, headers=headers) as answer:
            return answer.status, await answer.text()

    # -- time ----------------------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """All that can be done at this instant is done."""
        for _ in range(STEPS_MAX):
            await self.switch.act()
            await self.it.settle()
            ordered = self._ordered.is_set()
            self._ordered.clear()
            if not await self.switch.poll_when_due(ordered=ordered) and not self._ordered.is_set():
                return
        raise AssertionError(f"still moving after {STEPS_MAX} steps at one instant")

    def _next_ms(self) -> float:
        engine = self.it.engine.next_ms() - self.it.store.log.now_ms() + self.it.clock.now_ms()
        diallers = (task.next_ms() for task in self.it._tasks if isinstance(task, Dialler))  # others are stepped along
        return min(self.switch.due_ms(), engine, *diallers)

    async def to(self, goal_ms: float) -> None:
        """Move the time on; everything comes at its own instant."""
        while self.now_ms < goal_ms:
            skipped_to = await self._skip(goal_ms)
            if skipped_to is None:
                await self._move(min(self._next_ms(), goal_ms))
                continue
            for before_ms in BEATS_BEFORE_MS:
                await self._move(max(skipped_to - before_ms, self.now_ms))
            await self._move(skipped_to)

    async def _move(self, to_ms: float) -> None:
        self.it.clock.move_to(max(-(-to_ms // 1), self.it.clock.now_ms()))  # whole milliseconds
        await self.settle()

    async def _skip(self, goal_ms: float) -> int | None:
        """To which instant time may be skipped; None: something is under way."""
        now_ms = self.now_ms
        if self._heard != (heard := (len(self.switch.orders), len(self.switch.said))) or not self.switch.is_quiet:
            self._heard, self._busy_ms = heard, now_ms
        if now_ms - self._busy_ms < QUIET_MS:
            return None
        reader = self.it.store.database.reader
        far_ms = await reader.run(may_skip_ms, now_ms)
        instants = partial(next_instant, zones=self.zones, at_times=self.at_times)
        target = min(round(goal_ms), now_ms + far_ms, await reader.run(instants, now_ms)) if far_ms else now_ms
        return target if target - now_ms >= SKIP_MIN_MS else None


def may_skip_ms(connection: Connection, now_ms: int) -> int:
    """How far time may be skipped beside a quiet switch: 0 while an order may still come in or be judged.

    An order of which nothing is heard is asked about once a minute, until it is final after half an hour.
    """
    unsettled = dial_orders.c.state.in_(("open", "sent"))
    expires_ms = connection.execute(select(func.max(dial_orders.c.expires_at_ms)).where(unsettled)).scalar()
    if expires_ms is None or expires_ms < now_ms - SILENCE_FINAL_MS:
        return DAY_MS
    return 0 if expires_ms > now_ms - JUDGED_MS else MINUTE_MS


def next_instant(
    connection: Connection, now_ms: int, zones: Collection[str] = (SHANGHAI,), at_times: Collection[int] = HALF_HOURS
) -> int:
    """When something could begin: the next time of day in a zone, or the next instant that a contact waits for."""
    if connection.execute(select(contacts.c.id).where(contacts.c.state.not_in(FINAL)).limit(1)).first() is None:
        return now_ms + ALL_FINAL_LOOK_MS
    waited = _next_wait(connection, now_ms)
    return min([*([waited] if waited else []), *_times(now_ms, zones, at_times)])


def _next_wait(connection: Connection, now_ms: int) -> int | None:
    alive = contacts.c.state.not_in(FINAL)
    waits = [
        connection.execute(select(func.min(column)).where(alive, column > now_ms)).scalar()
        for column in (contacts.c.next_at_ms, contacts.c.deadline_at_ms)
    ]
    return min((int(wait) for wait in waits if wait is not None), default=None)


def _times(now_ms: int, zones: Collection[str], at_times: Collection[int]) -> Iterable[int]:
    for zone in zones:
        local = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone(ZoneInfo(zone))
        for day in (0, 1):
            midnight = (local + timedelta(days=day)).replace(hour=0, minute=0, second=0, microsecond=0)
            for minutes in at_times:
                at_ms = round((midnight + timedelta(minutes=minutes)).timestamp() * 1000)
                if at_ms > now_ms:
                    yield at_ms


@contextlib.asynccontextmanager
async def stage(
    url: str, start_ms: int, switch: str, scripts: Mapping[str, Sequence[str]], groups: Sequence[str]
) -> AsyncIterator[Stage]:
    """The service on the store at `url`, at `start_ms`; all stands since a minute."""
    async with contextlib.AsyncExitStack() as stack:
        it = await stack.enter_async_context(scene(url, start_ms=start_ms - BEFORE_S * 1000, threads=False))
        assert it.store.database is not None
        _, key = await make_key(it.store.ledger, TENANT, " ".join(SCOPES), "*", "stage", start_ms)
        session = aiohttp.ClientSession(headers={"Authorization": f"Bearer {key}"})
        stack.push_async_callback(session.close)
        made = Stage(it, await ScriptedSwitch.opened(it, switch, scripts, groups=groups), session)
        await made.to(start_ms)
        yield made
