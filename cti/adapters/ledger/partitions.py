"""Partitions: who owns each, how far its rounds are committed, and the fence that keeps a former owner out."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Connection, insert, update

from cti.adapters.ledger.tables import partitions
from cti.errors import Fenced, WrongPartitions
from cti.rows import Claim, Fence
from cti.sql.bulk import driver_of
from cti.sql.point import rows_of

_COMMITTED = "SELECT partition, epoch, position, command_no FROM partitions ORDER BY partition"
_MARKS = "SELECT partition, command_no FROM partitions"


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
    if not fences:
        return
    values = [value for fence in fences for value in (fence.partition, fence.position)]
    values += [value for fence in fences for value in (fence.partition, fence.command_no)]
    values += [value for fence in fences for value in (fence.partition, fence.epoch)]
    driver = driver_of(connection)
    if isinstance(driver, sqlite3.Connection):
        moved = driver.execute(_moving(len(fences), "?"), values).rowcount
    else:
        moved = driver.execute(_moving(len(fences), "%s::int8").encode(), values).rowcount
    if moved != len(fences):
        raise Fenced(partitions=outdated(fences, committed(connection)))


@cache
def _moving(fences: int, mark: str) -> str:
    """One statement for so many partitions; it touches those rows whose epoch is the one given."""
    cases = ("CASE partition", *[f"WHEN {mark} THEN {mark}"] * fences, "END")
    ours = " OR ".join([f"(partition = {mark} AND epoch = {mark})"] * fences)
    return " ".join(("UPDATE partitions SET position =", *cases, ", command_no =", *cases, "WHERE", ours))


def outdated(fences: Sequence[Fence], now: Mapping[int, Fence]) -> list[int]:
    """Partitions that have another epoch now."""
    return [fence.partition for fence in fences if fence.partition not in now or now[fence.partition][1] != fence.epoch]


def committed(connection: Connection) -> Mapping[int, Fence]:
    """What the last fence said, by partition."""
    return {row[0]: Fence._make(row) for row in rows_of(connection, _COMMITTED)}


def positions(connection: Connection) -> Mapping[int, int]:
    """The last committed position by partition."""
    return {partition: fence.position for partition, fence in committed(connection).items()}


def command_marks(connection: Connection) -> Mapping[int, int]:
    """The last command number by partition."""
    return dict(rows_of(connection, _MARKS))
