"""How long a caller waited for an answer, or in vain (RING-3): since queued, or since offered if never queued.

Null in records of the release before, which writes on beside this one: of these it is estimated.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("records", sa.Column("tried_ms", sa.BigInteger(), nullable=True, autoincrement=False))
