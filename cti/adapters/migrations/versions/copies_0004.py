"""Outbox rows that wait for their topics; a source's kinds are kept by partition, because engines share partitions.

The table `sources` of the earlier release stays, for a process of that release that is still at work when the schema is
upgraded: it goes on writing there, and on PostgreSQL a trigger carries over what it writes. A later release drops both.
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

FUNCTION = """
CREATE FUNCTION carry_source_kinds() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO source_kinds VALUES (NEW.tenant, NEW.source, NEW.partition, NEW.kinds)
    ON CONFLICT (tenant, source, partition) DO UPDATE SET kinds = excluded.kinds;
  RETURN NULL;
END $$
"""
TRIGGER = """
CREATE TRIGGER carry_source_kinds AFTER INSERT OR UPDATE ON sources
  FOR EACH ROW EXECUTE FUNCTION carry_source_kinds()
"""


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "copies",
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("no", sa.BigInteger(), nullable=False, autoincrement=False),
        _text("kind"),
        _text("tenant"),
        _text("key"),
        _text("id"),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("partition", "no"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "source_kinds",
        _text("tenant"),
        _text("source"),
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        _text("kinds"),
        sa.PrimaryKeyConstraint("tenant", "source", "partition"),
        sqlite_with_rowid=False,
    )
    if op.get_bind().dialect.name == "postgresql":
        # Before the rows are copied: no row that is written meanwhile may be missed.
        op.execute("LOCK TABLE sources IN SHARE ROW EXCLUSIVE MODE")
        op.execute(FUNCTION)
        op.execute(TRIGGER)
    op.execute("INSERT INTO source_kinds SELECT tenant, source, partition, kinds FROM sources")
