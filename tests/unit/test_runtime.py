"""The collector; and the end by force: the last line of the log is written first, and a log that nobody reads does not
hold it up.
"""

import gc
import io
import os
import threading
from collections.abc import Iterator

import pytest

from cti.cli import runtime
from cti.cli.log_writer import LogWriter


class Watched(LogWriter):
    """Notes how long it was waited for, and whether the lines were out."""

    def __init__(self, descriptor: int | None = None) -> None:
        super().__init__(io.StringIO() if descriptor is None else os.fdopen(descriptor, "w"))
        self.drains: list[tuple[float, bool]] = []

    def drain(self, seconds: float = 1.0) -> bool:
        done = super().drain(seconds)
        self.drains.append((seconds, done))
        return done


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read, write = os.pipe()
    yield read, write
    os.close(read)


def test_the_last_line_is_written_before_the_process_ends(pipe: tuple[int, int]) -> None:
    lines, codes = Watched(pipe[1]), list[tuple[int, bytes]]()
    lines.write("the last line\n")
    runtime.end_by_force_later(lines, 0.0, lambda code: codes.append((code, os.read(pipe[0], 100)))).join(20)
    assert codes == [(runtime.FORCED, b"the last line\n")]
    assert lines.drains == [(runtime.LAST_LINE_S, True)]


def test_a_log_that_nobody_reads_does_not_hold_up_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "LAST_LINE_S", 0.01)
    lines, codes, stuck = Watched(), list[int](), threading.Thread(target=lambda: None)
    monkeypatch.setattr(lines, "_thread", stuck)  # it takes nothing from the queue
    runtime.end_by_force_later(lines, 0.0, codes.append).join(20)
    assert (codes, lines.drains) == ([runtime.FORCED], [(0.01, False)])


@pytest.mark.parametrize(
    ("phase", "generation", "collected", "frozen"),
    [("stop", 0, 0, True), ("stop", 1, 0, True), ("stop", 0, 1, False), ("stop", 2, 0, False), ("start", 0, 0, False)],
)
def test_a_pass_that_finds_no_waste_keeps_what_it_saw_from_the_next_one(
    phase: str, generation: int, collected: int, frozen: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else every tenth looks through all that the nine before have seen: 0.3 s at 20,000 events a second."""
    asked: list[bool] = []
    monkeypatch.setattr(gc, "freeze", lambda: asked.append(True))
    runtime.keep_what_lives(phase, {"generation": generation, "collected": collected, "uncollectable": 0})
    assert bool(asked) is frozen
