"""The tables of lease groups. They belong to the call side's chain of migrations.

The engines' group has older tables of its own: processes of the previous release count every row of `engines`, so that
table must hold nothing else.
"""

from sqlalchemy import MetaData, Table

from cti.sql.columns import text, whole

metadata = MetaData()

# One row for each live process of a group; `heartbeat` rises while the process lives.
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
