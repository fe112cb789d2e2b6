"""Making topics: one that was just made is not known to every broker at once."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from cti.adapters.event_log_kafka import topics
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import UNKNOWN_TOPIC, make_topics
from cti.errors import WrongTopic

TOPIC = "t.notes"
WANTED = {TOPIC: (1, {"cleanup.policy": "delete"})}


class Admin:
    """A broker that answers about the topic with these codes, one after the other, and then knows it."""

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def describe_topics(self, names: Sequence[str]) -> list[dict[str, Any]]:
        partition = {"replicas": [1, 2, 3], "isr": [1, 2, 3], "leader": 1}
        return [{"topic": name, "error_code": 0, "partitions": [partition]} for name in names]

    async def describe_configs(self, asked: Sequence[Any]) -> list[Any]:
        code = self._codes.pop(0) if self._codes else 0
        return [SimpleNamespace(resources=[(code, "", 2, TOPIC, [("cleanup.policy", "delete")])])]


async def made(monkeypatch: pytest.MonkeyPatch, *codes: int) -> None:
    monkeypatch.setattr(topics, "LOOK_AGAIN_S", 0.0)
    monkeypatch.setattr(topics, "make_admin", lambda _: Admin(*codes))
    await make_topics(KafkaOptions("127.0.0.1:1", "t.", "test", partitions=1), (), WANTED)


async def test_a_broker_that_has_not_heard_of_a_new_topic_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    await made(monkeypatch, UNKNOWN_TOPIC, UNKNOWN_TOPIC)


async def test_what_may_not_be_read_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WrongTopic, match="cannot be read"):
        await made(monkeypatch, 29)
