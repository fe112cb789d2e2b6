"""The quick start of campaigns does what its page says: its own commands, against the product as `make run` has it."""

import asyncio
import csv
import json
import os
import re
import sys
from pathlib import Path

import aiohttp
from pypdf import PdfReader

from tests.faults.served import free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "campaigns.md"
PLAYED = re.compile(r"<!-- played -->\n\n```sh\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
CHANGING = re.compile(r"\b[bc][0-9a-f]{15}\b")
START, SPEED = "2026-03-04T10:00:00+08:00", "10"
OWED = "until ringback campaign status \"$ID\" | grep -q 'notices pending [1-9]'; do :; done\n"  # who reads is slower
READY_S, PLAYED_S, ASK_EVERY_S = 60.0, 240.0, 0.1


def commands() -> str:
    """All that is played, with a mark between two blocks; `ringback` is this environment's."""
    program = f'ringback() {{ "{sys.executable}" -m cti "$@"; }}\n'
    blocks = [block for block, _ in PLAYED.findall(PAGE.read_text("utf-8"))]
    blocks = [(OWED if "--what notices" in block else "") + block for block in blocks]
    return "set -euo pipefail\n" + program + "echo '=='\n".join(blocks)


async def key_of(stdout: asyncio.StreamReader) -> str:
    async with asyncio.timeout(READY_S):
        while line := (await stdout.readline()).decode():
            if found := re.search(r"rbk_\S+", line):
                return found[0]
    raise AssertionError("no key was printed")


async def test_it_comes_out_as_the_page_says(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = os.environ | {
        "RINGBACK_DB": f"sqlite:///{tmp_path / 'run.db'}", "RINGBACK_LISTEN": f"127.0.0.1:{port}", "RINGBACK_URL": url,
        "LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT),
    }  # fmt: skip
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    words = ("run", "--speed", SPEED, "--start", START, "--agents", "2", "--callers-per-min", "1")
    product = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cti", *words, env=environment, cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        assert product.stdout is not None
        key = await key_of(product.stdout)
        async with aiohttp.ClientSession() as session, session.get(f"{url}/readyz") as ready:
            assert ready.status == 200
        played = await asyncio.create_subprocess_exec(
            "bash", "-c", commands(), env=environment | {"RINGBACK_KEY": key}, cwd=tmp_path,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        async with asyncio.timeout(PLAYED_S):
            said = (await played.communicate())[0].decode()
    finally:
        product.kill()
        await product.wait()
    assert played.returncode == 0, said
    told = [text for _, text in PLAYED.findall(PAGE.read_text("utf-8"))]
    parts = said.split("==\n")
    assert len(parts) == len(told) == 7, said
    for part, text in zip(parts, told, strict=True):
        if text.startswith(("import", "c")) and "contacts  " in text:
            continue  # a status: its figures are those of the moment
        wanted = [line for line in CHANGING.sub("~", text).splitlines() if not line.startswith("...")]
        assert CHANGING.sub("~", part).splitlines()[: len(wanted)] == wanted, said
    found = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert [found[name] for name in ("received", "accepted", "rejected", "merged")] == [1000, 968, 20, 12]
    letters = [page.extract_text() for page in PdfReader(tmp_path / "letters.pdf").pages]
    with (tmp_path / "letters.csv").open(encoding="utf-8-sig", newline="") as table:
        rows = list(csv.DictReader(table))
    owed = {row["account"]: row for row in rows if not row["set_aside"]}
    assert owed
    assert [text for text, row in zip(letters, owed.values(), strict=True) if f"{row['account']}" not in text] == []
    assert [text for text, row in zip(letters, owed.values(), strict=True) if row["total_due"] not in text] == []
    assert (tmp_path / "contacts.csv").read_text("utf-8").count("\n") == found["contacts"] + 1
