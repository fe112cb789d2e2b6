"""Rows read by many keys at once, and locked: one statement each."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, Text

from cti.sql.bulk import ROWS_MAX, insertion, selection
from cti.sql.connections import database_url, writer_engine

WORDS = Table("words", MetaData(), Column("tenant", Text), Column("no", Integer), Column("word", Text))
OF_BOTH = selection(WORDS, [WORDS.c.tenant, WORDS.c.no])
LOCKED = selection(WORDS, [WORDS.c.no], [WORDS.c.no], "ORDER BY no", "FOR UPDATE OF words")
MANY = 2 * ROWS_MAX + 7


@pytest.fixture
def connection(ready_durable_url: str) -> Iterator[Connection]:
    engine = writer_engine(database_url(ready_durable_url))
    with engine.connect() as opened:
        WORDS.create(opened)
        insertion(WORDS)(opened, [("mine", no, f"word {no}") for no in range(MANY)])
        insertion(WORDS)(opened, [("other", 3, "not mine")])
        yield opened
        opened.rollback()
    engine.dispose()


def test_the_rows_of_many_keys_are_found_whole_and_no_others(connection: Connection) -> None:
    asked = [("mine", no) for no in range(0, 2 * MANY, 2)]
    found = OF_BOTH.returning(connection, asked)
    assert sorted(found) == [("mine", no, f"word {no}") for no in range(0, MANY, 2)]
    assert OF_BOTH.returning(connection, [("other", 3)]) == [("other", 3, "not mine")]
    assert OF_BOTH.returning(connection, []) == []


def test_a_key_given_twice_finds_its_row_once(connection: Connection) -> None:
    assert OF_BOTH.returning(connection, [("mine", 5), ("mine", 5)]) == [("mine", 5, "word 5")]


def test_rows_are_locked_in_order(connection: Connection) -> None:
    assert LOCKED.returning(connection, [(9,), (4,), (7,)]) == [(4,), (7,), (9,)]
    if connection.dialect.name == "postgresql":
        query = "SELECT count(*) FROM pg_locks WHERE relation = 'words'::regclass AND mode = 'RowShareLock'"
        assert connection.exec_driver_sql(query).scalar() == 1
