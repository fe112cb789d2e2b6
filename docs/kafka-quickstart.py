#!/usr/bin/env python3
"""A small telephone switch that speaks Kafka: one call into the topics, and what Ringback makes of it out of them.

    BOOTSTRAP=127.0.0.1:9092 URL=http://127.0.0.1:8080 KEY=rbk_... docs/kafka-quickstart.py

KEY needs the scope events:write, for one request: what a switch can do it says over HTTP. TENANT is the key's tenant
(else RINGBACK_KAFKA_TENANT's default), PREFIX what the topics' names begin with. Besides Python 3.11 it wants aiokafka.
Exit code 0: orders, record, breach, and what is no event came back as they should.
"""

import asyncio
import json
import os
import sys
import time
import urllib.request
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

BOOTSTRAP = os.environ.get("BOOTSTRAP", "127.0.0.1:9092")
URL, KEY = os.environ.get("URL", "http://127.0.0.1:8080"), os.environ.get("KEY", "")
TENANT, PREFIX = os.environ.get("TENANT", "default"), os.environ.get("PREFIX", "ringback.")
SWITCH = os.environ.get("SWITCH", "kafka-quickstart")
SOURCE = f"/switches/{SWITCH}"
CALL = f"call-{time.time_ns():x}"  # as this switch names it; another one in each run
COPIES = ("commands", "calls.records", "calls.breaches", "dead-letters")
WAIT_S = 60.0
GARBLED = f'{{"specversion": "1.0", "subject": "{CALL}", '.encode()


def declare() -> None:
    """Say over HTTP what this switch can do. Once is enough: it is remembered."""
    request = urllib.request.Request(
        f"{URL}/v1/switches/{SWITCH}",
        method="PUT",
        data=json.dumps({"commands": ["promptAgent"], "if_other_ready": True}).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        assert answer.status == 200


# -- events in ---------------------------------------------------------------------------------------------------------


class Switch:
    """Posts events of one call, under the one key that keeps them in order."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._topic, self._key = f"{PREFIX}calls.events", f"{TENANT}:{SOURCE}:{CALL}".encode()

    async def structured(self, kind: str, data: dict, **more: str) -> None:
        """The whole event is the value."""
        event = {**attributes(kind), **more, "data": data}
        headers = [("content-type", b"application/cloudevents+json")]
        await self._producer.send_and_wait(self._topic, json.dumps(event).encode(), key=self._key, headers=headers)

    async def binary(self, kind: str, data: dict) -> None:
        """The attributes are headers; the value is `data` alone."""
        headers = [(f"ce_{name}", text.encode()) for name, text in attributes(kind).items()]
        headers.append(("content-type", b"application/json"))
        await self._producer.send_and_wait(self._topic, json.dumps(data).encode(), key=self._key, headers=headers)

    async def garbled(self) -> None:
        await self._producer.send_and_wait(self._topic, GARBLED, key=self._key)


def attributes(kind: str) -> dict[str, str]:
    """Of an event that happens now. Sent again it must have the same id and the same bytes."""
    return {
        "specversion": "1.0",
        "id": f"{CALL}-{kind}",
        "source": SOURCE,
        "type": f"ringback.call.{kind}.v1",
        "subject": CALL,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
    }


# -- copies out --------------------------------------------------------------------------------------------------------


class Outbox:
    """Reads what Ringback tells. A copy may come twice: its id says so."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._seen: set[tuple[str, bytes]] = set()
        self._waiting: dict[str, list[dict]] = {topic: [] for topic in COPIES}

    async def next(self, topic: str) -> dict:
        """The next copy in this topic that is about our call. Topics keep no order among each other."""
        async with asyncio.timeout(WAIT_S):
            while not self._waiting[topic]:
                record = await self._consumer.getone()
                name = (record.topic, dict(record.headers)["ringback-id"])
                if CALL.encode() in record.value and name not in self._seen:
                    self._seen.add(name)
                    found = record.topic.removeprefix(PREFIX)
                    self._waiting[found].append(show(found, record))
        return self._waiting[topic].pop(0)


def show(topic: str, record) -> dict:
    headers = ", ".join(f"{name}: {value.decode()}" for name, value in record.headers)
    print(f"\n{topic}   key {record.key.decode()}   {headers}\n  {record.value.decode()}", flush=True)
    return {} if topic == "dead-letters" else json.loads(record.value)


# -- a call ------------------------------------------------------------------------------------------------------------

CALLER, AGENT = {"connection": "c"}, {"connection": "a", "device": "SIP/1001", "agent": "1001"}


async def call(switch: Switch, outbox: Outbox) -> None:
    """A caller comes, 1001 answers, puts the caller on hold, and in the end hangs up first."""
    await switch.structured(
        "offered", {**CALLER, "calling": "+8679186261234", "called": "95598", "direction": "inbound"}
    )
    await switch.binary("queued", {**CALLER, "queue": "faults"})
    await switch.binary("delivered", AGENT)
    await switch.structured("established", AGENT)
    await switch.structured("held", {**CALLER, "holdingDevice": "SIP/1001"})

    await obey(switch, await outbox.next("commands"), "hold_inform")  # HOLD-1: tell the caller
    await switch.structured("retrieved", {**CALLER, "holdingDevice": "SIP/1001"})
    await obey(switch, await outbox.next("commands"), "hold_thanks")  # HOLD-1: thank the caller
    await switch.structured("connectionCleared", {"connection": "a", "releasingDevice": "SIP/1001"})
    await switch.structured("callCleared", {})
    await switch.garbled()

    record = await outbox.next("calls.records")
    assert (record["subject"], record["outcome"], record["released_by"]) == (CALL, "answered", "agent"), record
    breach = await outbox.next("calls.breaches")
    assert (breach["rule"], breach["call"], breach["agent"]) == ("END-1", record["call"], "1001"), breach
    await outbox.next("dead-letters")  # what was no event, byte for byte


async def obey(switch: Switch, order: dict, message: str) -> None:
    """Do as we are told, and say so: the result is an event of the call."""
    assert (order["rule"], order["command"], order["agent"]) == ("HOLD-1", "promptAgent", "1001"), order
    assert order["message"] == message, order
    name = order["id"]
    result = {"commandid": name, "state": "done"}
    await switch.structured("commandResult", result, id=f"result-{name}-done", commandid=name)


async def main() -> int:
    await asyncio.to_thread(declare)
    consumer = AIOKafkaConsumer(*(PREFIX + topic for topic in COPIES), bootstrap_servers=BOOTSTRAP)
    # Acknowledged by all replicas in sync, and never twice by itself; the partitioner is murmur2, aiokafka's own.
    producer = AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, acks="all", enable_idempotence=True)
    async with consumer, producer:
        await consumer.seek_to_end()
        await call(Switch(producer), Outbox(consumer))
    return 0


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
