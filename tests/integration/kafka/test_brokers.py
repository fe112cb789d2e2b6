"""Three brokers and the defaults: three replicas of everything, two of which must have an event before it counts."""

import asyncio
import time
from collections.abc import Iterator, Sequence

import pytest

from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.errors import LogAway
from tests.contract.reading import all_of
from tests.integration.kafka.site import TENANT, appending, offered, running, taken
from tests.kafka import KafkaBroker, own_brokers

WRITE_MAX_S = 3.0


@pytest.fixture
def three() -> Iterator[Sequence[KafkaBroker]]:
    with own_brokers(3) as brokers:
        yield brokers


async def test_one_may_die_and_with_two_nothing_is_acknowledged(
    three: Sequence[KafkaBroker], kafka_prefix: str
) -> None:
    bootstrap = ",".join(one.bootstrap for one in three)
    options = KafkaOptions(bootstrap, kafka_prefix, TENANT, partitions=2)
    items = [appending(offered(f"call {n}")) for n in range(4)]
    async with running(options, WRITE_MAX_S) as log:
        await log.append([items[0]])
        await asyncio.to_thread(three[0].kill)
        await taken(log, items[1])
        await asyncio.to_thread(three[1].kill)
        began = time.monotonic()
        with pytest.raises(LogAway):
            await log.append([items[2]])
        with pytest.raises(LogAway):
            await log.end()
        assert time.monotonic() - began < WRITE_MAX_S + 4
        await asyncio.gather(*(asyncio.to_thread(one.start) for one in three[:2]))
        await taken(log, items[3])
        kept = {entry.body for entry in await all_of(log)}
    assert {items[0].body, items[1].body, items[3].body} <= kept <= {item.body for item in items}
