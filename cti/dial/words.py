"""Words of sources: how far each partition has read a switch that is dialled on."""

from collections.abc import Collection, Sequence

from sqlalchemy import Connection

from cti.dial.rows import SourceWord, SourceWordRow
from cti.dial.tables import words
from cti.sql.bulk import insertion
from cti.sql.point import all_of, rows_of

_upsert = insertion(
    words,
    tail="ON CONFLICT (tenant, source, partition) DO UPDATE SET appended_at_ms = excluded.appended_at_ms,"
    " lag_ms = excluded.lag_ms, trusted = excluded.trusted, word_at_ms = excluded.word_at_ms",
)
_ORDER = "ORDER BY tenant, source, partition"
_OF_ALL = all_of(words, _ORDER)
_OF_SOURCE = all_of(words, "WHERE tenant = ? AND source = ?", _ORDER)


def put_words(connection: Connection, said: Sequence[SourceWordRow]) -> None:
    """Write words; of several for one source and partition the last stands."""
    _upsert(connection, list({(row.tenant, row.source, row.partition): row for row in said}.values()))


def read_words(connection: Connection, *of: str) -> list[SourceWordRow]:
    """One for each partition: of a source, given as tenant and source; without them, of all."""
    return [SourceWordRow._make(row) for row in rows_of(connection, _OF_SOURCE if of else _OF_ALL, *of)]


def least(said: Collection[SourceWordRow], partitions: Collection[int]) -> SourceWord | None:
    """What these partitions together say; None where one of them has said nothing."""
    of_those = [row for row in said if row.partition in partitions]
    if not of_those or {row.partition for row in of_those} != set(partitions):
        return None
    return SourceWord(
        appended_at_ms=min(row.appended_at_ms for row in of_those),
        lag_ms=max(row.lag_ms for row in of_those),
        trusted=all(row.trusted == 1 for row in of_those),
        word_at_ms=min(row.word_at_ms for row in of_those),
    )
