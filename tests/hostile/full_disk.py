"""A file system that an attack can fill: a small tmpfs, with the SQLite file on it, or a tablespace of PostgreSQL.

Where nothing may be mounted, SQLite gets a limit on the size of its files instead (RLIMIT_FSIZE), set upon the running
process; the verdict says so.
"""

import contextlib
import os
import resource
import subprocess
import tempfile
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psycopg

from tests.hostile.attack import SQLITE, Bench
from tests.hostile.site import Site
from tests.hostile.verdict import Verdict

SQLITE_MB, POSTGRES_MB = 16, 96
FILLING = 1 << 16
LEFT_OVER = 4_096
BLOCK = 4_096
Act = Callable[[], None]
Fill = Callable[[], int]


class NoMount(Exception):
    """This user may mount nothing."""


@contextlib.contextmanager
def small_disk(megabytes: int) -> Iterator[Path]:
    """A tmpfs of this size, unmounted at the end. Raises NoMount."""
    folder = Path(tempfile.mkdtemp(prefix="ringback-small-"))
    try:
        ran = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", str(folder)],
            capture_output=True, check=False, timeout=20,
        )  # fmt: skip
        if ran.returncode:
            raise NoMount(ran.stderr.decode("utf-8", "replace").strip())
        try:
            yield folder
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False, timeout=20)
    finally:
        with contextlib.suppress(OSError):
            folder.rmdir()


def filled(folder: Path) -> int:
    """Take all the room that is left; the bytes that remain."""
    with (folder / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * FILLING) == FILLING:
            pass
    with (folder / "filler").open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while filler.write(b"\0" * LEFT_OVER) == LEFT_OVER:
            pass
    left = os.statvfs(folder)
    return left.f_bavail * left.f_frsize


@contextlib.asynccontextmanager
async def full_disk_site(bench: Bench, verdict: Verdict) -> AsyncIterator[tuple[Site, Fill, Act]]:
    """(a site that is not started, fill its disk, free it again). Raises NoMount on PostgreSQL."""
    made = _on_sqlite if bench.store == SQLITE else _on_postgres
    async with made(bench, verdict) as found:
        yield found


@contextlib.asynccontextmanager
async def _on_sqlite(bench: Bench, verdict: Verdict) -> AsyncIterator[tuple[Site, Fill, Act]]:
    with contextlib.ExitStack() as stack:
        try:
            disk = stack.enter_context(small_disk(SQLITE_MB))
        except NoMount as refused:
            verdict.figure["how"] = f"RLIMIT_FSIZE of the running process; mounting was refused: {refused}"
            async with bench.site(start=False) as site:
                yield site, lambda: _files_bounded(site), lambda: _files_unbounded(site)
            return
        verdict.figure["how"] = f"the SQLite file on a tmpfs of {SQLITE_MB} MB"
        async with bench.site(db=f"sqlite:///{disk / 'ringback.db'}", start=False) as site:
            yield site, lambda: filled(disk), (disk / "filler").unlink


def _files_bounded(site: Site) -> int:
    """No file of the running process grows beyond the size of the largest it has: nothing is left."""
    db = Path(site.db.removeprefix("sqlite:///"))
    largest = max(path.stat().st_size for path in db.parent.glob(f"{db.name}*"))
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
    return largest - resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE)[0]


def _files_unbounded(site: Site) -> None:
    resource.prlimit(site.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextlib.asynccontextmanager
async def _on_postgres(bench: Bench, verdict: Verdict) -> AsyncIterator[tuple[Site, Fill, Act]]:
    assert bench.server is not None
    assert bench.server.folder is not None, "a tablespace needs a server of our own"
    verdict.figure["how"] = f"a tablespace of PostgreSQL on a tmpfs of {POSTGRES_MB} MB"
    space = f"ringback_{uuid.uuid4().hex}"
    owner = bench.server.folder.stat()
    with small_disk(POSTGRES_MB) as disk:
        (disk / "tables").mkdir(mode=0o700)
        os.chown(disk / "tables", owner.st_uid, owner.st_gid)
        conninfo = bench.server.admin.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(conninfo, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE {space} LOCATION '{disk / 'tables'}'")
            connection.execute(f"CREATE DATABASE {space} TEMPLATE template0 ENCODING 'UTF8' TABLESPACE {space}")
        db = bench.server.admin.set(database=space).render_as_string(hide_password=False)
        try:
            async with bench.site(db=db, start=False) as site:
                yield site, lambda: filled(disk), (disk / "filler").unlink
        finally:
            with contextlib.suppress(FileNotFoundError):
                (disk / "filler").unlink()
            bench.server.drop_database(db)
            with psycopg.connect(conninfo, autocommit=True) as connection:
                connection.execute(f"DROP TABLESPACE {space}")
