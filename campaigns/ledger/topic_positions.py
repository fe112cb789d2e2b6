"""How far topics have been read: the compare-and-set at the end of what was read."""

from collections.abc import Mapping
from typing import NamedTuple

from sqlalchemy import Connection, select, update

from campaigns.errors import Stale
from campaigns.ledger.tables import topic_positions
from cti.sql.bulk import insertion

_begin = insertion(topic_positions, tail="ON CONFLICT DO NOTHING RETURNING partition")
_P = topic_positions.c


class Position(NamedTuple):
    """`position`: of the last record whose effects are committed; `base`: what it has beyond its offset plus one."""

    position: int
    base: int = 0

    @property
    def offset(self) -> int:
        """The offset of the next record."""
        return self.position - self.base


def of_topic(connection: Connection, topic: str) -> dict[int, Position]:
    """By partition; those that were never read are left out."""
    query = select(_P.partition, _P.position, _P.base).where(_P.topic == topic)
    return {row.partition: Position(row.position, row.base) for row in connection.execute(query)}


def move(connection: Connection, topic: str, partition: int, was: Position | None, now: Position) -> None:
    """From where it was read from (None: it never was). Raises Stale where another process has read on: nothing of
    the transaction may stay.
    """
    if was is None:
        moved = len(_begin.returning(connection, [(topic, partition, *now)]))
    else:
        mine = (_P.topic == topic, _P.partition == partition, _P.position == was.position, _P.base == was.base)
        moved = connection.execute(update(topic_positions).where(*mine).values(now._asdict())).rowcount
    if not moved:
        raise Stale(f"{topic} {partition} was read on by another process")


def behind(positions: Mapping[int, Position], ends: Mapping[int, int]) -> int:
    """How many offsets of these partitions lie after their positions."""
    return sum(max(0, ends.get(partition, 0) - position.offset) for partition, position in positions.items())
