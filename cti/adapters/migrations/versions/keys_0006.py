"""Keys that end at a time; and a key that could see telephone numbers as `admin` sees them by `numbers:reveal` now.

A process of the release before inserts keys without an end, and goes on showing numbers to `admin`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("api_keys", sa.Column("expires_at_ms", sa.BigInteger(), nullable=True, autoincrement=False))
    op.execute(
        "UPDATE api_keys SET scopes = scopes || ' numbers:reveal' WHERE ' ' || scopes || ' ' LIKE '% admin %'"
        " AND ' ' || scopes || ' ' NOT LIKE '% numbers:reveal %'"
    )
