"""Every test here talks to Kafka."""

import pytest


@pytest.fixture(autouse=True)
def connections_closed(kafka_connections: None) -> None:
    """See `tests.kafka`."""
