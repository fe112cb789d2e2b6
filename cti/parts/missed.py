"""The rounds that were committed without a part's statements: written in the same transaction, so that the part can
learn of them in any process, whatever dies.

A part reads them in a transaction of its own, catches up (or, in doubt, does nothing more), and settles what it read.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy import Connection, MetaData, Table, and_, delete, or_, select

from cti.rows import Fence
from cti.sql.bulk import driver_of
from cti.sql.columns import small, text, whole

metadata = MetaData()
# One row a part and partition: all rounds since the part last settled them. It belongs to the call side's chain.
missed_rounds = Table(
    "missed_rounds", metadata, text("part", key=True), small("partition", key=True), whole("after_position"),
    whole("to_position"), whole("rounds"), sqlite_with_rowid=False,
)  # fmt: skip
# Before the fence: `partitions` still has the position of the round before.
_NOTE = (
    "INSERT INTO missed_rounds (part, partition, after_position, to_position, rounds)"
    " SELECT CAST(? AS TEXT), partition, position, CAST(? AS BIGINT), 1 FROM partitions WHERE partition = ?"
    " ON CONFLICT (part, partition) DO UPDATE"
    " SET to_position = excluded.to_position, rounds = missed_rounds.rounds + 1"
)


class Missed(NamedTuple):
    """What a part missed of a partition: entries after `after_position`, up to `to_position`; some of them it may have
    seen. `rounds`: how many; a round of timers alone advances no position.
    """

    partition: int
    after_position: int
    to_position: int
    rounds: int


def note_missed(connection: Connection, parts: Iterable[str], fences: Sequence[Fence]) -> None:
    """Note, in the round's transaction and before its fence, that these parts miss it."""
    driver = driver_of(connection)
    for values in [(part, fence.position, fence.partition) for part in parts for fence in fences]:
        if isinstance(driver, sqlite3.Connection):
            driver.execute(_NOTE, values)
        else:
            driver.execute(_NOTE.replace("?", "%s").encode(), values)


def read_missed(connection: Connection, part: str) -> list[Missed]:
    """What the part has missed since it last settled it."""
    columns = missed_rounds.c
    query = select(columns.partition, columns.after_position, columns.to_position, columns.rounds)
    found = connection.execute(query.where(columns.part == part).order_by(columns.partition))
    return [Missed._make(row) for row in found]


def settle_missed(connection: Connection, part: str, seen: Sequence[Missed]) -> None:
    """Forget what was read; a partition of which more was missed meanwhile stays as it is."""
    columns = missed_rounds.c
    same = [and_(columns.partition == missed.partition, columns.rounds == missed.rounds) for missed in seen]
    if same:
        connection.execute(delete(missed_rounds).where(columns.part == part, or_(*same)))
