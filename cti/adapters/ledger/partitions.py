"""Partitions: who owns each, how far its rounds are committed, and the fence that keeps a former owner out."""

import sqlite3
from collections.abc import Mapping, Sequence
from functools import cache

from sqlalchemy import Connection

from cti.adapters.ledger.tables import engines, partitions
from cti.errors import Fenced, WrongPartitions
from cti.leases.ports import NOBODY
from cti.leases.sql import SqlGroup
from cti.rows import Claim, Fence
from cti.sql.bulk import driver_of, insertion
from cti.sql.point import rows_of

_COMMITTED = "SELECT partition, epoch, position, command_no FROM partitions ORDER BY partition"
_MARKS = "SELECT partition, command_no FROM partitions"


class Engines(SqlGroup[int, Claim]):
    """The engines' lease group, in its own tables. A resource is a partition; their number is fixed for life."""

    owners, heartbeat = engines, engines.c.beat
    resources, resource = partitions, partitions.c.partition
    claim_columns = (partitions.c.partition, partitions.c.epoch, partitions.c.position, partitions.c.command_no)

    def __init__(self) -> None:
        self.claim_of = Claim._make
        super().__init__()

    def make(self, connection: Connection, resources: int) -> None:
        """`resources` partitions, if there are none. Raises `WrongPartitions`."""
        known = len(positions(connection))
        if known == 0:
            _make(connection, [(number, 0, 0, 0, NOBODY) for number in range(resources)])
            known = len(positions(connection))
        if known != resources:
            raise WrongPartitions(f"made with {known}, asked for {resources}")


_make = insertion(partitions, tail="ON CONFLICT (partition) DO NOTHING")
ENGINES = Engines()


def move_on(connection: Connection, fences: Sequence[Fence]) -> None:
    """Write position and command number where the epoch is still ours, or raise `Fenced`."""
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
    """Epoch, position and command number as the last commit left them, by partition."""
    return {row[0]: Fence._make(row) for row in rows_of(connection, _COMMITTED)}


def positions(connection: Connection) -> Mapping[int, int]:
    """The last committed position by partition."""
    return {partition: fence.position for partition, fence in committed(connection).items()}


def command_marks(connection: Connection) -> Mapping[int, int]:
    """The last command number by partition."""
    return dict(rows_of(connection, _MARKS))
