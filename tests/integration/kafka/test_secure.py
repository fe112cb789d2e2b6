"""A broker that wants to be asked over TLS, and by name."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization

from cti.adapters.event_log_kafka.inspection import inspect_topics
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.errors import LogAway, SettingsMistake
from tests.contract.reading import all_of
from tests.integration.kafka.site import appending, offered, running, small
from tests.kafka import PASSWORD, USER, KafkaBroker, own_broker


@pytest.fixture(scope="module")
def secure(kafka: KafkaBroker) -> Iterator[KafkaBroker]:
    """The session's broker, unless that is a cluster of which we know no such door."""
    if kafka.secure_bootstrap:
        yield kafka
        return
    with own_broker() as broker:
        yield broker


def options_of(broker: KafkaBroker, prefix: str) -> KafkaOptions:
    return small(
        broker.secure_bootstrap, prefix,
        security="SASL_SSL", username=USER, password=PASSWORD, ca_file=str(broker.ca_file),
    )  # fmt: skip


async def test_all_works_over_tls_with_a_login(secure: KafkaBroker, kafka_prefix: str) -> None:
    async with running(options_of(secure, kafka_prefix)) as log:
        item = appending(offered("a"))
        await log.append([item])
        assert [entry.body for entry in await all_of(log)] == [item.body]
        assert await log.tell_positions({0: 1})


async def test_a_wrong_password_and_an_unknown_authority_are_refused(secure: KafkaBroker, kafka_prefix: str) -> None:
    options = options_of(secure, kafka_prefix)
    for wrong in (replace(options, password="no"), replace(options, ca_file="")):
        with pytest.raises(LogAway):
            async with running(wrong):
                pass


async def test_certificates_that_cannot_be_read_are_a_mistake_of_the_settings(
    secure: KafkaBroker, kafka_prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("", "utf-8")
    options = options_of(secure, kafka_prefix)
    for name in ("missing.pem", "empty.pem"):
        with pytest.raises(SettingsMistake, match=name):
            async with running(replace(options, ca_file=str(tmp_path / name))):
                pass


async def test_a_key_that_is_locked_is_a_mistake_and_no_question_at_the_terminal(
    secure: KafkaBroker, kafka_prefix: str, tmp_path: Path
) -> None:
    assert secure.folder is not None
    key = serialization.load_pem_private_key((secure.folder / "broker.pem").read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"hush")
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    )
    options = replace(
        options_of(secure, kafka_prefix),
        cert_file=str(secure.folder / "broker.pem"), key_file=str(tmp_path / "key.pem"),
    )  # fmt: skip
    with pytest.raises(SettingsMistake, match=r"key\.pem"):
        await inspect_topics(options, [])


async def test_whoever_looks_is_told_why_and_no_password(secure: KafkaBroker, kafka_prefix: str) -> None:
    options = options_of(secure, kafka_prefix)
    with pytest.raises(LogAway, match=r"(?i)authentication") as refused:
        await inspect_topics(replace(options, password="hush-hush"), [])
    assert "hush-hush" not in str(refused.value)
    with pytest.raises(LogAway, match="CERTIFICATE_VERIFY_FAILED"):
        await inspect_topics(replace(options, ca_file=""), [])
