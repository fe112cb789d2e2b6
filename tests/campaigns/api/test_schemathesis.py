"""The OpenAPI document of campaigns against the running door: schemathesis with all its checks, bounded and repeatable.

What a document cannot say (windows lie inside the hours, a campaign does not end before its fallback) is answered 422:
that status is expected of valid data on the routes that ask for it, and on no other.
"""

import asyncio
import shutil
import sys
from pathlib import Path

from tests.campaigns.api.site import contact_row, site

SEED = "20260302"
LIMIT_S = 240.0  # far beyond what it takes; a hanging run must end
CONFIG = """
[checks]
positive_data_acceptance.expected-statuses = [{expected}]
"""
RUNS = (
    ("^/v1/(settlements|do-not-call)$", '"2xx", "400", "401", "403", "404", "406", "409", "422"'),
    ("/v1/campaigns$|/outcome$|/v1/calling-hours|/acknowledge$", '"2xx", "401", "403", "404", "409", "422"'),
    ("^/v1/(campaigns/.*(imports|start|pause|resume|stop|contacts|attempts|rejected|[}]|[0-9])$|outbound|notice)",
     '"2xx", "401", "403", "404", "409"'),
)  # fmt: skip


async def test_the_door_does_what_its_document_says(tmp_path: Path) -> None:
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    async with site(f"sqlite:///{tmp_path}/ringback.db", tasks=False) as it:
        campaign = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1, state="person")])
        for number, (paths, expected) in enumerate(RUNS):
            config = tmp_path / f"run{number}.toml"
            config.write_text(CONFIG.format(expected=expected))
            words = (
                "--config-file", str(config), "run", f"{it.it.url}/openapi.json", "--checks", "all", "--seed", SEED,
                "--continue-on-failure", "--generation-database", "none", "--include-path-regex", paths,
                "--header", f"Authorization: Bearer {it.keys['admin']}", "--phases", "fuzzing", "--max-examples", "10",
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
