"""The chain of the call side's tables: its revisions are in `versions`, `cti.sql.schema` runs them."""

from pathlib import Path

from cti.adapters.ledger.tables import metadata
from cti.adapters.ledger.timeline_days import make_days
from cti.callers import tables as caller_tables
from cti.dial import tables as dial_tables
from cti.leases import tables as lease_tables
from cti.parts import missed
from cti.sql.schema import Chain

CHAIN = Chain(
    "cti",
    Path(__file__).parent / "versions",
    (metadata, lease_tables.metadata, dial_tables.metadata, missed.metadata, caller_tables.metadata),
    version_table="alembic_version",  # the name that earlier releases gave it
    after=make_days,
)
