"""Fixtures every test may ask for."""

import logging
from collections.abc import Iterator

import pytest
import structlog

from tests.kafka import kafka, kafka_prefix
from tests.postgres import postgres, postgres_url

__all__ = ["kafka", "kafka_prefix", "postgres", "postgres_url"]


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """A command sets logging up for its process; a test shares one with all others."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers, root.level, logging.raiseExceptions
    logging.captureWarnings(False)  # a test without this fixture may have left it on, and on it stays as it was
    yield
    structlog.reset_defaults()
    logging.captureWarnings(False)
    logging.raiseExceptions = raises
    root.handlers = handlers
    root.setLevel(level)
