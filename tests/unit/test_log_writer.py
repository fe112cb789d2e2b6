"""A log line that cannot be written is counted, and harms nothing."""

import contextlib
import fcntl
import io
import json
import logging
import os
import resource
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cti.cli import log_writer
from cti.cli.log_writer import LogWriter
from cti.cli.logging_setup import set_up_logging

PIPE_BYTES = 4096


@pytest.fixture
def pipe() -> Iterator[tuple[int, io.TextIOWrapper]]:
    """A small pipe: (descriptor of its reader, stream of its writer)."""
    reads, writes = os.pipe()
    fcntl.fcntl(writes, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    stream = os.fdopen(writes, "w", encoding="utf-8")
    yield reads, stream
    stream.close()
    os.close(reads)


def test_lines_arrive_in_order(pipe: tuple[int, io.TextIOWrapper]) -> None:
    reads, stream = pipe
    writer = LogWriter(stream)
    for n in range(3):
        writer.write(f"line {n}\n")
    assert writer.drain(10)
    assert os.read(reads, 100) == b"line 0\nline 1\nline 2\n"
    assert writer.dropped == 0


def test_a_closed_pipe_loses_lines_and_counts_them() -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "w", encoding="utf-8") as stream:
        writer, counted = LogWriter(stream), list[int]()
        writer.write("one\n")
        assert writer.drain(10)
        writer.report_to(counted.append)
        writer.write("two\n")
        assert writer.drain(10)
    assert writer.dropped == 2
    assert counted == [1, 1]


def test_a_full_disk_loses_lines_and_the_next_one_is_whole(tmp_path: Path) -> None:
    """A limit to the size of files refuses a write as a full disk does: in part, and then altogether."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        writer = LogWriter(stream)
        writer.write("first\n")
        assert writer.drain(10)
        resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
        try:
            writer.write("second\n")
            writer.write("third\n")
            assert writer.drain(10)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        writer.write("fourth\n")
        assert writer.drain(10)
    assert writer.dropped == 2
    assert path.read_text("utf-8") == "first\nseco\nfourth\n"


def there(reads: int) -> bytes:
    """What can be read at once."""
    received = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(reads, PIPE_BYTES):
            received += more
    return received


@pytest.mark.parametrize("blocking", [True, False])
def test_a_reader_that_reads_nothing_holds_up_nobody(
    pipe: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch, blocking: bool
) -> None:
    monkeypatch.setattr(log_writer, "WRITE_S", 0.0)
    monkeypatch.setattr(log_writer, "LINES_WAITING_MAX", 20)
    reads, stream = pipe
    os.set_blocking(stream.fileno(), blocking)
    writer = LogWriter(stream)
    writer.write("x" * (2 * PIPE_BYTES) + "\n")
    assert select.select([reads], [], [], 10)[0], "the first line is being written: it waits no more"
    for _ in range(30):
        writer.write("short\n")
    assert writer.drain(0.05 if blocking else 10) is not blocking
    assert writer.dropped == (10 if blocking else 31)
    os.set_blocking(reads, False)
    received = there(reads)
    while not writer.drain(0.05):
        received += there(reads)  # a reader that comes back finds what waited
    received += there(reads)
    whole = [b"x" * (2 * PIPE_BYTES), *[b"short"] * 20] if blocking else []
    assert received.split(b"\n")[:-1] == whole
    assert len(whole) + writer.dropped == 31


def test_what_waits_is_bounded_by_its_size_too(
    pipe: tuple[int, io.TextIOWrapper], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_writer, "CHARS_WAITING_MAX", 100)
    monkeypatch.setattr(log_writer, "LINE_CHARS_MAX", 50)
    reads, stream = pipe
    writer = LogWriter(stream)
    writer.write("y" * 99 + "\n")
    assert writer.drain(10)
    assert os.read(reads, 200) == b"y" * 50 + b"\n"


def test_a_stream_without_a_descriptor_is_written_to_at_once() -> None:
    stream = io.StringIO()
    writer = LogWriter(stream)
    writer.write("line\n")
    assert stream.getvalue() == "line\n"
    stream.close()
    writer.write("lost\n")
    assert (writer.dropped, writer.isatty()) == (1, False)


class Unspeakable:
    """Its own text raises."""

    def __repr__(self) -> str:
        raise RuntimeError("no words")

    __str__ = __repr__


@pytest.mark.usefixtures("logging_as_it_was")
def test_no_log_call_raises(capsys: pytest.CaptureFixture[str]) -> None:
    writer = set_up_logging("info", readable=False)
    structlog.get_logger().info("one", action="one", value=Unspeakable())
    logging.getLogger("library").warning("two %s", Unspeakable())
    structlog.get_logger().info("half a \ud800 character", action="half")
    assert [json.loads(line)["action"] for line in capsys.readouterr().err.splitlines()] == ["half"]
    assert writer.dropped == 2


@pytest.mark.usefixtures("logging_as_it_was")
def test_without_standard_error_nothing_is_logged_and_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    writer = set_up_logging("info")
    structlog.get_logger().warning("nobody hears", action="nobody")
    assert writer.dropped == 1
