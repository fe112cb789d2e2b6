"""The tables in code are the tables the migrations make, on both databases."""

import re
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Connection, Integer, Table, create_engine, inspect, text

from campaigns.ledger import rows, tables
from campaigns.wiring import CHAIN as CAMPAIGNS
from cti.adapters.ledger.tables import metadata
from cti.adapters.ledger.timeline_days import DAYS_AHEAD
from cti.adapters.migrations import CHAIN
from cti.sql.schema import Chain, state_of, upgrade

KEY = ["partition", "born", "position", "n"]
# A day of the timeline: made by the date, not by a migration.
PART = re.compile(r"timeline_(default|\d{8})")
# Tables that processes of the earlier release still write while they are replaced one by one.
LEFT = frozenset({"sources"})


def is_ours(name: str | None, kind: str, _: Any) -> bool:
    return kind != "table" or name is None or not (PART.fullmatch(name) or name in LEFT)


def is_of_campaigns(name: str | None, kind: str, _: Any) -> bool:
    return kind != "table" or name in tables_of(CAMPAIGNS)


@pytest.mark.parametrize("chain", [CHAIN, CAMPAIGNS], ids=lambda chain: chain.name)
def test_a_revisions_file_is_named_by_it_and_the_last_is_the_newest(chain: Chain) -> None:
    """By its name a start sees that there is nothing to do."""
    named = {file.stem.rsplit("_", 1)[1]: file.stem for file in chain.revisions.glob("*_????.py")}
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        state = state_of(connection, chain)
    engine.dispose()
    assert (set(named), max(named)) == (state.known, state.newest)


def tables_of(chain: Chain) -> dict[str, Table]:
    return {name: table for each in chain.metadata for name, table in each.tables.items()}


def keys(connection: Connection, chain: Chain) -> dict[str, list[str]]:
    """The primary key of each table, which alembic does not compare."""
    found = inspect(connection)
    return {name: found.get_pk_constraint(name)["constrained_columns"] for name in tables_of(chain)}


def differences(url: str, chain: Chain = CHAIN) -> list[object]:
    """What a migration would still have to do to reach the tables in code."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            ours = is_ours if chain is CHAIN else is_of_campaigns
            options = {"compare_type": True, "compare_server_default": True, "include_name": ours}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), chain.metadata))
    finally:
        engine.dispose()


def keys_in_code(chain: Chain) -> dict[str, list[str]]:
    return {name: [column.name for column in table.primary_key] for name, table in tables_of(chain).items()}


def wanted_keys(dialect: str) -> dict[str, list[str]]:
    """Those of the tables in code; on PostgreSQL the timeline's also holds what it is cut by."""
    in_code = keys_in_code(CHAIN)
    assert in_code["timeline"] == KEY
    return in_code | ({"timeline": [*KEY, "appended_at_ms"]} if dialect == "postgresql" else {})


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_models_equal_migrations(dialect: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url, [CHAIN])
    assert differences(url) == []
    engine = create_engine(url)
    with engine.connect() as connection:
        assert keys(connection, CHAIN) == wanted_keys(dialect)
    engine.dispose()


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql"])
def test_the_tables_of_campaigns_equal_their_migrations(
    dialect: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = request.getfixturevalue("postgres_url") if dialect == "postgresql" else f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url, [CHAIN, CAMPAIGNS])
    assert differences(url, CAMPAIGNS) == []
    engine = create_engine(url)
    with engine.connect() as connection:
        assert keys(connection, CAMPAIGNS) == keys_in_code(CAMPAIGNS)
    engine.dispose()


@pytest.mark.parametrize(
    ("table", "row"),
    [
        (tables.campaigns, rows.CampaignRow),
        (tables.history, rows.HistoryRow),
        (tables.contacts, rows.ContactRow),
        (tables.hours_classes, rows.HoursClassRow),
        (tables.attempts, rows.AttemptRow),
        (tables.refusals, rows.RefusalRow),
        (tables.imports, rows.ImportRow),
        (tables.notices, rows.NoticeRow),
        (tables.notice_batches, rows.BatchRow),
        (tables.audit, rows.AuditRow),
        (tables.audit_heads, rows.AuditHeadRow),
    ],
)
def test_rows_are_in_the_order_of_their_columns(table: Table, row: Any) -> None:
    assert list(row._fields) == [column.name for column in table.columns]


def test_on_postgresql_each_part_of_the_timeline_is_as_the_whole(postgres_url: str) -> None:
    upgrade(postgres_url, [CHAIN])
    engine = create_engine(postgres_url)
    with engine.connect() as connection:
        found = inspect(connection)
        whole = [(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns("timeline")]
        parts = [name for name in found.get_table_names() if PART.fullmatch(name)]
        assert len(parts) == DAYS_AHEAD + 2, "today, some days ahead, and the rest"
        for name in parts:
            assert [(one["name"], str(one["type"]), one["nullable"]) for one in found.get_columns(name)] == whole
            assert found.get_pk_constraint(name)["constrained_columns"] == [*KEY, "appended_at_ms"]
        collations = "SELECT DISTINCT collation_name FROM information_schema.columns WHERE table_name LIKE 'timeline%'"
        assert set(connection.scalars(text(collations))) == {"C", None}
    engine.dispose()


def test_a_table_without_a_migration_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url, [CHAIN])
    forgotten = Table("forgotten", metadata, Column("id", Integer, primary_key=True))
    try:
        assert differences(url) != []
    finally:
        metadata.remove(forgotten)
