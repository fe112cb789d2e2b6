"""Fixtures every test may ask for."""

import gc
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest
import structlog

from cti.sql import connections
from tests.kafka import kafka, kafka_prefix
from tests.postgres import postgres, postgres_url
from tests.ready import postgres_ready_url, postgres_upgraded

__all__ = ["kafka", "kafka_prefix", "postgres", "postgres_ready_url", "postgres_upgraded", "postgres_url"]

TESTS = Path(__file__).parent
# A commit on a disk takes milliseconds, and a whole campaign makes 1,500. No test cuts the power of the machine:
# what a killed process has written is there in memory too. `make bench` and `make faults` stay on the disk.
MEMORY, MEMORY_MIN = Path("/dev/shm"), 6 * 1024**3
if "TMPDIR" not in os.environ and MEMORY.is_dir() and shutil.disk_usage(MEMORY).free >= MEMORY_MIN:
    tempfile.tempdir = str(MEMORY)
# The product ends a transaction that stands still for 2 s. A test shares the processors with others, and may do so.
SHIPPED_WRITE_MS = connections.WRITE_MS
connections.WRITE_MS = 10 * SHIPPED_WRITE_MS
# Most of what a test makes is dropped at once. As often as is usual, a seventh of the time goes to the collector.
GC_THRESHOLDS = (50_000, 20, 50)
gc.disable()  # until all tests are collected
# No test judges by a wall clock, so an example has no deadline.
hypothesis.settings.register_profile("undated", deadline=None)
hypothesis.settings.load_profile("undated")
# They start processes and kill, hold up or hurry them: nothing that only computes may stand in their way. What only
# judges figures or talks to the broker of the session is not among them.
PROCESSES = (
    "faults/test_crash.py",
    "faults/test_crash_campaigns.py",
    "hostile/test_hostile.py",
    "integration/kafka/test_brokers.py",
    "integration/kafka/test_faults.py",
    "integration/kafka/test_quickstart.py",
    "integration/test_campaign_quickstart.py",
    "integration/test_one_server.py",
    "integration/test_outbound_quickstart.py",
    "integration/test_process_faults.py",
    "integration/test_simulated_outbound_served.py",
    "mutation",
    "rooms/test_processes.py",
    "upgrade/test_beside.py",
)


# Whole clusters with servers of their own, for minutes each.
CLUSTERS = ("faults/test_cluster.py",)
PARTS = ("together", "processes", "clusters")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part`: each test is in one part; without the option all are run."""
    what = "trials of whole clusters, those that start and kill processes, or the others"
    parser.addoption("--part", choices=PARTS, help=what)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files that are not of the part that was asked for."""
    part = config.getoption("--part")
    if part is None or not collection_path.is_file() or not collection_path.is_relative_to(TESTS):
        return None
    path = collection_path.relative_to(TESTS)
    lists = {"processes": PROCESSES, "clusters": CLUSTERS}
    own = next((name for name, paths in lists.items() if any(path.is_relative_to(each) for each in paths)), "together")
    return None if own == part else True


def pytest_collection_finish() -> None:
    """What was imported and collected stays: the collector would look through it again and again, and find nothing."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    gc.enable()


def log_plainly() -> None:
    """Where no command has set logging up: structlog would draw each traceback with all its values, for 10 s."""
    structlog.reset_defaults()
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[*structlog.get_config()["processors"][:-1], plain])


log_plainly()


@pytest.fixture
def shipped_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Transactions end as soon as in the product."""
    monkeypatch.setattr(connections, "WRITE_MS", SHIPPED_WRITE_MS)


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """A command sets logging up for its process; a test shares one with all others."""
    root = logging.getLogger()
    handlers, level, raises = root.handlers, root.level, logging.raiseExceptions
    logging.captureWarnings(False)  # a test without this fixture may have left it on, and on it stays as it was
    yield
    log_plainly()
    logging.captureWarnings(False)
    logging.raiseExceptions = raises
    root.handlers = handlers
    root.setLevel(level)
