"""The tables in code are the tables the migrations make, on both databases."""

from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Column, Integer, Table, create_engine

from cti.adapters.ledger.schema import upgrade
from cti.adapters.ledger.tables import metadata


def differences(url: str) -> list[object]:
    """What a migration would still have to do to reach the tables in code."""
    engine = create_engine(url)
    try:
        with engine.connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            return list(compare_metadata(MigrationContext.configure(connection, opts=options), metadata))
    finally:
        engine.dispose()


def test_on_sqlite(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url)
    assert differences(url) == []


def test_on_postgresql(postgres_url: str) -> None:
    upgrade(postgres_url)
    assert differences(postgres_url) == []


def test_a_table_without_a_migration_is_found(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    upgrade(url)
    forgotten = Table("forgotten", metadata, Column("id", Integer, primary_key=True))
    try:
        assert differences(url) != []
    finally:
        metadata.remove(forgotten)
