"""Partitions: who owns each, how far its rounds are committed, and the fence that keeps a former owner out."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, insert, select, update

from cti.adapters.ledger import bulk
from cti.adapters.ledger.tables import partitions
from cti.errors import Fenced, WrongPartitions
from cti.rows import Claim, Fence

_fence = bulk.update(
    partitions, [partitions.c.partition, partitions.c.epoch], [partitions.c.position, partitions.c.command_no]
)


def claim(connection: Connection, owner: str, count: int) -> list[Claim]:
    """Raise the epoch of every partition; make them at the first claim. Raises `WrongPartitions`."""
    known = len(positions(connection))
    if known not in {0, count}:
        raise WrongPartitions(f"made with {known}, asked for {count}")
    if known == 0:
        connection.execute(
            insert(partitions),
            [{"partition": n, "epoch": 0, "position": 0, "command_no": 0, "owner": ""} for n in range(count)],
        )
    table = partitions.c
    claimed = connection.execute(
        update(partitions)
        .values(epoch=table.epoch + 1, owner=owner)
        .returning(table.partition, table.epoch, table.position, table.command_no)
    )
    return sorted(Claim._make(row) for row in claimed)


def move_on(connection: Connection, fences: Sequence[Fence]) -> None:
    """Set position and command number where the epoch is still ours, or raise `Fenced`."""
    rows = [(fence.partition, fence.epoch, fence.position, fence.command_no) for fence in sorted(fences)]
    if _fence(connection, rows) != len(rows):
        raise Fenced(", ".join(f"partition {fence.partition} epoch {fence.epoch}" for fence in fences))


def committed(connection: Connection) -> Mapping[int, tuple[int, int]]:
    """(epoch, position) by partition."""
    table = partitions.c
    found = connection.execute(select(table.partition, table.epoch, table.position).order_by(table.partition))
    return {partition: (epoch, position) for partition, epoch, position in found}


def positions(connection: Connection) -> Mapping[int, int]:
    """The last committed position by partition."""
    return {partition: position for partition, (_, position) in committed(connection).items()}


def command_marks(connection: Connection) -> Mapping[int, int]:
    """The last command number by partition."""
    found = connection.execute(select(partitions.c.partition, partitions.c.command_no))
    return {row.partition: row.command_no for row in found}
