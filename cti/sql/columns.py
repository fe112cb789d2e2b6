"""Columns as every table of ours has them. Columns stand in the order of the rows, so that a row is made by position.

Text is compared byte by byte on both databases (SQLite's own way, collation "C" on PostgreSQL): pages and digests that
go by an id are then the same everywhere. Numbers are never made up by the database.
"""

from sqlalchemy import BigInteger, Column, Integer, Text

Words = Text().with_variant(Text(collation="C"), "postgresql")


def text(name: str, *, key: bool = False, optional: bool = False) -> Column[str]:
    """Text of any length."""
    return Column(name, Words, primary_key=key, nullable=optional)


def whole(name: str, *, key: bool = False, optional: bool = False) -> Column[int]:
    """A whole number of 64 bits."""
    return Column(name, BigInteger, primary_key=key, nullable=optional, autoincrement=False)


def small(name: str, *, key: bool = False) -> Column[int]:
    """A whole number of 32 bits."""
    return Column(name, Integer, primary_key=key, nullable=False, autoincrement=False)
