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


ODD = [
    "", "NULL", "null", "{}", "{a,b}", 'a "quoted" word',
    "a \\ back\\slash", "\\n is no line end", "two\nlines", "a\ttab", "\x1f",
    "电费", "𝕬", "'", "a,b", "  ", "%s", "\\",
]  # fmt: skip


def test_any_text_comes_as_it_was_given(connection: Connection) -> None:
    rows = [("odd", no, word) for no, word in enumerate(ODD)]
    insertion(WORDS, tail="ON CONFLICT DO NOTHING")(connection, [*rows, ("odd", len(ODD), None)])
    found = OF_BOTH.returning(connection, [("odd", no) for no in range(len(ODD) + 1)])
    assert sorted(found, key=lambda row: row[1]) == [*rows, ("odd", len(ODD), None)]
    by_word = selection(WORDS, [WORDS.c.tenant, WORDS.c.word])
    assert {row[2] for row in by_word.returning(connection, [("odd", word) for word in ODD])} == set(ODD)


def test_one_row_of_many_is_not_looked_for_in_all_of_them(connection: Connection) -> None:
    """The planner knows how many rows are asked for."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("CREATE UNIQUE INDEX words_key ON words (tenant, no)")
        connection.exec_driver_sql("INSERT INTO words SELECT 'many', n, 'x' FROM generate_series(1, 5000) AS n")
        query = "SELECT seq_tup_read FROM pg_stat_xact_user_tables WHERE relname = 'words'"
        before = connection.exec_driver_sql(query).scalar()
        assert OF_BOTH.returning(connection, [("many", 7)]) == [("many", 7, "x")]
        assert connection.exec_driver_sql(query).scalar() == before
