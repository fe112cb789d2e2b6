"""The OpenAPI document against the running door: schemathesis with all its checks, a bounded and repeatable run.

The two endless answers are left out: the command stream and the long poll, which share a path.
"""

import asyncio
import shutil
import sys
from pathlib import Path

import pytest

from cti.web.limits import Limits
from tests.integration.gateway_site import site_at

ENDLESS = "/v1/switches/{switch}/commands"
EVENTS = "/v1/events"
SEED = "20260302"
END_OF_TIMES_MS = 7_258_032_000_000 - 1  # the last instant but a day of those that the document allows
LIMIT_S = 240.0  # far beyond what it takes; a hanging run must end

RUNS = {
    # What an event may be is large: its coverage phase tries 17,000 requests and more, and belongs to no quick run.
    "events": ("--include-path", EVENTS, "--phases", "examples,fuzzing", "--max-examples", "40"),
    "all others": (
        "--exclude-path",
        EVENTS,
        "--exclude-path",
        ENDLESS,
        "--phases",
        "coverage,fuzzing",
        "--max-examples",
        "10",
    ),
}


@pytest.mark.parametrize("run", sorted(RUNS))
async def test_the_door_does_what_its_document_says(run: str, tmp_path: Path) -> None:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    async with site_at("memory:", Limits(position_wait_s=0.01)) as site:
        site.clock.move_to(END_OF_TIMES_MS)  # every time that the document allows lies in the past
        key = await site.key("admin")
        words = (
            "run", f"{site.listening.url}/openapi.json", "--checks", "all", "--seed", SEED, "--continue-on-failure",
            "--generation-database", "none", "--header", f"Authorization: {key['Authorization']}", *RUNS[run],
        )  # fmt: skip
        process = await asyncio.create_subprocess_exec(
            program, *words, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        try:
            async with asyncio.timeout(LIMIT_S):
                said, _ = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
    assert process.returncode == 0, said.decode(errors="replace")[-20_000:]
    assert "passed" in said.decode(errors="replace")
