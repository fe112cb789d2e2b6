"""Writes log lines in a thread of its own, so that a slow reader of the log cannot block the process.

A line that cannot be written (the pipe is closed or full, the disk is full) is dropped and counted. Nothing is raised.
"""

import atexit
import contextlib
import os
import queue
import select
import signal
import threading
import time
from collections.abc import Callable
from typing import TextIO

LINES_WAITING_MAX = 10_000
CHARS_WAITING_MAX = 4 * 1024 * 1024
LINE_CHARS_MAX = 256 * 1024  # a longer one is cut
WRITE_S = 1.0  # a pipe that takes nothing for so long loses the line
FLUSH_S = 1.0  # at the end of the process


class LogWriter:
    """A text stream whose `write` neither fails nor waits. It replaces a `TextIO`.

    A stream without a descriptor (a test's) is written to at once. None (standard error was closed): all is dropped.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._descriptor = _descriptor_of(stream)
        self._lock = threading.Lock()
        self._lines: queue.SimpleQueue[bytes | threading.Event] = queue.SimpleQueue()
        self._waiting = self._waiting_chars = 0
        self._torn = False  # the last line was written in part
        self._thread: threading.Thread | None = None
        self._report: Callable[[int], None] | None = None
        self.dropped = 0

    def report_to(self, report: Callable[[int], None]) -> None:
        """Call `report` with the number of lines dropped: those until now, and then each."""
        with self._lock:
            self._report, before = report, self.dropped
        if before:
            report(before)

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        with contextlib.suppress(OSError, ValueError):
            return self._stream is not None and self._stream.isatty()
        return False

    def write(self, text: str) -> int:
        """Write whole lines."""
        if self._descriptor is None:
            self._write_at_once(text)
            return len(text)
        line = text[:LINE_CHARS_MAX].encode("utf-8", "backslashreplace")
        if len(text) > LINE_CHARS_MAX:
            line += b"\n"
        with self._lock:
            full = self._waiting >= LINES_WAITING_MAX or self._waiting_chars + len(line) > CHARS_WAITING_MAX
            if not full:
                self._waiting += 1
                self._waiting_chars += len(line)
                self._begin()
                self._lines.put(line)
        if full:
            self.drop()
        return len(text)

    def flush(self) -> None:
        """Do nothing: `write` has already queued the line. `drain` waits for it."""

    def drain(self, seconds: float = FLUSH_S) -> bool:
        """Wait, for so long at most, until all lines so far are written or dropped; return whether they are."""
        if self._thread is None:
            return True
        done = threading.Event()
        self._lines.put(done)
        return done.wait(seconds)

    def drop(self) -> None:
        """Count a line that is lost."""
        with self._lock:
            self.dropped += 1
            report = self._report
        if report is not None:
            report(1)

    # -- inside --------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._main, name="lines-out", daemon=True)
            self._thread.start()
            atexit.register(self.drain)

    def _main(self) -> None:
        """The thread's loop. The main thread handles the signals."""
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            with self._lock:
                self._waiting -= 1
                self._waiting_chars -= len(line)
            if not self._out(line):
                self.drop()

    def _out(self, line: bytes) -> bool:
        """Whether the whole line went out. One that went in part is ended before the next."""
        descriptor = self._descriptor
        assert descriptor is not None
        rest = memoryview(b"\n" + line if self._torn else line)
        began = time.monotonic()
        written = 0
        while rest:
            try:
                count = os.write(descriptor, rest)
            except BlockingIOError:
                if not _takes_more(descriptor, began + WRITE_S - time.monotonic()):
                    break
                continue
            except (OSError, ValueError):
                break
            written += count
            rest = rest[count:]
        self._torn = bool(rest) and (written > 0 or self._torn)
        return not rest

    def _write_at_once(self, text: str) -> None:
        if self._stream is None:
            self.drop()
            return
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.drop()


def _descriptor_of(stream: TextIO | None) -> int | None:
    with contextlib.suppress(OSError, ValueError):  # io.UnsupportedOperation is both
        return None if stream is None else stream.fileno()
    return None


def _takes_more(descriptor: int, seconds: float) -> bool:
    """Wait until a descriptor that does not block takes more, for so long at most."""
    if seconds <= 0:
        return False
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLOUT)
        return bool(poll.poll(seconds * 1000))
    except OSError:
        return False
