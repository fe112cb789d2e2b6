"""The real month over real Kafka and PostgreSQL, 2 gateways, 4 engines and 12 partitions: the same records."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

from cti.replay.arrivals import Disturbance, in_order_of_arrival
from cti.replay.command import HISTORY_DAYS, TENANT
from cti.replay.door import BATCH_MAX, door
from cti.replay.events import read_events
from cti.replay.mapping_file import load
from cti.replay.table import read_table
from schemas.records import records_digest
from tests.acceptance.replaying import MAPPING, data
from tests.faults.cluster.site import opened
from tests.faults.cluster.waiting import until

WITHIN_S = 300.0
# History is old by nature: neither age nor silence may close or drop a call.
SETTINGS = {
    "RINGBACK_TIMELINE_DAYS": str(HISTORY_DAYS),
    "RINGBACK_RECORDS_DAYS": str(HISTORY_DAYS),
    "RINGBACK_CALL_IDLE_MAX_S": str(HISTORY_DAYS * 86_400),
}


async def test_a_cluster_comes_to_the_same_records(real: dict[str, Any], tmp_path: Path) -> None:
    mapping = load(MAPPING).mapping
    reading = read_events(read_table(data().read_bytes(), mapping.layout()).rows, mapping)
    bodies = in_order_of_arrival(reading.events, Disturbance(5_000, 10, 7))
    async with opened(tmp_path, tenant=TENANT, **SETTINGS) as site, AsyncExitStack() as stack:
        ways = [await stack.enter_async_context(door(url, site.key)) for url in site.doors]
        await ways[0].declare(mapping.switch, mapping.source, reading.kinds())
        await asyncio.gather(*(way.post(part) for way, part in zip(ways, halves(bodies), strict=True)))
        records: list[dict[str, Any]] = []

        async def whole() -> bool:
            records[:] = [json.loads(line) async for line in ways[1].records()]
            return len(records) >= real["calls"] and records_digest(records) == real["records_sha256"]

        await until("every record is there", whole, WITHIN_S)
        busy = [engine.name for engine in site.engines if "partition_taken" in engine.log.read_text("utf-8")]
        assert len(busy) == len(site.engines), "each engine had its share"


def halves(bodies: Sequence[bytes]) -> tuple[list[bytes], list[bytes]]:
    """Batch by batch in turn, as two doors behind one address get them."""
    first: list[bytes] = []
    second: list[bytes] = []
    for number, at in enumerate(range(0, len(bodies), BATCH_MAX)):
        (second if number % 2 else first).extend(bodies[at : at + BATCH_MAX])
    return first, second
