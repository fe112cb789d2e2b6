"""The Kafka reader by itself: what it does at once, and what in turn."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from cti.adapters.event_log_kafka.reader import KafkaReader
from cti.adapters.event_log_kafka.settings import KafkaOptions
from cti.adapters.event_log_kafka.topics import Topics
from cti.ports import Entry


async def test_a_reading_and_a_question_for_the_ends_never_change_its_state_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, seen, release = KafkaReader(KafkaOptions("127.0.0.1:1"), Topics("", 4)), list[str](), asyncio.Event()

    async def ends() -> dict[int, int]:
        seen.append("ends begin")
        await release.wait()
        seen.append("ends end")
        return {}

    async def read(after: Mapping[int, int], limit: int) -> list[Entry]:
        seen.append(f"read after {dict(after)}, {limit} at most")
        return []

    monkeypatch.setattr(reader, "_ends", ends)
    monkeypatch.setattr(reader, "_read", read)
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(each) for each in (reader.ends(), reader.read({0: 7}, 5))]
    await asyncio.wait(tasks, timeout=0)
    assert seen == ["ends begin"]
    release.set()
    assert await asyncio.gather(*tasks) == [{}, []]
    assert seen[1:] == ["ends end", "read after {0: 7}, 5 at most"]
