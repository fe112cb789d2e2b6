"""Options of the Kafka log, and the clients made from them.

Every aiokafka default that could lose or repeat records is set here by name, and verified in the client made with it:
a client that ignored a setting is found at start, not after a failure.
"""

import ssl
from dataclasses import dataclass, field
from typing import Any, Literal

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient

from cti.adapters.event_log_kafka.unpacking import tolerate_any_header
from cti.errors import SettingsMistake
from cti.settings import Settings

Protocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
Compression = Literal["none", "gzip", "lz4", "zstd"]

REQUEST_MAX_MS = 10_000  # a broker silent for this long is retried over a new connection
BACKOFF_MS = 100
BATCH_BYTES = 256 * 1024  # before compression; one larger record makes a batch of its own
REQUEST_BYTES_MAX = 2 * 1024 * 1024  # a snapshot of 1 MB with its key and headers, and room
BODY_BYTES_MAX = REQUEST_BYTES_MAX - 64 * 1024  # of one record; the rest is for key and headers
FETCH_MAX_WAIT_MS = 100
FETCH_PARTITION_BYTES = 512 * 1024
FETCH_BYTES = 16 * 1024 * 1024
# What each client must hold, under aiokafka's own attribute names.
SAFE_PRODUCER = {"_request_timeout_ms": REQUEST_MAX_MS}
SAFE_SENDER = {"_acks": -1}
SAFE_CONSUMER = {"_group_id": None, "_enable_auto_commit": False, "_auto_offset_reset": "none"}
SAFE_COMMITTER = {"_enable_auto_commit": False, "_auto_offset_reset": "none"}


@dataclass(frozen=True, slots=True)
class KafkaOptions:
    """The cluster and the topics' configuration. `partitions`: of each event topic."""

    bootstrap: str
    prefix: str = "ringback."
    tenant: str = "default"  # of an event that names no tenant
    partitions: int = 8
    replication: int = 3
    min_insync: int = 2
    retention_ms: int = 7 * 86_400_000
    compression: Compression = "lz4"
    group: str = "ringback"
    security: Protocol = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


def kafka_options(settings: Settings) -> KafkaOptions | None:
    """The options from the settings; None without a cluster."""
    if not settings.kafka_bootstrap:
        return None
    return KafkaOptions(
        bootstrap=settings.kafka_bootstrap,
        prefix=settings.kafka_prefix,
        tenant=settings.kafka_tenant,
        partitions=settings.kafka_partitions,
        replication=settings.kafka_replication,
        min_insync=settings.kafka_min_insync,
        retention_ms=round(settings.kafka_retention_days * 86_400_000),
        compression=settings.kafka_compression,
        group=settings.kafka_group,
        security=settings.kafka_security,
        mechanism=settings.kafka_mechanism,
        username=settings.kafka_username,
        password=settings.kafka_password.get_secret_value(),
        ca_file=settings.kafka_ca_file,
        cert_file=settings.kafka_cert_file,
        key_file=settings.kafka_key_file,
    )


def make_producer(options: KafkaOptions) -> AIOKafkaProducer:
    """A producer that neither loses nor repeats: idempotent, acks=all."""
    producer = AIOKafkaProducer(
        **_client(options),
        acks="all",
        enable_idempotence=True,
        compression_type=None if options.compression == "none" else options.compression,
        max_batch_size=BATCH_BYTES,
        max_request_size=REQUEST_BYTES_MAX,
        linger_ms=0,  # the writer batches while another batch is in flight
    )
    try:
        _check(producer, SAFE_PRODUCER)
        _check(vars(producer)["_sender"], SAFE_SENDER)
        if vars(producer).get("_txn_manager") is None:
            raise SettingsMistake("the Kafka producer is not idempotent although configured so")
    except SettingsMistake:
        vars(producer)["_closed"] = True  # it was never opened
        raise
    return producer


def make_consumer(options: KafkaOptions) -> AIOKafkaConsumer:
    """A consumer without a group: partitions and offsets are given to it; it commits nothing."""
    return _consumer(options, None, SAFE_CONSUMER)


def make_committer(options: KafkaOptions) -> AIOKafkaConsumer:
    """A consumer that fetches nothing and commits given offsets under the group id."""
    return _consumer(options, options.group, SAFE_COMMITTER)


def make_admin(options: KafkaOptions) -> AIOKafkaAdminClient:
    return AIOKafkaAdminClient(**_client(options))


def _consumer(options: KafkaOptions, group: str | None, safe: dict[str, Any]) -> AIOKafkaConsumer:
    tolerate_any_header()
    consumer = AIOKafkaConsumer(
        **_client(options),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_uncommitted",  # an open transaction of another producer must not block a partition
        fetch_min_bytes=1,
        fetch_max_wait_ms=FETCH_MAX_WAIT_MS,
        fetch_max_bytes=FETCH_BYTES,
        max_partition_fetch_bytes=FETCH_PARTITION_BYTES,
    )
    try:
        _check(consumer, safe)
    except SettingsMistake:
        vars(consumer)["_closed"] = True  # it was never opened
        raise
    return consumer


def _check(client: object, safe: dict[str, Any]) -> None:
    """Raises SettingsMistake where the client holds a value other than the safe one."""
    for name, wanted in safe.items():
        found = vars(client).get(name, "nothing")
        if found != wanted:
            raise SettingsMistake(f"the Kafka client has {name}={found!r}, {wanted!r} is safe")


def _client(options: KafkaOptions) -> dict[str, Any]:
    """Arguments of every client. Raises SettingsMistake when a certificate cannot be read."""
    shared: dict[str, Any] = {
        "bootstrap_servers": [server.strip() for server in options.bootstrap.split(",")],
        "client_id": "ringback",
        "request_timeout_ms": REQUEST_MAX_MS,
        "retry_backoff_ms": BACKOFF_MS,
        "metadata_max_age_ms": 60_000,
        "security_protocol": options.security,
    }
    if options.security in ("SSL", "SASL_SSL"):
        shared["ssl_context"] = _tls(options)
    if options.security.startswith("SASL_"):
        shared["sasl_mechanism"] = options.mechanism
        shared["sasl_plain_username"] = options.username
        shared["sasl_plain_password"] = options.password
    return shared


def _tls(options: KafkaOptions) -> ssl.SSLContext:
    """Host names are verified; the system's certificate authorities apply unless a file names others."""
    try:
        context = ssl.create_default_context(cafile=options.ca_file or None)
        if options.cert_file:
            # Without a password argument an encrypted key would prompt at the terminal and block the start.
            context.load_cert_chain(options.cert_file, options.key_file or None, password="")
    except OSError as error:  # ssl.SSLError is one
        named = ", ".join(filter(None, (options.ca_file, options.cert_file, options.key_file)))
        raise SettingsMistake(f"Kafka's certificates cannot be read ({named}): {error}") from None
    return context
