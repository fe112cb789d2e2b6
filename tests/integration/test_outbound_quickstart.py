"""The quick start of outbound calls does what its page says: this very script, run against the product."""

import asyncio
import os
import re
import sys
from pathlib import Path

import aiohttp

from tests.faults.served import Served, made_key

DOCS = Path(__file__).parents[2] / "docs"
SCRIPT, PAGE = DOCS / "outbound-quickstart.sh", DOCS / "outbound-quickstart.md"
RUN_MAX_S = 120.0
CHANGING = re.compile(r"\b[0-9a-f]{24}\b")


async def test_it_comes_out_as_the_page_says(tmp_path: Path) -> None:
    db = f"sqlite:///{tmp_path / 'quickstart.db'}"
    served = Served(db, tmp_path / "log")
    async with aiohttp.ClientSession() as session:
        await served.start(session)
        try:
            environment = {
                "RINGBACK_DB": db, "URL": served.url, "KEY": await made_key(db, "demo"), "PYTHON": sys.executable,
                "WORK": str(tmp_path),
            }  # fmt: skip
            script = await asyncio.create_subprocess_exec(
                SCRIPT, env=os.environ | environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
            )
            async with asyncio.timeout(RUN_MAX_S):
                said, failed = (text.decode() for text in await script.communicate())
        finally:
            await served.kill()
    assert script.returncode == 0, said + failed
    printed = PAGE.read_text("utf-8").rpartition("```text\n")[2].partition("```")[0]
    assert CHANGING.sub("~", said) == CHANGING.sub("~", printed)
