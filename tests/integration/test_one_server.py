"""Two real processes that would serve one SQLite file, or one address: the first is not disturbed."""

import asyncio
import json
import os
import sqlite3
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.serving_process import STEP_S, Serving, offered, serving_process, sqlite_at


async def command(*words: str, db: str = "") -> tuple[int, str]:
    """(exit code, standard error) of a command that comes to its end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "cti", *words, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "RINGBACK_DB": db},
    )  # fmt: skip
    async with asyncio.timeout(STEP_S):
        _, told = await process.communicate()
    return process.returncode or 0, told.decode()


def the_line(stderr: str) -> dict[str, Any]:
    """The only line of a process that could not start."""
    (line,) = stderr.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


async def works(process: Serving, subject: str) -> None:
    """Events are accepted and worked."""
    accepted = await process.accepted(offered(subject))
    assert subject in await process.live(accepted.body["position"])
    await process.ready()


@pytest.mark.parametrize("same_port", [True, False])
async def test_a_second_server_of_a_file_goes_and_the_first_stays(tmp_path: Path, same_port: bool) -> None:
    db = sqlite_at(tmp_path)
    async with serving_process(db) as first:
        await works(first, "before")
        listen = first.url.removeprefix("http://") if same_port else "127.0.0.1:0"
        code, told = await command("serve", "--db", db, "--listen", listen)
        why = the_line(told)["why"]
        assert code == 1
        if same_port:
            assert f"cannot listen on {listen}: another process listens there" in why
        else:
            assert why == (
                f"Another process serves this SQLite file. ({tmp_path / 'ringback.db'}, by process {first.process.pid})"
            )
        await works(first, "after")
        assert await first.stop() == 0


async def test_a_name_that_links_to_the_file_is_the_same_file(tmp_path: Path) -> None:
    async with serving_process(sqlite_at(tmp_path)) as first:
        (tmp_path / "link.db").symlink_to("ringback.db")
        code, told = await command("serve", "--db", f"sqlite:///{tmp_path / 'link.db'}", "--listen", "127.0.0.1:0")
        assert (code, the_line(told)["action"]) == (1, "failed")
        await works(first, "after")


async def test_the_lock_goes_with_the_process_that_held_it(tmp_path: Path) -> None:
    async with serving_process(sqlite_at(tmp_path)) as first:
        first.process.kill()
        await first.ended()
    async with serving_process(sqlite_at(tmp_path)) as second:
        await works(second, "a")
        assert (tmp_path / "ringback.db.lock").read_text() == f"{second.process.pid}\n"


async def self_contained(words: tuple[str, ...], db: str) -> None:
    """A command on the file succeeds."""
    code, told = await command(*words, db=db)
    assert (words, code) == (words, 0), told


async def test_other_commands_work_on_a_served_file(tmp_path: Path) -> None:
    db = sqlite_at(tmp_path)
    async with serving_process(db) as first:
        await works(first, "before")
        await asyncio.gather(*[self_contained(words, db) for words in (
            ("keys", "list"), ("keys", "create", "--tenant", "t", "--scopes", "admin"), ("migrate",), ("doctor",),
            ("dead-letters", "list"), ("rebuild", "--into", f"sqlite:///{tmp_path / 'new.db'}"),
        )])  # fmt: skip
        await works(first, "after")


def modes(folder: Path) -> dict[str, int]:
    """Of the files of a database."""
    return {file.name: file.stat().st_mode & 0o777 for file in folder.glob("ringback.db*")}


async def test_its_files_are_its_owners_alone(tmp_path: Path) -> None:
    db = sqlite_at(tmp_path)
    async with serving_process(db) as first:
        await works(first, "a")
        assert modes(tmp_path) == {f"ringback.db{end}": 0o600 for end in ("", "-shm", "-wal", ".lock")}


async def test_a_file_that_others_can_read_is_closed_to_them_and_that_is_said(tmp_path: Path) -> None:
    file = tmp_path / "ringback.db"
    file.touch(0o644)
    code, told = await command("migrate", "--db", sqlite_at(tmp_path))
    assert (code, file.stat().st_mode & 0o777) == (0, 0o600)
    assert "file_tightened" in told
    assert "644" in told


@pytest.mark.parametrize("words", [("serve", "--listen", "127.0.0.1:0"), ("migrate",), ("keys", "list"), ("doctor",)])
@pytest.mark.parametrize("broken", ["no database", "a torn page"])
async def test_a_malformed_database_is_said_in_a_line(tmp_path: Path, words: tuple[str, ...], broken: str) -> None:
    file, db = tmp_path / "ringback.db", sqlite_at(tmp_path)
    if broken == "no database":
        file.touch(0o600)
        file.write_bytes(b"this is no database, but a text of some length\n" * 100)
    else:
        await command("migrate", "--db", db)
        with sqlite3.connect(file) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
        connection.close()
        pages = bytearray(file.read_bytes())
        pages[100:] = b"\xff" * (len(pages) - 100)
        file.write_bytes(pages)
    code, told = await command(*words, "--db", db)
    assert code == 1
    assert "Traceback" not in told
    assert words == ("doctor",) or "not a database" in told or "malformed" in told
    assert len(told.splitlines()) <= 1
