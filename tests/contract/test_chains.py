"""Several chains of migrations in one database: one transaction, one version table each."""

from pathlib import Path

import pytest
from sqlalchemy import Column, Connection, Integer, MetaData, Table, create_engine, inspect, text

from cti.adapters.migrations import CHAIN
from cti.errors import SchemaTooNew
from cti.sql.schema import Chain, state_of, upgrade

REVISION = '''"""{name}."""
import sqlalchemy as sa
from alembic import op
revision, down_revision, branch_labels, depends_on = "{revision}", {down!r}, None, None
def upgrade() -> None:
    {body}
'''
MAKES_TABLE = 'op.create_table("{name}", sa.Column("id", sa.Integer(), primary_key=True))'


def chain(folder: Path, name: str, *bodies: str) -> Chain:
    """A chain of so many revisions, 0001 on."""
    (folder / name).mkdir(exist_ok=True)
    for n, body in enumerate(bodies, 1):
        down = f"{n - 1:04}" if n > 1 else None
        script = REVISION.format(name=name, revision=f"{n:04}", down=down, body=body)
        (folder / name / f"{name}_{n:04}.py").write_text(script, "utf-8")
    metadata = MetaData()
    Table(name, metadata, Column("id", Integer, primary_key=True))
    return Chain(name, folder / name, (metadata,))


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    found = set(inspect(engine).get_table_names())
    engine.dispose()
    return found


def revisions(url: str, *chains: Chain) -> list[str | None]:
    engine = create_engine(url)
    with engine.connect() as connection:
        found = [state_of(connection, one).revision for one in chains]
    engine.dispose()
    return found


def test_each_chain_has_its_own_version(durable_url: str, tmp_path: Path) -> None:
    letters = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"))
    stamps = chain(tmp_path, "stamps", MAKES_TABLE.format(name="stamps"), MAKES_TABLE.format(name="stamps_more"))
    upgrade(durable_url, [CHAIN, letters])
    upgrade(durable_url, [CHAIN, letters, stamps])
    upgrade(durable_url, [CHAIN])  # a process without the parts
    assert {"letters", "stamps", "stamps_more", "calls"} <= tables(durable_url)
    assert {"alembic_version", "alembic_version_letters", "alembic_version_stamps"} <= tables(durable_url)
    assert revisions(durable_url, letters, stamps) == ["0001", "0002"]
    longer = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"), MAKES_TABLE.format(name="letters_more"))
    upgrade(durable_url, [CHAIN, longer])
    assert revisions(durable_url, longer, stamps) == ["0002", "0002"]


def test_a_newer_chain_is_refused_by_name_and_the_others_stay_as_they_were(durable_url: str, tmp_path: Path) -> None:
    newer = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"), MAKES_TABLE.format(name="letters_more"))
    upgrade(durable_url, [CHAIN, newer])
    older = _without_last(newer)
    stamps = chain(tmp_path, "stamps", MAKES_TABLE.format(name="stamps"))
    with pytest.raises(SchemaTooNew, match="letters: revision 0002; this release knows 0001"):
        upgrade(durable_url, [CHAIN, stamps, older])
    assert "stamps" not in tables(durable_url), "all chains are one transaction"


def _without_last(newer: Chain) -> Chain:
    """The same chain as a release before had it."""
    max(newer.revisions.glob("*.py")).unlink()
    return newer


def test_a_revision_that_fails_leaves_every_chain_as_it_was(durable_url: str, tmp_path: Path) -> None:
    upgrade(durable_url, [CHAIN])
    letters = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"))
    broken = chain(tmp_path, "stamps", MAKES_TABLE.format(name="stamps"), 'raise LookupError("no stamps")')
    with pytest.raises(LookupError, match="no stamps"):
        upgrade(durable_url, [CHAIN, letters, broken])
    assert not {"letters", "stamps", "alembic_version_letters"} & tables(durable_url)
    assert revisions(durable_url, letters, broken) == [None, None]


def test_what_follows_a_chain_is_done_at_every_start(durable_url: str, tmp_path: Path) -> None:
    made = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"))
    counting = Chain(made.name, made.revisions, made.metadata, after=_one_more)
    for _ in range(3):
        upgrade(durable_url, [CHAIN, counting])
    engine = create_engine(durable_url)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM letters")) == 3
    engine.dispose()


def _one_more(connection: Connection) -> None:
    connection.execute(text("INSERT INTO letters SELECT count(*) + 1 FROM letters"))


def test_no_limit_of_the_daily_writer_ends_an_upgrade(postgres_url: str, tmp_path: Path) -> None:
    seen: list[str] = []

    def look(connection: Connection) -> None:
        limits = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        seen.extend(str(connection.scalar(text(f"SHOW {limit}"))) for limit in limits)

    made = chain(tmp_path, "letters", MAKES_TABLE.format(name="letters"))
    upgrade(postgres_url, [CHAIN, Chain(made.name, made.revisions, made.metadata, after=look)])
    assert seen == ["10min"] * 3, "a slow machine may stop for seconds between two statements of a migration"
