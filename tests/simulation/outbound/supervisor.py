"""What a person does to a lane meanwhile: stop attempts, freeze and thaw, and wait for the acknowledgement."""

from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, update

from cti.dial.allowed import allow
from cti.dial.store import WRITER
from cti.dial.tables import allowed
from tests.scheduler import TENANT
from tests.simulation.outbound import book
from tests.simulation.outbound.book import LANE, Conflict
from tests.simulation.outbound.site import Site


class Stop(NamedTuple):
    """From `since_ms` on, until `until_ms` (None: for good), none of these orders may be received; None: of all."""

    what: str  # withdrawal | stop | freeze | ban
    since_ms: int
    until_ms: int | None
    orders: frozenset[str] | None


class Supervisor:
    """`stops`: what was acknowledged."""

    def __init__(self, site: Site, switch: str) -> None:
        self.stops: list[Stop] = []
        self.frozen_since_ms: int | None = None  # frozen, acknowledged or not
        self._site, self._switch = site, switch
        self._waiting: list[list[str]] = []  # orders of stopped attempts
        self._freeze_acknowledged_ms: int | None = None
        self._forbidden_since_ms: int | None = None

    async def stop(self, names: Sequence[str]) -> None:
        """Stop these attempts: what can be withdrawn is withdrawn, for the rest the acknowledgement is waited for."""
        withdrawn, under_way = await self._run(self._stop, list(names))
        self._withdrawn(withdrawn)
        self._waiting.append(under_way)

    async def freeze(self) -> None:
        self._withdrawn(await self._run(self._freeze, None))
        self.frozen_since_ms = self._site.now_ms

    async def thaw(self) -> None:
        if self._freeze_acknowledged_ms is not None:
            self.stops.append(Stop("freeze", self._freeze_acknowledged_ms, self._site.now_ms, None))
        self._freeze_acknowledged_ms = self.frozen_since_ms = None
        await self._run(self._thaw, None)

    async def forbid(self) -> None:
        """As on a ledger that was upgraded: nothing is dialled until somebody says that no older release runs."""
        self._forbidden_since_ms = self._site.now_ms
        await self._run(_forbid, None)

    async def allow(self) -> None:
        if self._forbidden_since_ms is not None:
            self.stops.append(Stop("ban", self._forbidden_since_ms, self._site.now_ms, None))
            self._forbidden_since_ms = None
            await self._run(_allow, self._site.now_ms)

    async def look(self) -> None:
        """Whether a stop is acknowledged by now."""
        dial, now_ms = self._site.dial, self._site.now_ms
        for orders in list(self._waiting):
            if await dial.stop_acknowledged(TENANT, orders, now_ms):
                self._waiting.remove(orders)
                self.stops.append(Stop("stop", now_ms, None, frozenset(orders)))
        waits = self.frozen_since_ms is not None and self._freeze_acknowledged_ms is None
        if waits and await dial.lane_stop_acknowledged(TENANT, self._switch, LANE, now_ms):
            self._freeze_acknowledged_ms = now_ms

    def _withdrawn(self, orders: set[str]) -> None:
        if orders:
            self.stops.append(Stop("withdrawal", self._site.now_ms, None, frozenset(orders)))

    # -- transactions --------------------------------------------------------------------------------------------------

    async def _run(self, work: object, payload: object) -> object:
        try:
            return await self._site.database.writer(WRITER).run(work, payload)
        except Conflict as fault:
            raise AssertionError("one transaction alone has no conflict") from fault

    def _stop(self, connection: Connection, asked: Sequence[list[str]]) -> list[tuple[set[str], list[str]]]:
        done = []
        for names in asked:
            orders = book.stop(connection, names)
            withdrawn = self._site.dial.withdraw(connection, TENANT, orders)
            book.give_back(connection, withdrawn, final=True)
            done.append((withdrawn, orders))
        return done

    def _freeze(self, connection: Connection, asked: Sequence[None]) -> list[set[str]]:
        book.set_frozen(connection, frozen=True)
        withdrawn = self._site.dial.withdraw_lane(connection, TENANT, self._switch, LANE)
        book.give_back(connection, withdrawn, final=False)
        return [withdrawn for _ in asked]

    def _thaw(self, connection: Connection, asked: Sequence[None]) -> Sequence[None]:
        book.set_frozen(connection, frozen=False)
        return asked


def _forbid(connection: Connection, asked: Sequence[None]) -> Sequence[None]:
    connection.execute(update(allowed).values(allowed_at_ms=None))
    return asked


def _allow(connection: Connection, asked: Sequence[int]) -> Sequence[bool]:
    return [allow(connection, at_ms, "a person") for at_ms in asked]
