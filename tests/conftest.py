"""Fixtures every test may ask for."""

from tests.kafka import kafka, kafka_prefix
from tests.postgres import postgres, postgres_url

__all__ = ["kafka", "kafka_prefix", "postgres", "postgres_url"]
