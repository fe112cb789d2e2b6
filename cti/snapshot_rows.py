"""The rows in which partitions keep the snapshots of their switches. Times are integer milliseconds since the epoch."""

from typing import NamedTuple

SnapshotKey = tuple[str, str, int, str]
"""(tenant, source, partition, event id)"""


class SnapshotRow(NamedTuple):
    """A switch's snapshot, as a partition keeps it."""

    tenant: str
    source: str
    partition: int
    event_id: str
    at_ms: int  # switch clock
    appended_at_ms: int  # log clock
    calls: str  # the ids of the partition's calls that it names, a JSON array
