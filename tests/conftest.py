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
from tests.kafka import kafka, kafka_connections, kafka_prefix
from tests.postgres import postgres, postgres_url
from tests.ready import postgres_ready_url, postgres_upgraded

__all__ = [
    "kafka",
    "kafka_connections",
    "kafka_prefix",
    "postgres",
    "postgres_ready_url",
    "postgres_upgraded",
    "postgres_url",
]

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
# No test judges by a wall clock: an example has no deadline, and slow data is no failure. Examples are the same in each
# run, so that a change is judged and not luck. `pytest --hypothesis-profile=seek` tries others each time.
SLOW_IS_FINE = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile("seek", deadline=None, suppress_health_check=SLOW_IS_FINE)
hypothesis.settings.register_profile("same", hypothesis.settings.get_profile("seek"), derandomize=True, database=None)
hypothesis.settings.load_profile("same")
# They start processes and kill, hold up or hurry them: nothing that only computes may stand in their way. What only
# judges figures or talks to the broker of the session is not among them.
PROCESSES = (
    "faults/test_crash.py",
    "hostile/test_hostile.py",
    "integration/kafka/test_faults.py",
    "integration/kafka/test_quickstart.py",
    "integration/test_campaign_quickstart.py",
    "integration/test_one_server.py",
    "integration/test_outbound_quickstart.py",
    "integration/test_process_faults.py",
    "integration/test_simulated_outbound_served.py",
    "rooms/test_processes.py",
    "upgrade/test_beside.py",
)
# `make test` has a quarter of an hour. Here are whole clusters with servers of their own, and what is in `make test` by
# another of its kind: campaigns on PostgreSQL that it plays on SQLite, further crashes, planted changes and mutants.
# Words: of a file only the tests with one of them in their names.
ALL: tuple[str, ...] = ("",)
LONG = {
    "campaigns/test_drill.py": ("postgresql", "nobody_acts"),
    "campaigns": ("postgresql",),
    "faults/test_cluster.py": ALL,
    "faults/test_crash_campaigns.py": ALL,
    "integration/kafka/test_brokers.py": ALL,
    "mutation": ALL,
    "simulation/test_campaigns.py": ("planted",),
}
PARTS = ("together", "processes", "long")
# Half a minute each: begun last, they would leave the other processors without work at the end.
FIRST = (
    "simulation/test_campaigns.py", "simulation/test_orders.py", "campaigns/test_drill.py", "campaigns/test_whole.py",
    "campaigns/api/test_schemathesis.py", "integration/test_openapi_schemathesis.py",
)  # fmt: skip


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--part`: each test is in one part; without the option all are run."""
    what = "what starts and kills processes, what is long, or the others"
    parser.addoption("--part", choices=PARTS, help=what)


def is_under(path: Path, place: str) -> bool:
    return path.is_relative_to(TESTS / place)


def long_if(path: Path) -> tuple[str, ...]:
    """What is in the names of the long tests of this file; nothing where none is long."""
    return next((words for place, words in LONG.items() if is_under(path, place)), ())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out the files that have nothing of the part that was asked for."""
    part = config.getoption("--part")
    if part is None or not collection_path.is_file() or not collection_path.is_relative_to(TESTS):
        return None
    words = long_if(collection_path)
    of_processes = any(is_under(collection_path, place) for place in PROCESSES)
    parts = {"long"} if words else set[str]()
    if words != ALL:
        parts.add("processes" if of_processes else "together")
    return None if part in parts else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of another part. They are not counted as deselected: another run of the suite has them."""
    part = config.getoption("--part")
    if part is not None:
        items[:] = [item for item in items if (part == "long") == is_long(item)]
    if part == "together":
        items[:] = longest_first(items, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))


def longest_first(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """Each worker begins with one part of the list, as long as the others', and takes from the ends of those later."""
    first = [item for item in items if any(is_under(item.path, place) for place in FIRST)]
    begun = set(first)
    others = [item for item in items if item not in begun]
    ordered, done = list[pytest.Item](), 0
    for worker in range(workers):
        own = first[worker::workers]
        count = (len(items) - len(ordered)) // (workers - worker) - len(own)
        ordered += [*own, *others[done : done + count]]
        done += count
    return ordered


def is_long(item: pytest.Item) -> bool:
    return any(word in item.name for word in long_if(item.path))


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
