"""Dialled calls on Kafka and PostgreSQL: partitions of calls alone say how far a switch is read, idle ones too."""

import asyncio
import time
from collections.abc import Callable

from pydantic_core import to_json

from cti.core.identity import call_id
from cti.core.times import rfc3339
from cti.dial.rows import DialOrderRow, SwitchStanding
from cti.rows import SwitchRow
from cti.wiring import Service
from tests.contract.dialling import dial_of, transact
from tests.integration.kafka.site import PARTITIONS, SOURCE, TENANT, key_of, plain_producer
from tests.integration.kafka.test_service import WAIT_S, event, product
from tests.kafka import KafkaBroker

SWITCH, LANE, ORDER = "one", "trunks", "0f3a"


async def dialled_on(service: Service) -> None:
    """A switch that takes dial orders, and one order for it."""
    declaration = {"commands": ["makeCall", "snapshotCall"], "facts": None, "outbound": 1}
    row = SwitchRow(TENANT, SWITCH, SOURCE, to_json(declaration).decode())
    await service.store.ledger.put_switch(row)
    await dial_of(service.store).subscribe(TENANT, SWITCH)
    now_ms = int(time.time() * 1000)
    made = DialOrderRow(ORDER, TENANT, SWITCH, SOURCE, LANE, "makeCall", None, "{}", now_ms, now_ms + 30_000)
    await transact(service.store, lambda connection: dial_of(service.store).put(connection, [made]))


async def standing(service: Service, wanted: Callable[[SwitchStanding], bool]) -> SwitchStanding:
    """The switch's standing, once it is as wanted; looked at after each round."""
    async with asyncio.timeout(WAIT_S):
        while True:
            moved = service.pulse.moved
            found = await dial_of(service.store).standing(TENANT, SWITCH, SOURCE)
            if wanted(found):
                return found
            await moved.wait()


async def test_a_dialled_call_and_the_words_of_its_switch(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    async with (
        product(kafka, kafka_prefix, postgres_url) as service,
        plain_producer(kafka.bootstrap, acks="all") as producer,
    ):
        await dialled_on(service)
        heard = asyncio.Event()
        dial_of(service.store).wake(heard)
        beat = event("switchHeartbeat", SWITCH, {}, family="switch")
        await producer.send_and_wait(kafka_prefix + "switches.events", beat, key=key_of(SWITCH).encode())
        began_ms = time.time() * 1000
        believed = await standing(service, lambda found: found.word is not None and found.word.trusted)
        assert believed.last_word_ms is not None
        assert abs(believed.last_word_ms - began_ms) < 60_000
        later_ms = began_ms + 3_000
        gone_on = await standing(service, lambda found: found.word is not None and found.word.appended_at_ms > later_ms)
        assert gone_on.last_word_ms == believed.last_word_ms, "the log is read on, the switch is silent"

        heard.clear()
        started = {"direction": "outbound", "called": "+8613800001234", "connection": "c"}
        text = event("originated", "7", started).replace(
            b'"specversion"', f'"commandid": "{ORDER}", "specversion"'.encode()
        )
        await producer.send_and_wait(kafka_prefix + "calls.events", text, key=key_of("7").encode())
        async with asyncio.timeout(WAIT_S):
            await heard.wait()
        (fact,) = await dial_of(service.store).read_facts(TENANT, SWITCH, LANE)
        assert (fact.commandid, fact.call_id) == (ORDER, call_id(TENANT, SOURCE, "7", 0))
        assert rfc3339(fact.opened_at_ms) in text.decode()
        assert len(service.engine.positions) == 3 * PARTITIONS, "calls, agents, switches"
