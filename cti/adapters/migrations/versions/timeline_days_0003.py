"""PostgreSQL: the timeline in parts, one for each day of appending, so that old days are dropped and not deleted.

What was there becomes the first part as it stands, up to the end of its last day: no row is copied.
"""

import datetime as dt

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

DAY_MS = 86_400_000
KEY = "(partition, born, position, n, appended_at_ms)"  # the key must hold what the parts are cut by


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    op.execute("ALTER TABLE timeline RENAME TO timeline_before")
    op.execute("ALTER TABLE timeline_before DROP CONSTRAINT timeline_pkey")
    op.execute(
        "CREATE TABLE timeline (LIKE timeline_before INCLUDING DEFAULTS INCLUDING CONSTRAINTS)"
        " PARTITION BY RANGE (appended_at_ms)"
    )
    op.execute(f"ALTER TABLE timeline ADD CONSTRAINT timeline_pkey PRIMARY KEY {KEY}")
    last_ms = op.get_bind().execute(sa.text("SELECT max(appended_at_ms) FROM timeline_before")).scalar_one()
    if last_ms is None:
        op.execute("DROP TABLE timeline_before")
    else:
        _keep(last_ms // DAY_MS)
    op.execute("CREATE TABLE timeline_default PARTITION OF timeline DEFAULT")


def _keep(day: int) -> None:
    name = f"timeline_{dt.date.fromordinal(dt.date(1970, 1, 1).toordinal() + day):%Y%m%d}"
    end_ms = (day + 1) * DAY_MS
    op.execute(f"ALTER TABLE timeline_before RENAME TO {name}")
    op.execute(f"ALTER TABLE {name} ADD CONSTRAINT {name}_pkey PRIMARY KEY {KEY}")
    op.execute(f"ALTER TABLE timeline ATTACH PARTITION {name} FOR VALUES FROM (MINVALUE) TO ({end_ms})")
