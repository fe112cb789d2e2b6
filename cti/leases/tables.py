"""Where lease groups are kept. They go by the chain of migrations of the call side.

The engines' group has tables of its own, older than these: processes of the release before count every row of
`engines`, so nothing else may stand there.
"""

from sqlalchemy import MetaData, Table

from cti.sql.columns import text, whole

metadata = MetaData()

# One row a process of a group that lives: `heartbeat` rises while it does.
owners = Table(
    "lease_owners",
    metadata,
    text("lease_group", key=True),
    text("owner", key=True),
    whole("heartbeat"),
    sqlite_with_rowid=False,
)

# One row a resource of a group. A resource that was retired keeps its row, so that its epochs never fall.
leases = Table(
    "leases",
    metadata,
    text("lease_group", key=True),
    text("resource", key=True),
    whole("epoch"),
    text("owner"),
    sqlite_with_rowid=False,
)
