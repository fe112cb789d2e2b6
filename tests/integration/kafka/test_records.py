"""What integrators write to the topics themselves: read in both modes, and set aside where it fits neither."""

import json
from typing import Any

import pytest
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

from cti.adapters.event_log_kafka.log import KafkaEventLog
from cti.ports import Entry
from schemas.envelope import event_of
from schemas.reasons import DeadLetter
from tests.contract.reading import all_of
from tests.integration.kafka.site import PARTITIONS, SOURCE, appending, key_of, offered, plain_producer, running, small
from tests.kafka import KafkaBroker

BINARY = [
    ("ce_specversion", b"1.0"),
    ("ce_id", b"e-1"),
    ("ce_source", SOURCE.encode()),
    ("ce_type", b"ringback.call.offered.v1"),
    ("ce_subject", "Störung 95598".encode()),
    ("ce_time", b"2026-03-02T01:00:12.000Z"),
    ("ce_sequence", b"17"),
    ("content-type", b"application/json"),
]
CODECS = [None, "gzip", "snappy", "lz4", "zstd"]  # by their numbers in Kafka
DATA = b'{"calling": "1", "called": "2", "direction": "inbound"}'


async def written(
    kafka: KafkaBroker, prefix: str, records: list[dict[str, Any]], topic: str = "calls.events"
) -> list[Entry]:
    """What the log gives for these records, each written by a plain client under `key`."""
    async with running(small(kafka.bootstrap, prefix)) as log, plain_producer(kafka.bootstrap) as producer:
        for record in records:
            await producer.send_and_wait(prefix + topic, **record)
        return await all_of(log)


async def test_structured_mode_is_read_as_it_stands(kafka: KafkaBroker, kafka_prefix: str) -> None:
    bodies = [json.dumps(offered(f"call {n}"), indent=1).encode() for n in range(20)]
    media = [("content-type", b"application/cloudevents+json; charset=utf-8")]
    records = [
        {"key": key_of(f"call {n}").encode(), "value": body, "headers": media if n % 2 else None}
        for n, body in enumerate(bodies)
    ]
    entries = await written(kafka, kafka_prefix, records)
    assert sorted(entry.body for entry in entries) == sorted(bodies)
    assert {(entry.tenant, entry.unfit) for entry in entries} == {("grid", None)}


async def test_binary_mode_is_written_out_as_structured_json(kafka: KafkaBroker, kafka_prefix: str) -> None:
    record = {"key": key_of("Störung 95598").encode(), "value": DATA, "headers": BINARY}
    (entry,) = await written(kafka, kafka_prefix, [record])
    assert entry.unfit is None
    assert entry.body.endswith(b',"data":' + DATA + b"}")
    event = event_of(entry.body)
    assert (event.id, event.subject, event.kind, event.sequence) == ("e-1", "Störung 95598", "offered", 17)
    assert event.known
    assert event.data["direction"] == "inbound"


async def test_the_tenant_is_that_of_the_extension_else_of_the_topics(kafka: KafkaBroker, kafka_prefix: str) -> None:
    def under(tenant: str, subject: str) -> bytes:
        return f"{tenant}:{SOURCE}:{subject}".encode()

    other = json.dumps(offered("a", tenant="water")).encode()
    deep = json.dumps({**offered("b"), "data": {"private": {"tenant": "water"}}}).encode()
    entries = await written(
        kafka,
        kafka_prefix,
        [
            {"key": under("water", "a"), "value": other},
            {"key": under("grid", "b"), "value": deep},
            {"key": under("heat", "c"), "value": DATA, "headers": [*BINARY, ("ce_tenant", b"heat")]},
        ],
    )
    assert {entry.tenant for entry in entries if entry.body == other} == {"water"}
    assert {entry.tenant for entry in entries if entry.body == deep} == {"grid"}
    assert sorted(entry.tenant for entry in entries) == ["grid", "heat", "water"]


async def test_what_a_client_over_http_says_of_the_tenant_is_not_believed(
    kafka: KafkaBroker, kafka_prefix: str
) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        mine, another = appending(offered("a", tenant="water")), appending(offered("b"), tenant="heat")
        await log.append([mine, another])
        entries = {entry.body: entry.tenant for entry in await all_of(log)}
    assert entries == {mine.body: "grid", another.body: "heat"}


async def test_a_call_in_a_wrong_partition_is_marked(kafka: KafkaBroker, kafka_prefix: str) -> None:
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        right = log.partition_of(key_of("a")) // 3
    body = json.dumps(offered("a")).encode()
    records = [{"key": key_of("a").encode(), "value": body, "partition": n} for n in (right, 1 - right, right)]
    entries = await written(kafka, kafka_prefix, [*records, {"value": body, "partition": right}])
    assert [entry.body for entry in entries] == [body] * 4
    wrong = [entry for entry in entries if entry.unfit is not None]
    assert {reason for entry in wrong for reason in entry.unfit[:1]} == {DeadLetter.WRONG_PARTITION}
    assert sorted(entry.partition for entry in wrong) == [0, 3]
    assert any(f"belongs to partition {right}" in entry.unfit[1] for entry in wrong if entry.partition != right * 3)
    assert any("no key" in entry.unfit[1] for entry in wrong if entry.partition == right * 3)


async def test_what_cannot_be_read_is_marked_and_stops_nothing(kafka: KafkaBroker, kafka_prefix: str) -> None:
    key, good = key_of("a").encode(), json.dumps(offered("a")).encode()
    bad: list[dict[str, Any]] = [
        {"value": None},
        {"value": b""},
        {"value": b"<xml/>", "headers": [("content-type", b"text/xml")]},
        {"value": b"[]", "headers": [("content-type", b"application/cloudevents-batch+json")]},
        {"value": b"\xff{", "headers": BINARY},
        {"value": DATA, "headers": [*BINARY, ("ce_id", b"e-2")]},
        {"value": DATA, "headers": [("ce_id", b"\xff\xfe")]},
        {"value": DATA, "headers": [("ce_data", b"1")]},
        {"value": DATA, "headers": [*BINARY, ("ce_tenant", b"no tenant!")]},
    ]
    entries = await written(kafka, kafka_prefix, [{"key": key, **record} for record in [*bad, {"value": good}]])
    assert [entry.body for entry in entries] == [record["value"] or b"" for record in bad] + [good]
    reasons = [entry.unfit[0] if entry.unfit else None for entry in entries]
    assert reasons == [DeadLetter.UNREADABLE] * len(bad) + [None]
    told = [entry.unfit[1] for entry in entries if entry.unfit]
    assert "no value" in told[0]
    assert "text/xml" in told[2]
    assert "ce_id is repeated" in told[5]


async def test_headers_without_a_value_are_none(kafka: KafkaBroker, kafka_prefix: str) -> None:
    key, good = key_of("a").encode(), json.dumps(offered("a")).encode()
    nothing = [(name, None) for name in ("content-type", "traceparent", "")]
    binary = [*BINARY[:-1], ("content-type", None)]
    entries = await written(
        kafka,
        kafka_prefix,
        [
            {"key": key, "value": good, "headers": nothing},
            {"key": key_of("Störung 95598").encode(), "value": DATA, "headers": binary},
        ],
    )
    assert min(entry.body for entry in entries) == good
    assert [entry.unfit for entry in entries] == [None, None]


@pytest.mark.parametrize("compression", CODECS)
async def test_names_of_headers_that_are_no_text_stop_nothing(
    kafka: KafkaBroker, kafka_prefix: str, compression: str | None
) -> None:
    bodies = [json.dumps(offered("a", sequence=str(n))).encode() for n in range(6)]
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        place = log.partition_of(key_of("a")) // 3
        async with plain_producer(kafka.bootstrap, compression_type=compression) as producer:
            for some in (bodies[:4], bodies[4:]):
                batch = producer.create_batch()
                vars(batch)["_builder"] = _DefaultRecordBatchBuilderPy(
                    2, CODECS.index(compression), 0, -1, -1, 0, 99_999
                )
                for n, body in enumerate(some):
                    headers = [(Gbk("分机"), b"1001")] if n == 2 else []
                    batch.append(timestamp=None, key=key_of("a").encode(), value=body, headers=headers)
                batch.close()
                await (await producer.send_batch(batch, kafka_prefix + "calls.events", partition=place))
        entries = await all_of(log)
    assert [(entry.body, entry.unfit) for entry in entries] == [(body, None) for body in bodies]


class Gbk(str):
    """Text that is written in an encoding of its own, whatever the client asks for."""

    __slots__ = ()

    def encode(self, *_: str) -> bytes:
        return super().encode("gbk")


async def test_bytes_that_are_no_json_are_for_the_engine_to_judge(kafka: KafkaBroker, kafka_prefix: str) -> None:
    (entry,) = await written(kafka, kafka_prefix, [{"key": key_of("a").encode(), "value": b"no json"}])
    assert (entry.body, entry.unfit) == (b"no json", None)


async def test_families_have_their_topics_and_switch_events_go_everywhere(
    kafka: KafkaBroker, kafka_prefix: str
) -> None:
    agent = {**offered("1001"), "type": "ringback.agent.agentReady.v1", "data": {}}
    beat = {**offered("one"), "type": "ringback.switch.switchHeartbeat.v1", "data": {}}
    async with running(small(kafka.bootstrap, kafka_prefix)) as log:
        places = await log.append(
            [appending(offered("a")), appending(agent), appending(beat, everywhere=True), appending(beat)]
        )
        entries = await all_of(log)
        await _as_numbered(log, places)
    copies = [entry.partition for entry in entries if b"Heartbeat" in entry.body]
    assert sorted(copies) == sorted([*(n for n in range(3 * PARTITIONS) if n % 3 != 2), places[3][0]])
    assert {entry.unfit for entry in entries} == {None}


async def _as_numbered(log: KafkaEventLog, places: list[tuple[int, int]]) -> None:
    assert places[0][0] == log.partition_of(key_of("a"), "call")
    assert places[0][0] % 3 == 0
    assert places[1][0] == log.partition_of(key_of("1001"), "agent")
    assert places[1][0] % 3 == 1
    assert places[2][0] == 0
    assert places[3][0] == log.partition_of(key_of("one"), "switch")
    assert places[3][0] % 3 == 2
    assert [log.passes_on(place[0]) for place in places] == [False, False, False, True]
