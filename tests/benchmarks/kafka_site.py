"""A broker, a ledger and processes of the product between them: what the cluster's figures are taken on."""

import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psycopg
from sqlalchemy import make_url

from tests.faults.served import free_port
from tests.kafka import KafkaBroker, own_broker
from tests.postgres import PostgresServer, running_server

PARTITIONS = 4
READY_S, STOP_S, LOOK_S = 60.0, 30.0, 0.02


def pause() -> None:
    """Between two looks."""
    threading.Event().wait(LOOK_S)


@dataclass(slots=True)
class KafkaSite:
    """One broker and one ledger's server; a fresh database and fresh topics for every run."""

    kafka: KafkaBroker
    postgres: PostgresServer
    runs: int = 0

    @contextmanager
    def run(self) -> Iterator["KafkaRun"]:
        self.runs += 1
        db = self.postgres.create_database()
        prefix = f"bench{self.runs}."
        try:
            with _run(self.kafka.bootstrap, db, prefix) as found:
                yield found
        finally:
            self.postgres.drop_database(db)


@contextmanager
def kafka_site() -> Iterator[KafkaSite]:
    with own_broker() as kafka, running_server() as postgres:
        yield KafkaSite(kafka, postgres)


class KafkaRun:
    """Processes on one database and its topics, ended with the run."""

    def __init__(self, bootstrap: str, db: str, prefix: str) -> None:
        self.bootstrap, self.db, self.prefix = bootstrap, db, prefix
        self.environment = {
            "RINGBACK_DB": db, "RINGBACK_KAFKA_BOOTSTRAP": bootstrap, "RINGBACK_KAFKA_PREFIX": prefix,
            "RINGBACK_KAFKA_PARTITIONS": str(PARTITIONS), "RINGBACK_KAFKA_REPLICATION": "1",
            "RINGBACK_KAFKA_MIN_INSYNC": "1", "RINGBACK_KAFKA_TENANT": "bench", "RINGBACK_LOG_LEVEL": "warning",
        }  # fmt: skip
        self._address = make_url(db).set(drivername="postgresql").render_as_string(hide_password=False)
        self.processes: list[subprocess.Popen[bytes]] = []

    def start(self, role: str) -> str:
        """Start `ringback gateway` or `engine` and return its address when it is ready. Raises RuntimeError."""
        url = f"127.0.0.1:{free_port()}"
        command = [sys.executable, "-m", "cti", role, "--listen", url]
        self.processes.append(subprocess.Popen(command, env={**os.environ, **self.environment}))
        end = time.monotonic() + READY_S
        while time.monotonic() < end:
            with suppress(OSError), urllib.request.urlopen(f"http://{url}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return f"http://{url}"
            pause()
        raise RuntimeError(f"{role} was not ready within {READY_S} s")

    def committed(self) -> dict[int, int]:
        """The ledger's positions."""
        with psycopg.connect(self._address) as connection:
            return dict(connection.execute("SELECT partition, position FROM partitions").fetchall())

    def owners(self) -> int:
        """How many engines own partitions."""
        with psycopg.connect(self._address) as connection:
            found = connection.execute("SELECT count(DISTINCT owner) FROM partitions WHERE owner <> ''").fetchone()
        return int(found[0]) if found else 0

    def halt(self) -> None:
        """The engines stand still."""
        for process in self.processes[1:]:
            process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        for process in self.processes[1:]:
            process.send_signal(signal.SIGCONT)

    def kill(self, number: int) -> None:
        """kill -9."""
        self.processes[number].send_signal(signal.SIGKILL)
        self.processes[number].wait(STOP_S)

    def stop(self) -> None:
        self.go_on()
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def _run(bootstrap: str, db: str, prefix: str) -> Iterator[KafkaRun]:
    run = KafkaRun(bootstrap, db, prefix)
    try:
        yield run
    finally:
        run.stop()
