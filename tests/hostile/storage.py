"""C3 and the store: a second process on it, the files' modes, a malformed database, one that is locked or away."""

import contextlib
import re
import sqlite3
import stat
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg
from psycopg import sql
from sqlalchemy import make_url

from tests.faults.served import free_port
from tests.hostile.attack import SQLITE, Bench, attack
from tests.hostile.events import event, now_ms, whole
from tests.hostile.site import UMASK, KeyAsked, Site, commands_ran, pause, spawned
from tests.hostile.verdict import Verdict

SECOND_ENDS_S = 20.0
SAID_CHARS = 4_000
LOCKED_S = 8.0
BACK_S = 15.0
CALLS_KEPT = 60
DAMAGED = re.compile("malformed|not a database|damaged", re.IGNORECASE)
SERVING = '"event": "serving"'
DRIVERS_WORDS = re.compile(
    r"sqlite3\.|psycopg|sqlalche|OperationalError|InterfaceError|\[SQL|Background on this error|SELECT |INSERT "
    r"|connection to server|Traceback|SQLSTATE",
    re.IGNORECASE,
)


async def _second(
    site: Site, folder: Path, port: int, within_s: float = SECOND_ENDS_S, until: str = ""
) -> tuple[int | None, str]:
    """A second process on the same store: (its exit code, or None where it still runs; the end of what it said).
    `until`: it is not waited for any longer once it has said this.
    """
    log = folder / f"second-{port}.log"
    process = await spawned(site.db, port, log)
    end, code = time.monotonic() + within_s, None
    try:
        while code is None and time.monotonic() < end:
            await pause(0.1)
            code = process.returncode
            if until and until in log.read_text("utf-8", "replace"):
                break
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return code, log.read_text("utf-8", "replace")[-SAID_CHARS:]


async def _still_works(site: Site, key: str, verdict: Verdict, name: str) -> None:
    """A call becomes a record, and the process is the same."""
    subject = f"still-{now_ms()}"
    answer = await site.post(key, whole("/switches/c3", subject, now_ms() - 5_000))
    took = await site.comes(key, 10.0, source="/switches/c3", subject=subject, state="ended")
    ready = await site.ready()
    verdict.figure[name] = {
        "post": answer.status,
        "record_after_s": took,
        "readyz": ready,
        "exit_code": site.process.code,
    }
    verdict.must(site.process.code is None and ready == 200, f"{name}: the first process serves on")
    verdict.must(took is not None, f"{name}: the first process works on")


@attack("C3-second-serve", 120)
async def second_serve(bench: Bench, verdict: Verdict) -> None:
    """A second `ringback serve` on the same store and the same address, twice, and on SQLite also at an address of its
    own: it must end with a code and a line that says why, and the first must serve and work on.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        tries = {"same_address": site.process.port, "same_address_again": site.process.port}
        if bench.store == SQLITE:
            tries["own_address"] = free_port()
        for name, port in tries.items():
            code, said = await _second(site, bench.folder, port)
            verdict.figure[f"second_{name}"] = {"exit_code": code, "said": said.strip().rpartition("\n")[2]}
            verdict.must(code not in (None, 0), f"{name}: the second process ends with a code")
            why = Path(make_url(site.db).database or "").name if name == "own_address" else f"127.0.0.1:{port}"
            line = said.strip().rpartition("\n")[2]
            verdict.must("Traceback" not in said and why in line, f"{name}: it says why, in a line that names {why}")
            await pause(1.0)
            await _still_works(site, key, verdict, f"first_{name}")


@attack("M-file-mode", 60, (SQLITE,))
async def file_mode(bench: Bench, verdict: Verdict) -> None:
    """The files of the SQLite store after a start under umask 022 and a few calls: none may be open to the group or to
    others.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        await site.sent(key, whole("/switches/mode", "mode-1", now_ms() - 5_000))
        umask = _umask(site.process.pid)
        db = Path(site.db.removeprefix("sqlite:///"))
        modes = {path.name: f"{stat.S_IMODE(path.stat().st_mode):04o}" for path in db.parent.glob(f"{db.name}*")}
        verdict.figure |= {"modes": modes, "umask": f"{umask:04o}"}
        verdict.must(umask == UMASK, f"the process runs under umask {UMASK:04o}")
        verdict.must({db.name, f"{db.name}-wal"} <= set(modes), "the file is there, and that of its writes")
        verdict.must(all(int(mode, 8) & 0o077 == 0 for mode in modes.values()), "no file is open to group or others")


def _umask(pid: int) -> int:
    """That of a process."""
    found = re.search(r"^Umask:\s*([0-7]+)$", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return -1 if found is None else int(found[1], 8)


@attack("M-malformed-database", 150, (SQLITE,))
async def malformed_database(bench: Bench, verdict: Verdict) -> None:
    """Starts on a file of text, on a store whose pages were overwritten after the first, and on one whose last
    third was; `ringback keys list` and `ringback migrate` on the file of text: each must end with a code and a line
    that says so, without a traceback and without the driver's words.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        for number in range(CALLS_KEPT):
            await site.sent(key, whole("/switches/m", f"m-{number}", now_ms() - 5_000))
        await site.comes(key, 10.0, CALLS_KEPT, state="ended", limit="1000")
        await site.stop()
        await _served_as_it_was(site, bench.folder, verdict)
        for name, path in _malformed(site, bench.folder).items():
            url = f"sqlite:///{path}"
            code, said = await _second(Site(url, site.process, site.session), bench.folder, free_port())
            _says_so(verdict, f"serve on {name}", code, said)
        text = f"sqlite:///{bench.folder / 'text.db'}"
        commands = {"keys list": ["keys", "list", "--db", text], "migrate": ["migrate", "--db", text]}
        for name, (code, out, said) in zip(commands, await commands_ran([*commands.values()]), strict=True):
            _says_so(verdict, f"{name} on text.db", code, out + said)


async def _served_as_it_was(site: Site, folder: Path, verdict: Verdict) -> None:
    """A start on the store before anything is spoiled: it must serve, or the damage is not what ends the others."""
    code, said = await _second(site, folder, free_port(), until=SERVING)
    verdict.figure["serve on what is whole"] = {"exit_code": code, "serves": SERVING in said}
    verdict.must(code is None and SERVING in said, "the store serves before it is spoiled")


def _malformed(site: Site, folder: Path) -> dict[str, Path]:
    """Files that are no database, or no longer."""
    db = Path(site.db.removeprefix("sqlite:///"))
    with contextlib.closing(sqlite3.connect(db)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = db.read_bytes()
    page = int.from_bytes(content[16:18], "big") or 65_536
    third = len(content) // 3
    contents = {
        "text.db": b"this is no database\n" * 1_000,
        "spoiled.db": content[:page] + b"\xaa" * (len(content) - page),
        "third.db": content[:-third] + b"\xaa" * third,
    }
    for name, held in contents.items():
        (folder / name).write_bytes(held)
    return {name: folder / name for name in contents}


def _says_so(verdict: Verdict, name: str, code: int | None, said: str) -> None:
    line = said.strip().rpartition("\n")[2]
    verdict.figure[name] = {"exit_code": code, "said": line}
    verdict.must(code not in (None, 0), f"{name}: it fails with a code")
    verdict.must(bool(line) and "Traceback" not in said, f"{name}: a line, and no traceback")
    verdict.must(bool(DAMAGED.search(said)), f"{name}: it says that the database is malformed, or none")
    verdict.must(not DRIVERS_WORDS.search(line), f"{name}: the line is without the driver's words")


@contextlib.asynccontextmanager
async def _away(site: Site, bench: Bench, verdict: Verdict) -> AsyncIterator[None]:
    """SQLite: the file is locked by another process. PostgreSQL: the database lets nobody in, and has ended what
    was.
    """
    if bench.store == SQLITE:
        with contextlib.closing(sqlite3.connect(site.db.removeprefix("sqlite:///"), timeout=5.0)) as connection:
            connection.execute("BEGIN EXCLUSIVE")  # where the lock is refused, the attack has failed
            yield
        return
    assert bench.server is not None
    conninfo = bench.server.admin.set(drivername="postgresql").render_as_string(hide_password=False)
    name = sql.Identifier(make_url(site.db).database or "")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS false").format(name))
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        closed = connection.execute(ended, [make_url(site.db).database]).rowcount
        verdict.figure["connections_ended"] = closed
        verdict.must(closed > 0, "connections of the process are ended")
        try:
            yield
        finally:
            connection.execute(sql.SQL("ALTER DATABASE {} WITH ALLOW_CONNECTIONS true").format(name))


@attack("M-readyz", 120)
async def readyz(bench: Bench, verdict: Verdict) -> None:
    """For 8 s the SQLite file is locked (BEGIN EXCLUSIVE), or the PostgreSQL database ends all connections and lets
    nobody in. Posts go on and must get 503 with Retry-After or be taken; /readyz must say 503 without the driver's
    words; afterwards all must go on within 15 s.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        await _still_works(site, key, verdict, "before")
        seen, statuses, hints, bodies = list[int](), Counter[int](), True, list[str]()
        taken = list[str]()
        async with _away(site, bench, verdict):
            end = time.monotonic() + LOCKED_S
            while time.monotonic() < end:
                subject = f"away-{now_ms()}"
                answer = await site.post(key, [event("/switches/c3", subject, "offered", now_ms())], 10.0)
                statuses[answer.status] += 1
                if answer.status == 202:
                    taken.append(subject)
                hints = hints and (answer.status != 503 or answer.retry_after)
                ready = await site.ask("GET", "/readyz", within_s=10.0)
                seen.append(ready.status)
                bodies += [text for text in (ready.text, answer.text) if text not in bodies]
                await pause(0.1)
        words = sorted({found[0] for text in bodies for found in DRIVERS_WORDS.finditer(text)})
        verdict.figure["away"] = {"posts": dict(statuses), "readyz": sorted(set(seen)), "drivers_words": words}
        verdict.must(503 in seen, "/readyz says 503 meanwhile")
        verdict.must(statuses[503] > 0, "posts are refused meanwhile: the store is really away")
        verdict.must(set(statuses) <= {202, 503} and hints, "posts are taken, or get 503 with Retry-After")
        verdict.must(not words, "/readyz and the door do not show the driver's text")
        back = await site.ready_is(200, BACK_S)
        verdict.figure["readyz_200_after_s"] = back
        verdict.must(back is not None, f"/readyz says 200 within {BACK_S:g} s afterwards")
        await _still_works(site, key, verdict, "after")
        lost, _ = await site.without(key, 10.0, taken, "/switches/c3", "live")
        verdict.figure["lost"] = lost
        verdict.must(not lost, "every call that got 202 meanwhile is there")
