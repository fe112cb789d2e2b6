"""How long Kafka's group protocol takes to notice a dead member: two consumers, one of them killed.

python -m tests.benchmarks.group_takeover BOOTSTRAP TOPIC GROUP      a member: says what it is assigned, line by line
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Iterable

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition

from tests.benchmarks.processes import ROOT

SESSION_MS, HEARTBEAT_MS = 6_000, 1_000  # the least session that a broker allows by default


def group_takeover_s(bootstrap: str, prefix: str, partitions: int) -> float:
    """Seconds from kill -9 of one of two members until the other is assigned everything. Raises RuntimeError."""
    command = [sys.executable, "-m", "tests.benchmarks.group_takeover", bootstrap, f"{prefix}calls.events", prefix]
    members = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) for _ in range(2)]
    try:
        for member in members:
            _assigned(member, range(1, partitions))
        members[1].kill()
        began = time.monotonic()
        _assigned(members[0], range(partitions, partitions + 1))
        return time.monotonic() - began
    finally:
        for member in members:
            member.kill()
            member.communicate()


def _assigned(member: "subprocess.Popen[str]", wanted: range) -> None:
    """Return when the member is assigned so many partitions."""
    assert member.stdout is not None
    while line := member.stdout.readline():
        if int(json.loads(line)) in wanted:
            return
    raise RuntimeError("a member has ended")


class _Told(ConsumerRebalanceListener):
    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing is kept here that would have to be given up."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        print(json.dumps(len(list(assigned))), flush=True)


async def _member(bootstrap: str, topic: str, group: str) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False, session_timeout_ms=SESSION_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
    )  # fmt: skip
    consumer.subscribe([topic], listener=_Told())
    await consumer.start()
    while True:
        await consumer.getmany(timeout_ms=100)


if __name__ == "__main__":
    asyncio.run(_member(*sys.argv[1:]))
