"""How far those who wait were looked at since an emergency was approved."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign_emergencies", sa.Column("looked_to", sa.BigInteger(), nullable=True))
