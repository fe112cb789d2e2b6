"""A broker, a ledger and processes of the product between them: what the cluster's figures are taken on."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tests.benchmarks.product import Product
from tests.kafka import KafkaBroker, own_broker
from tests.postgres import PostgresServer, running_server

PARTITIONS = 4


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


class KafkaRun(Product):
    """Processes on one database and its topics, ended with the run."""

    def __init__(self, bootstrap: str, db: str, prefix: str) -> None:
        self.bootstrap, self.prefix = bootstrap, prefix
        topics = {
            "RINGBACK_KAFKA_BOOTSTRAP": bootstrap, "RINGBACK_KAFKA_PREFIX": prefix,
            "RINGBACK_KAFKA_PARTITIONS": str(PARTITIONS), "RINGBACK_KAFKA_REPLICATION": "1",
            "RINGBACK_KAFKA_MIN_INSYNC": "1", "RINGBACK_KAFKA_TENANT": "bench",
        }  # fmt: skip
        super().__init__(db, topics)

    def committed(self) -> dict[int, int]:
        """The ledger's positions."""
        with psycopg.connect(self.address) as connection:
            return dict(connection.execute("SELECT partition, position FROM partitions").fetchall())

    def owners(self) -> int:
        """How many engines own partitions."""
        with psycopg.connect(self.address) as connection:
            found = connection.execute("SELECT count(DISTINCT owner) FROM partitions WHERE owner <> ''").fetchone()
        return int(found[0]) if found else 0


@contextmanager
def _run(bootstrap: str, db: str, prefix: str) -> Iterator[KafkaRun]:
    run = KafkaRun(bootstrap, db, prefix)
    try:
        yield run
    finally:
        run.stop()
