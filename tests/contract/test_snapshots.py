"""What every ledger keeps of the snapshots of switches."""

from cti.adapters.store import Store
from cti.rows import Round
from cti.snapshot_rows import SnapshotRow
from tests.contract.rows import PARTITIONS, SOURCE, START_MS, TENANT, fence


def snapshot(event_id: str, at_ms: int = START_MS, partition: int = 0, **changed: str | int) -> SnapshotRow:
    row = SnapshotRow(TENANT, SOURCE, partition, event_id, at_ms, START_MS, '["7","\\u0000"]')
    return row._replace(**changed)


async def test_a_partition_has_its_own_the_oldest_first(store: Store) -> None:
    claims = await store.ledger.claim("one", PARTITIONS)
    rows = [snapshot("b", 2), snapshot("a", 2), snapshot("c", 1), snapshot("a", 2, 1), snapshot("c", 1, source="/x")]
    await store.ledger.commit(Round(snapshots=rows, fences=[fence(claim) for claim in claims[:2]]))
    again = [snapshot("a", 9, calls="[]"), snapshot("d", 3), snapshot("d", 3)]
    await store.ledger.commit(Round(snapshots=again, snapshots_gone=[rows[2][:4]], fences=[fence(claims[0], 2)]))
    assert await store.ledger.snapshots(0) == [rows[4], rows[1], rows[0], again[1]], "one that is there already stays"
    assert await store.ledger.snapshots(1) == [rows[3]]
    assert await store.ledger.snapshots(2) == []


async def test_retention_drops_them_with_the_timelines(store: Store) -> None:
    (claim, *_) = await store.ledger.claim("one", PARTITIONS)
    young = snapshot("young", appended_at_ms=START_MS + 10)
    await store.ledger.commit(Round(snapshots=[snapshot("old"), young], fences=[fence(claim)]))
    assert await store.ledger.purge(START_MS, START_MS) == 0
    assert await store.ledger.purge(START_MS + 1, 0) == 1
    assert await store.ledger.snapshots(0) == [young]
