"""What is read of the staged rows costs the same, however many rows the import has."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from campaigns.ledger import imports
from campaigns.ledger.imports import StagedRow, Waiting
from campaigns.ledger.tables import import_rows
from cti.sql.bulk import Insertion, driver_of
from tests.campaigns.imports.site import Site, open_site

AT_ONCE = 100
NO = 1
_insert = Insertion(import_rows)


def staged(campaign: str, rows: int) -> list[StagedRow]:
    """Two rows of each account whose number can be divided by ten, one row of the others."""
    twice = [f"a{account:06}" for account in range(rows) for _ in range(1 + (account % 10 == 0))]
    return [StagedRow(campaign, NO, row, account, f"f{row}", "[]") for row, account in enumerate(twice, 2)]


def batch(connection: Connection, campaign: str) -> tuple[list[Waiting], list[tuple[int, str, str]], int]:
    """The first accounts, their rows, and the steps that SQLite took for both."""
    steps = 0

    def stepped() -> int:
        nonlocal steps
        steps += 1
        return 0

    driver = driver_of(connection)
    assert isinstance(driver, sqlite3.Connection)
    driver.set_progress_handler(stepped, 1)
    try:
        accounts = imports.waiting(connection, campaign, NO, -1, AT_ONCE)
        return accounts, imports.rows_of(connection, campaign, NO, accounts), steps
    finally:
        driver.set_progress_handler(None, 1)


async def read(site: Site, campaign: str, rows: int) -> int:
    given = staged(campaign, rows)

    def put(connection: Connection, asked: Sequence[list[StagedRow]]) -> Sequence[None]:
        for one in asked:
            _insert(connection, one)
        return [None] * len(asked)

    await site.context.writer.run(put, given)
    accounts, found, steps = await site.context.reader.run(batch, campaign)
    names = {row.account for row in given[:AT_ONCE]}
    assert [(row.row_no, row.account, row.fields) for row in given if row.account in names] == found
    assert sum(one.rows for one in accounts) == len(found)
    return steps


async def test_a_batch_of_a_long_file_takes_no_more_than_one_of_a_short_file(tmp_path: Path) -> None:
    async with open_site(f"sqlite:///{tmp_path / 'r.db'}") as site:
        short, long = await read(site, "short", 2 * AT_ONCE), await read(site, "long", 40 * AT_ONCE)
    assert 0 < long < 1.2 * short
