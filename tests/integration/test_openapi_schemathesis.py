"""The OpenAPI document against the running door: schemathesis with all its checks, a bounded and repeatable run.

The two endless answers are left out: the command stream and the long poll, which share a path.
"""

from pathlib import Path

import pytest

from cti.web.limits import Limits
from tests.integration.gateway_site import site_at
from tests.schemathesis_run import run_schemathesis

ENDLESS = "/v1/switches/{switch}/commands"
EVENTS = "/v1/events"
END_OF_TIMES_MS = 7_258_032_000_000 - 1  # the last instant but a day of those that the document allows

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
    async with site_at("memory:", Limits(position_wait_s=0.01)) as site:
        site.clock.move_to(END_OF_TIMES_MS)  # every time that the document allows lies in the past
        key = await site.key("admin")
        await run_schemathesis(site.listening.url, key["Authorization"], tmp_path, *RUNS[run])
