"""What callers ask for becomes callbacks, as soon as it is there: a task of the processes that dial.

Several may look at once: a row is taken by the transaction that deletes it, and by no other.
"""

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy import Connection

from campaigns.callbacks.requests import AGENT, AUTO, TAKEN_MAX, Route, Taken, refused, take
from campaigns.context import Context
from campaigns.dialler.actions import run_each
from campaigns.errors import Stale
from cti.callers.rows import CallbackRequest
from cti.dial.declared import takes_agent_first, takes_calls, trunk_groups
from cti.errors import LedgerAway, OutcomeUnknown
from cti.hosting import DeclaredSwitch, Host

LOOK_MS = 5_000.0  # a wake may be missed
BROKEN = "a defect: the log says which"

log = structlog.get_logger()


class TakingCallbacks:
    """`Task`."""

    def __init__(self, context: Context, host: Host) -> None:
        self._context, self._declared = context, host.declared_of_source
        assert host.callbacks is not None
        self._requests = host.callbacks
        self._asked = asyncio.Event()
        self._requests.wake(self._asked)
        self._look_ms = float("-inf")

    async def start(self) -> None:
        """Nothing is held."""

    async def run(self) -> None:
        while True:
            await self.step()
            await self._context.clock.wait(self._asked, self.next_ms())

    def next_ms(self) -> float:
        return float("-inf") if self._asked.is_set() else self._look_ms

    async def step(self) -> bool:
        """Take what is there; whether anything was."""
        now_ms = self._context.clock.now_ms()
        if now_ms < self.next_ms():
            return False
        self._asked.clear()
        self._look_ms = now_ms + LOOK_MS
        try:
            rows = await self._requests.read(TAKEN_MAX)
            if rows:
                await self._take_all(rows)
        except (LedgerAway, OutcomeUnknown, Stale) as reason:
            log.warning("callbacks wait", action="callbacks_wait", why=str(reason))
            return False
        if len(rows) == TAKEN_MAX:
            self._look_ms = now_ms
        return bool(rows)

    async def _take_all(self, rows: Sequence[CallbackRequest]) -> None:
        try:
            await self._take(rows)
        except (LedgerAway, OutcomeUnknown, Stale):
            raise
        except Exception:  # the last resort: a defect in our code must not hold up the callbacks of everybody
            log.exception("callbacks are taken one by one", action="callbacks_broken", requests=len(rows))
            for row in rows:
                await self._take_alone(row)

    async def _take_alone(self, row: CallbackRequest) -> None:
        try:
            await self._take([row])
        except (LedgerAway, OutcomeUnknown, Stale):
            raise
        except Exception:  # nobody is called, and that is on record
            log.exception("a callback is given up", action="callback_broken", request=row.id)
            now_ms = self._context.now_ms()

            def act(connection: Connection) -> None:
                if self._requests.take(connection, [row.id]):
                    refused(connection, row, now_ms, BROKEN)

            await self._context.write(run_each, act)

    async def _take(self, rows: Sequence[CallbackRequest]) -> None:
        routes = {
            (tenant, source): route_of(await self._declared(tenant, source))
            for tenant, source in sorted({(row.tenant, row.source) for row in rows})
        }
        now_ms = self._context.now_ms()

        def act(connection: Connection) -> Taken:
            mine = self._requests.take(connection, [row.id for row in rows])
            found = [row for row in rows if row.id in mine]
            return take(connection, found, lambda *of: routes.get(of), self._context.rules, now_ms)

        taken: Taken = await self._context.write(run_each, act)
        log.info("callbacks taken", action="callbacks_taken", **taken._asdict())

    async def stop(self) -> None:
        """Nothing is held."""


def route_of(declared: DeclaredSwitch | None) -> Route | None:
    """On the first trunk group that the switch declared, by an agent where it can reserve one first."""
    if declared is None or not takes_calls(declared.declaration):
        return None
    groups = list(trunk_groups(declared.declaration))
    if not groups:
        return None
    return Route(declared.switch, groups[0], AGENT if takes_agent_first(declared.declaration) else AUTO)
