"""Engines: a row each while it lives, with a heartbeat that rises; and how partitions pass from one to another.

Times are not written: whether an engine is silent is for each other engine to find out by its own clock.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, delete, select, tuple_, update

from cti.adapters.ledger.tables import engines, partitions
from cti.errors import WrongPartitions
from cti.rows import Claim, Holding, Holdings, Wanted
from cti.sql.bulk import insertion
from cti.sql.point import rows_of

NOBODY = ""
_PARTITION = partitions.c
_put_heartbeats = insertion(engines, tail="ON CONFLICT (owner) DO UPDATE SET beat = excluded.beat")
_make_partitions = insertion(partitions, tail="ON CONFLICT (partition) DO NOTHING")
_HEARTBEATS = "SELECT owner, beat FROM engines"
_HOLDINGS = "SELECT partition, epoch, owner FROM partitions ORDER BY partition"
_WITH_HEARTBEATS = select(_PARTITION.partition, _PARTITION.epoch, engines.c.beat).join(
    engines, engines.c.owner == _PARTITION.owner, isouter=True
)


def join(connection: Connection, owner: str, count: int) -> None:
    """The first heartbeat; the partitions too if there are none. Raises `WrongPartitions`."""
    known = len(rows_of(connection, _HOLDINGS))
    if known == 0:
        _make_partitions(connection, [(n, 0, 0, 0, NOBODY) for n in range(count)])
        known = len(rows_of(connection, _HOLDINGS))
    if known != count:
        raise WrongPartitions(f"made with {known}, asked for {count}")
    put_heartbeat(connection, owner, 1)


def put_heartbeat(connection: Connection, owner: str, count: int) -> None:
    _put_heartbeats(connection, [(owner, count)])


def holdings(connection: Connection) -> Holdings:
    """Partitions first: an owner writes a heartbeat before it takes one, so it is among them unless it has left."""
    held = [Holding._make(row) for row in rows_of(connection, _HOLDINGS)]
    return Holdings(dict(rows_of(connection, _HEARTBEATS)), held)


def take(connection: Connection, owner: str, wanted: Sequence[Wanted]) -> list[Claim]:
    """Own those of which nothing has changed since they were seen; a row that another transaction holds is left."""
    as_seen = {one.partition: one for one in wanted}
    query = _WITH_HEARTBEATS.where(_PARTITION.partition.in_(as_seen)).order_by(_PARTITION.partition)
    found = connection.execute(query.with_for_update(of=partitions, skip_locked=True))
    free = [row.partition for row in found if Wanted(*row) == as_seen[row.partition]]
    taken = connection.execute(
        update(partitions)
        .where(_PARTITION.partition.in_(free))
        .values(epoch=_PARTITION.epoch + 1, owner=owner)
        .returning(_PARTITION.partition, _PARTITION.epoch, _PARTITION.position, _PARTITION.command_no)
    )
    return sorted(Claim._make(row) for row in taken)


def release(connection: Connection, owner: str, held: Mapping[int, int]) -> None:
    """Partitions under these epochs become nobody's, with a raised epoch: their owner can commit there no more."""
    mine = (_PARTITION.owner == owner) & tuple_(_PARTITION.partition, _PARTITION.epoch).in_(list(held.items()))
    connection.execute(update(partitions).where(mine).values(epoch=_PARTITION.epoch + 1, owner=NOBODY))


def leave(connection: Connection, owner: str) -> None:
    """The same for all that is the owner's; and its row goes."""
    mine = _PARTITION.owner == owner
    connection.execute(update(partitions).where(mine).values(epoch=_PARTITION.epoch + 1, owner=NOBODY))
    connection.execute(delete(engines).where(engines.c.owner == owner))


def forget(connection: Connection, heartbeats: Mapping[str, int]) -> None:
    """Rows go that still have these heartbeats and whose engine owns nothing."""
    silent = tuple_(engines.c.owner, engines.c.beat).in_(list(heartbeats.items()))
    connection.execute(delete(engines).where(silent, engines.c.owner.not_in(select(_PARTITION.owner))))
