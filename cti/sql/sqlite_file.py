"""An SQLite file as the file system sees it: who may read it, and which process serves it."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self

import structlog

from cti.sql.errors import StoreInUse

MODE = 0o600  # calls, telephone numbers, hashes of keys
OTHERS = 0o077
BESIDE = ("", "-wal", "-shm", ".lock")  # what belongs to a database; SQLite gives its own two the mode of the first
PID_CHARS_MAX = 20

log = structlog.get_logger()


def make_private(file: Path) -> None:
    """Make the file if it is not there, readable by its owner alone; tighten what is there.

    A file that exists is not opened: closing it would drop the locks of SQLite in this process.
    """
    with contextlib.suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, MODE))
    for suffix in BESIDE:
        _tighten(Path(f"{file}{suffix}"))


def _tighten(file: Path) -> None:
    try:
        mode = file.stat().st_mode & 0o777
        if not mode & OTHERS:
            return
        file.chmod(mode & ~OTHERS)
    except FileNotFoundError:
        return
    except PermissionError as error:  # another user owns it
        log.warning("others can read a database file", action="file_open_to_others", file=str(file), why=str(error))
        return
    log.warning("file closed to others", action="file_tightened", file=str(file), mode_was=f"{mode:03o}")


class FileLock:
    """The right to serve an SQLite file: an advisory lock on FILE.lock, which ends with the process.

    Only processes that serve ask for it; commands that read or add a key go on working on a served file.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.resolve()  # two names of one file are one lock
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Raises `StoreInUse`."""
        descriptor = os.open(f"{self._file}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, PID_CHARS_MAX, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            who = f"process {holder}" if holder.isdigit() else "an unknown process"
            raise StoreInUse(f"{self._file}, by {who}") from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        """The file stays: removing it would let two processes lock two files of one name."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
