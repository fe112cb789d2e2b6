"""One run of schemathesis, with all its checks, against a door that serves its own OpenAPI document."""

import asyncio
import shutil
import sys
from pathlib import Path

SEED = "20260302"
LIMIT_S = 240.0  # far beyond what it takes; a hanging run must end


async def run_schemathesis(
    url: str, authorization: str, folder: Path, *options: str, config: Path | None = None
) -> None:
    """`folder`: of its own files. `authorization`: the header's value. Raises AssertionError with what it found."""
    program = shutil.which("schemathesis", path=str(Path(sys.executable).parent))
    assert program is not None
    words = (
        *(() if config is None else ("--config-file", str(config))), "run", f"{url}/openapi.json", "--checks", "all",
        "--seed", SEED, "--continue-on-failure", "--generation-database", "none",
        "--header", f"Authorization: {authorization}", *options,
    )  # fmt: skip
    process = await asyncio.create_subprocess_exec(
        program, *words, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
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
