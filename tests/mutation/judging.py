"""Mutants before the real tests: each in a process of its own, which imports the changed module from memory.

The working tree is never written. Processes are forked from one that has imported the libraries, but nothing of what is
judged. A test that does not end in time fails: a mutant that loops for ever is caught by it. It is
the processor's time, so that a busy machine catches no mutant.
"""

import importlib
import multiprocessing
import os
import resource
import signal
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from importlib.abc import InspectLoader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from importlib.util import spec_from_loader
from multiprocessing.connection import wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple, NoReturn

CAUGHT, SURVIVED, NOT_JUDGED = "caught", "survived", "not judged"
LIBRARIES = (
    "pytest", "hypothesis.strategies", "chinese_calendar", "jinja2.sandbox",
    "tests.kafka", "tests.postgres", "schemas.profile", "schemas.commands",
)  # fmt: skip
TESTS_MAX_S = 10.0  # of a processor, of one mutant; the tests of a module take less than 1 s
AGAIN_AFTER_S = 2.0  # where the failure was raised in a callback, and lost
PROCESS_MAX_S = 240.0
MEMORY_MAX = 4 * 1024**3  # a mutant may build a list without an end
NOTHING_LOADED = 90
PYTEST = (
    "-x", "-q", "--no-header", "--tb=line", "--durations=0", "-p", "no:cacheprovider",
    "-W", "ignore::pytest.PytestAssertRewriteWarning",
)  # fmt: skip


class Trial(NamedTuple):
    """`code`: of the changed module. `tests`: files and folders, as pytest takes them."""

    name: str
    module: str
    code: CodeType
    tests: Sequence[str]


class _FromMemory(MetaPathFinder, InspectLoader):
    """Imports one module from its code."""

    def __init__(self, module: str, code: CodeType) -> None:
        self._module, self._code, self.loaded = module, code, False

    def find_spec(self, fullname: str, _path: object = None, _target: object = None) -> ModuleSpec | None:
        return spec_from_loader(fullname, self) if fullname == self._module else None

    def is_package(self, _fullname: str) -> bool:
        return False

    def get_source(self, _fullname: str) -> None:
        return None

    def get_code(self, _fullname: str) -> CodeType:
        self.loaded = True
        return self._code


def judged(trials: Iterable[Trial], jobs: int) -> Iterator[tuple[Trial, str]]:
    """Each with its verdict, as they come: caught, survived, or why it was not judged."""
    _import_libraries()
    waiting, running = deque(trials), dict[int, tuple[Trial, ForkProcess, float]]()
    too_early = {trial.module for trial in waiting} & sys.modules.keys()
    assert not too_early, f"imported before it was changed: {too_early}"
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                trial, process = waiting.popleft(), multiprocessing.get_context("fork").Process
                started = process(target=_try, args=(trial,), daemon=True)
                started.start()
                running[started.sentinel] = (trial, started, time.monotonic() + PROCESS_MAX_S)
            ended = wait(list(running), timeout=1.0)
            late = [sentinel for sentinel, (_, _, until) in running.items() if time.monotonic() > until]
            for sentinel in {*ended, *late}:
                trial, process, _ = running.pop(sentinel)
                if sentinel not in ended:
                    process.kill()
                process.join()
                yield trial, _verdict(process.exitcode)
    finally:
        for _, process, _ in running.values():
            process.kill()


def _import_libraries() -> None:
    """What every process would spend most of its time on."""
    for library in LIBRARIES:
        importlib.import_module(library)
    for plugin in entry_points(group="pytest11"):
        plugin.load()


def _verdict(exit_code: int | None) -> str:
    """What pytest's exit code says: 1 a test failed, 2 a test file could not be imported, 4 a conftest could not."""
    if exit_code in {1, 2, 4}:
        return CAUGHT
    if exit_code == 0:
        return SURVIVED
    if exit_code == NOTHING_LOADED:
        return f"{NOT_JUDGED}: the tests do not import the module"
    return f"{NOT_JUDGED}: " + ("timeout" if exit_code == -signal.SIGKILL else f"exit code {exit_code}")


def _try(trial: Trial) -> NoReturn:
    """In the forked process."""
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(quiet, stream)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    signal.signal(signal.SIGPROF, _too_long)
    signal.setitimer(signal.ITIMER_PROF, TESTS_MAX_S, AGAIN_AFTER_S)
    finder = _FromMemory(trial.module, trial.code)
    sys.meta_path.insert(0, finder)
    code = int(_tested(trial.tests))
    os._exit(code if finder.loaded else NOTHING_LOADED)


def _too_long(_number: int, _frame: FrameType | None) -> NoReturn:
    raise AssertionError(f"not done within {TESTS_MAX_S:.0f} s of a processor")


def _tested(tests: Sequence[str]) -> int:
    """Examples are the same for every mutant, and none is kept."""
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("mutation", database=None, derandomize=True, deadline=None)
    hypothesis.settings.load_profile("mutation")
    return pytest.main([*PYTEST, *(str(Path(test)) for test in tests)])
