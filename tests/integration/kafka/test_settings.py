"""What the settings say to Kafka's clients, and what the clients made of it."""

import pytest
from pydantic import SecretStr

from cti.adapters.clock import SystemClock, VirtualClock
from cti.adapters.event_log_kafka import settings as kafka_settings
from cti.adapters.event_log_kafka.settings import KafkaOptions, kafka_options, make_consumer, make_producer
from cti.adapters.store import KafkaStore, open_store
from cti.errors import LedgerAway, LogAway, LogTruncated, SettingsMistake
from cti.rows import Round
from cti.settings import Settings
from tests.contract.reading import all_of
from tests.contract.rows import fence
from tests.integration.kafka.site import appending, offered, plain_admin, small
from tests.kafka import KafkaBroker


def test_without_servers_there_is_no_kafka() -> None:
    assert kafka_options(Settings()) is None


def test_every_setting_reaches_the_options_and_the_password_is_not_shown() -> None:
    settings = Settings(
        kafka_bootstrap="one:9092,two:9092", kafka_prefix="grid.", kafka_tenant="grid", kafka_partitions=3,
        kafka_retention_days=0.5, kafka_security="SASL_SSL", kafka_username="me", kafka_password=SecretStr("hush"),
    )  # fmt: skip
    options = kafka_options(settings)
    assert options is not None
    assert (options.bootstrap, options.prefix, options.tenant) == ("one:9092,two:9092", "grid.", "grid")
    assert (options.partitions, options.retention_ms) == (3, 43_200_000)
    assert (options.username, options.password) == ("me", "hush")
    assert "hush" not in repr(options) + repr(settings) + str(settings.shown())
    assert settings.shown()["kafka_password"] == "**********"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"kafka_min_insync": 4}, "kafka_min_insync"),
        ({"kafka_security": "SASL_SSL"}, "kafka_username"),
        ({"kafka_compression": "rar"}, "RINGBACK_KAFKA_COMPRESSION"),
        ({"kafka_prefix": "two words"}, "RINGBACK_KAFKA_PREFIX"),
        ({"kafka_tenant": "Grid"}, "RINGBACK_KAFKA_TENANT"),
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, object], told: str) -> None:
    with pytest.raises(SettingsMistake, match=told):
        Settings.read(**given)


@pytest.mark.parametrize("safe", ["SAFE_CONSUMER", "SAFE_PRODUCER", "SAFE_SENDER"])
async def test_a_client_that_took_no_notice_is_found(safe: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make = make_consumer if safe == "SAFE_CONSUMER" else make_producer
    monkeypatch.setattr(kafka_settings, safe, {"_acks": 7})
    with pytest.raises(SettingsMistake, match="7 is safe"):
        make(KafkaOptions("127.0.0.1:1"))


def test_the_ledger_beside_kafka_is_shared() -> None:
    options = KafkaOptions("127.0.0.1:1")
    for url in ("memory:", "sqlite:///ringback.db"):
        with pytest.raises(SettingsMistake, match="PostgreSQL"):
            open_store(url, SystemClock(), 4, server_clock=True, kafka=options)
    with pytest.raises(SettingsMistake, match="scaled clock"):
        open_store("postgresql:///any", VirtualClock(0), 4, kafka=options)


async def test_a_store_of_kafka_and_postgresql(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    options = small(kafka.bootstrap, kafka_prefix)
    async with open_store(postgres_url, SystemClock(), 1, server_clock=True, kafka=options) as store:
        assert isinstance(store, KafkaStore)
        item = appending(offered("a"))
        await store.log.append([item])
        assert [entry.body for entry in await all_of(store.log)] == [item.body]
        claims = await store.ledger.claim("one", store.log.partitions)
        assert [claim.partition for claim in claims] == list(range(6))
        assert await store.log.purge(2**60) == 0
    with pytest.raises(LogAway):
        await store.log.append([item])
    with pytest.raises(LedgerAway):
        await store.ledger.agents()


async def test_a_topic_that_is_gone_is_not_made_anew_under_a_ledger_that_has_read_it(
    kafka: KafkaBroker, kafka_prefix: str, postgres_url: str
) -> None:
    options, topic = small(kafka.bootstrap, kafka_prefix), kafka_prefix + "agents.events"
    async with open_store(postgres_url, SystemClock(), 1, server_clock=True, kafka=options) as store:
        claims = await store.ledger.claim("one", store.log.partitions)
        await store.ledger.commit(Round(fences=[fence(claims[1], 5)]))
    async with plain_admin(kafka.bootstrap) as admin:
        await admin.delete_topics([topic, kafka_prefix + "switches.events"])
        with pytest.raises(LogTruncated, match=f"topic {topic}, which this ledger has read from, is not there"):
            async with open_store(postgres_url, SystemClock(), 1, server_clock=True, kafka=options):
                pass
        assert topic not in await admin.list_topics()
