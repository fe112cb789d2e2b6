"""Copies that wait for their topics; what a source tells is noted by partition, because engines share partitions."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


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
    op.rename_table("sources", "sources_before")
    op.create_table(
        "sources",
        _text("tenant"),
        _text("source"),
        sa.Column("partition", sa.Integer(), nullable=False, autoincrement=False),
        _text("kinds"),
        sa.PrimaryKeyConstraint("tenant", "source", "partition"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO sources SELECT tenant, source, partition, kinds FROM sources_before")
    op.drop_table("sources_before")
