"""Which contacts of earlier imports an import added to, so that it can be withdrawn."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), nullable=False)


def upgrade() -> None:
    op.create_table(
        "campaign_import_additions",
        _text("campaign"),
        sa.Column("no", sa.BigInteger(), nullable=False, autoincrement=False),
        _text("contact"),
        sa.PrimaryKeyConstraint("campaign", "no", "contact"),
        sqlite_with_rowid=False,
    )
