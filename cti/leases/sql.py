"""Lease groups in SQL: a heartbeat a process, an owner and an epoch a resource, and how they pass on.

Times are not written: whether a process is silent, each other process finds out by its own clock.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar

from sqlalchemy import (
    Column,
    ColumnElement,
    Connection,
    Table,
    and_,
    delete,
    literal,
    null,
    select,
    true,
    tuple_,
    union_all,
    update,
)

from cti.errors import Fenced
from cti.leases.ports import NOBODY, C, Holding, Holdings, Lease, R, Wanted
from cti.leases.tables import leases, owners
from cti.sql.bulk import insertion
from cti.sql.point import Prepared
from cti.sql.writer import SqlWriter

RETIRED = "-"  # stored as the owner of a resource that was retired

Arguments = ParamSpec("Arguments")
Made = TypeVar("Made")


class SqlGroup(Generic[R, C]):
    """The statements of one group, in a transaction of the caller's. `resource`: the column that names a resource."""

    owners: Table
    heartbeat: Column[int]  # the last heartbeat, in `owners`
    resources: Table
    resource: Column[Any]
    claim_columns: Sequence[Column[Any]]
    claim_of: Callable[[Any], C]
    group: str | None = None  # in tables that several groups share

    def __init__(self) -> None:
        columns = self.resources.c
        self._shared = true() if self.group is None else columns.lease_group == self.group
        self._listed = and_(self._shared, columns.owner != RETIRED)
        known = [] if self.group is None else [self.owners.c.lease_group == self.group]
        of_owner = and_(self.owners.c.owner == columns.owner, *known)
        self._known = and_(true(), *known)
        self._as_wanted = select(self.resource, columns.epoch, self.heartbeat).join(self.owners, of_owner, isouter=True)
        self._seen = Prepared(
            union_all(
                select(literal(1), self.resource, columns.epoch, columns.owner).where(self._listed),
                select(literal(0), null(), self.heartbeat, self.owners.c.owner).where(self._known),
            )
        )
        keys = ", ".join(column.name for column in self.owners.primary_key)
        put = ("ON CONFLICT (", keys, ") DO UPDATE SET", self.heartbeat.name, "= excluded.", self.heartbeat.name)
        self._put_heartbeat = insertion(self.owners, tail=" ".join(put))

    def make(self, connection: Connection, resources: Any) -> None:
        """Make resources that are missing."""
        raise NotImplementedError

    def claim(self, connection: Connection, owner: str, resources: Any) -> list[C]:
        self.make(connection, resources)
        return self._pass_on(connection, self._listed, owner)

    def join(self, connection: Connection, owner: str, resources: Any) -> None:
        self.make(connection, resources)
        self.put_heartbeat(connection, owner, 1)

    def put_heartbeat(self, connection: Connection, owner: str, count: int) -> None:
        row = (owner, count) if self.group is None else (self.group, owner, count)
        self._put_heartbeat(connection, [row])

    def holdings(self, connection: Connection) -> Holdings[R]:
        """In one statement: an owner has a heartbeat before it has a resource, so it is there unless it has left."""
        held, heartbeats = list[Holding[R]](), dict[str, int]()
        for is_resource, resource, number, owner in self._seen.rows(connection):
            if is_resource:
                held.append(Holding(resource, number, owner))
            else:
                heartbeats[owner] = number
        return Holdings(heartbeats, sorted(held, key=_by_resource))

    def take(self, connection: Connection, owner: str, wanted: Sequence[Wanted[R]]) -> list[C]:
        """Compare-and-set on (epoch, heartbeat): own those that match. Skips rows that another transaction locks."""
        as_seen = {want.resource: want for want in wanted}
        query = self._as_wanted.where(self._listed, self.resource.in_(as_seen)).order_by(self.resource)
        found = connection.execute(query.with_for_update(of=self.resources, skip_locked=True))
        free = [row[0] for row in found if tuple(row) == as_seen[row[0]]]
        return self._pass_on(connection, and_(self._shared, self.resource.in_(free)), owner)

    def release(self, connection: Connection, owner: str, held: Mapping[R, int]) -> None:
        """Resources under these epochs become free, with a raised epoch: their owner can commit there no more."""
        under = tuple_(self.resource, self.resources.c.epoch).in_(list(held.items()))
        self._pass_on(connection, and_(self._of(owner), under), NOBODY)

    def leave(self, connection: Connection, owner: str) -> None:
        """Release all that the owner has, and delete its row."""
        self._pass_on(connection, self._of(owner), NOBODY)
        connection.execute(delete(self.owners).where(self._known, self.owners.c.owner == owner))

    def forget(self, connection: Connection, heartbeats: Mapping[str, int]) -> None:
        """Delete the rows that still have these heartbeats and whose process owns nothing."""
        silent = tuple_(self.owners.c.owner, self.heartbeat).in_(list(heartbeats.items()))
        holding = select(self.resources.c.owner).where(self._shared)
        connection.execute(delete(self.owners).where(self._known, silent, self.owners.c.owner.not_in(holding)))

    def _of(self, owner: str) -> ColumnElement[bool]:
        return and_(self._shared, self.resources.c.owner == owner)

    def _pass_on(self, connection: Connection, which: ColumnElement[bool], owner: str) -> list[C]:
        changed = update(self.resources).where(which).values(epoch=self.resources.c.epoch + 1, owner=owner)
        found = connection.execute(changed.returning(*self.claim_columns))
        return sorted((self.claim_of(row) for row in found), key=_by_resource)


def _by_resource(claim: Any) -> Any:
    return claim.resource


class NamedGroup(SqlGroup[str, Lease]):
    """A group of names, in tables that all such groups share."""

    owners, heartbeat = owners, owners.c.heartbeat
    resources, resource = leases, leases.c.resource
    claim_columns = (leases.c.resource, leases.c.epoch)

    def __init__(self, group: str) -> None:
        self.group = group
        self.claim_of = Lease._make
        super().__init__()

    def make(self, connection: Connection, resources: Collection[str]) -> None:
        assert not {NOBODY, RETIRED}.intersection(resources)
        _make(connection, [(self.group, name, 0, NOBODY) for name in sorted(set(resources))])

    def retire(self, connection: Connection, resources: Collection[str]) -> None:
        self._pass_on(connection, and_(self._listed, self.resource.in_(resources)), RETIRED)


# A resource that was retired is free again, under the epoch that it had.
_make = insertion(
    leases,
    tail=f"ON CONFLICT (lease_group, resource) DO UPDATE SET owner = '' WHERE leases.owner = '{RETIRED}'",
)


def hold(connection: Connection, group: str, held: Mapping[str, int]) -> None:
    """The fence of a group of names, to be the last statement of a transaction: until it ends nobody takes these.

    Raises `Fenced` where the epoch of one is another by now; the transaction must then be rolled back.
    """
    if not held:
        return
    under = tuple_(leases.c.resource, leases.c.epoch).in_(list(held.items()))
    query = select(leases.c.resource).where(leases.c.lease_group == group, under).order_by(leases.c.resource)
    found = connection.scalars(query.with_for_update(read=True)).all()
    if len(found) != len(held):
        raise Fenced(resources=held.keys() - set(found))


class SqlLeases(Generic[R, C]):
    """`Leases` of one group, on a writer: best one that waits for no long transaction."""

    def __init__(self, heartbeats: SqlWriter, group: SqlGroup[R, C]) -> None:
        self._heartbeats, self._group = heartbeats, group

    async def claim(self, owner: str, resources: Any) -> list[C]:
        return await self._do(self._group.claim, owner, resources)

    async def join(self, owner: str, resources: Any) -> None:
        await self._do(self._group.join, owner, resources)

    async def heartbeat(self, owner: str, count: int) -> None:
        await self._do(self._group.put_heartbeat, owner, count)

    async def holdings(self) -> Holdings[R]:
        return await self._do(self._group.holdings)

    async def take(self, owner: str, wanted: Sequence[Wanted[R]]) -> list[C]:
        return await self._do(self._group.take, owner, wanted)

    async def release(self, owner: str, held: Mapping[R, int]) -> None:
        await self._do(self._group.release, owner, held)

    async def leave(self, owner: str) -> None:
        await self._do(self._group.leave, owner)

    async def forget(self, heartbeats: Mapping[str, int]) -> None:
        await self._do(self._group.forget, heartbeats)

    async def _do(
        self,
        work: Callable[Concatenate[Connection, Arguments], Made],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Made:
        """One transaction."""
        return await self._heartbeats.run(_each, lambda connection: work(connection, *args, **kwargs))


class SqlNamedLeases(SqlLeases[str, Lease]):
    """`NamedLeases` of one group."""

    def __init__(self, heartbeats: SqlWriter, group: str) -> None:
        self._named = NamedGroup(group)
        super().__init__(heartbeats, self._named)

    async def add(self, resources: Collection[str]) -> None:
        await self._do(self._named.make, resources)

    async def retire(self, resources: Collection[str]) -> None:
        await self._do(self._named.retire, resources)


def _each(connection: Connection, works: Sequence[Callable[[Connection], Made]]) -> list[Made]:
    return [work(connection) for work in works]
