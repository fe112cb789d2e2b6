"""What the tests of Kafka leave behind."""

from aiokafka.conn import AIOKafkaConnection

from tests.kafka import KafkaBroker, closed_connections


async def test_a_connection_that_its_client_forgot_is_closed(kafka: KafkaBroker) -> None:
    host, port = kafka.bootstrap.split(":")
    with closed_connections():
        forgotten = AIOKafkaConnection(host, int(port))
        await forgotten.connect()
        assert forgotten.connected()
    assert not forgotten.connected()
