"""The quick start for those who speak Kafka does what its page says: this very file, run against the product."""

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.integration.kafka.site import TENANT
from tests.integration.kafka.test_service import product
from tests.kafka import KafkaBroker

DOCS = Path(__file__).parents[3] / "docs"
SCRIPT, PAGE = DOCS / "kafka-quickstart.py", DOCS / "kafka.md"
RUN_MAX_S = 120.0
# What is another one in each run: ids, times, and what is measured.
CHANGING = re.compile(
    r"call-[0-9a-f]+|\b[0-9a-f]{24}\b|\d{4}-\d\d-\d\dT[\d:.]+Z|(?<=_s\":)[\d.]+|(?<=seconds\":)[\d.]+|\b\d+:\d+\b"
)


def masked(text: str) -> list[str]:
    """Its lines, without what changes."""
    return [CHANGING.sub("~", line.strip()) for line in text.splitlines() if line.strip()]


async def test_it_comes_out_as_the_page_says(kafka: KafkaBroker, kafka_prefix: str, postgres_url: str) -> None:
    async with product(kafka, kafka_prefix, postgres_url) as service:
        told = {
            "BOOTSTRAP": kafka.bootstrap, "URL": service.url, "PREFIX": kafka_prefix, "TENANT": TENANT,
            "KEY": await service.new_key(TENANT, ["events:write"], ["kafka-quickstart"]),
        }  # fmt: skip
        script = await asyncio.create_subprocess_exec(
            sys.executable,
            SCRIPT,
            env=os.environ | told,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(RUN_MAX_S):
            said, failed = (text.decode() for text in await script.communicate())
    assert script.returncode == 0, failed
    printed = PAGE.read_text("utf-8").rpartition("```text\n")[2].partition("```")[0]
    printed = printed.replace("default:", f"{TENANT}:").replace('"default"', f'"{TENANT}"')
    printed = printed.replace("ringback-tenant: default", f"ringback-tenant: {TENANT}")
    assert sorted(masked(said)) == sorted(masked(printed))
