"""The product's command line in a process that an attack can disturb from outside. Run by the harness only.

    python -m tests.hostile.product clock ARGUMENTS...          SIGUSR1: its clock is 1 h ahead; SIGUSR2: it is right
    python -m tests.hostile.product raise:PATH ARGUMENTS...     SIGUSR1: a task that runs code below PATH fails
    python -m tests.hostile.product cancel:PATH ARGUMENTS...    SIGUSR1: a task that runs code below PATH is cancelled
    python -m tests.hostile.product many < LISTS                several short commands, one after the other

The product itself is unchanged: the clock is that of this process (`time.time`), and a task is made to fail by failing
what it waits for. `many` reads a JSON list of argument lists; it prints a JSON list of [exit code, stdout, stderr].
"""

import asyncio
import contextlib
import io
import json
import os
import signal
import sys
import time
from types import FrameType
from typing import Any

AHEAD_S = 3_600.0
TRIES_MAX = 200  # a task that works at the moment waits for nothing; it is looked at again
AGAIN_S = 0.01
HIT = "hit by the attack"


class Disturbed(Exception):
    """The failure that the attack causes."""


def move_clock_on_signals() -> None:
    """Let SIGUSR1 and SIGUSR2 move this process's wall clock."""
    right, right_ns = time.time, time.time_ns
    ahead = [0.0]

    def moved() -> float:
        return right() + ahead[0]

    def moved_ns() -> int:
        return right_ns() + int(ahead[0] * 1e9)

    def move(number: int, _frame: FrameType | None) -> None:
        ahead[0] = AHEAD_S if number == signal.SIGUSR1 else 0.0

    time.time, time.time_ns = moved, moved_ns
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, move)


def end_task_on_signal(how: str, path: str) -> None:
    """Let SIGUSR1 end one task whose code lies below `path`."""

    def end(_number: int, _frame: FrameType | None) -> None:
        loop = asyncio.get_running_loop()
        loop.call_soon_threadsafe(_end_one, loop, how, path, 0)

    signal.signal(signal.SIGUSR1, end)


def _end_one(loop: asyncio.AbstractEventLoop, how: str, path: str, tried: int) -> None:
    for task in asyncio.all_tasks(loop):
        if any(path in file for file in _files(task)):
            waiter: Any = getattr(task, "_fut_waiter", None)
            files = _files(task)
            if how == "cancel":
                task.cancel()
                _felt(loop, task, waiter, files, 0)
                return
            if isinstance(waiter, asyncio.Future) and not isinstance(waiter, asyncio.Task) and not waiter.done():
                waiter.set_exception(Disturbed("ended by the attack"))
                _felt(loop, task, waiter, files, 0)
                return
    if tried < TRIES_MAX:
        loop.call_later(AGAIN_S, _end_one, loop, how, path, tried + 1)


def _felt(
    loop: asyncio.AbstractEventLoop, task: "asyncio.Task[Any]", waiter: object, files: list[str], tried: int
) -> None:
    """Say in the log which task it was, once that no longer waits for what it waited for."""
    if task.done() or getattr(task, "_fut_waiter", None) is not waiter:
        line = {HIT: task.get_name(), "in": files, "ended": task.done()}
        os.write(sys.stderr.fileno(), f"{json.dumps(line)}\n".encode())
    elif tried < TRIES_MAX:
        loop.call_soon(_felt, loop, task, waiter, files, tried + 1)


def hits(log: str) -> list[dict[str, Any]]:
    """What was hit, as the log of such a process says."""
    return [json.loads(line) for line in log.splitlines() if line.startswith(f'{{"{HIT}"')]


def _files(task: "asyncio.Task[Any]") -> list[str]:
    """The files of the coroutines that a task is in, from the outermost to the innermost."""
    found, coroutine = [], task.get_coro()
    while coroutine is not None:
        code = getattr(coroutine, "cr_code", None)
        if code is not None:
            found.append(code.co_filename)
        coroutine = getattr(coroutine, "cr_await", None)
    return found


def many(lists: list[list[str]]) -> list[tuple[int, str, str]]:
    """Run several commands; (exit code, standard output, standard error) of each."""
    from cti.__main__ import main

    ran = []
    for arguments in lists:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                code = main(arguments)
            except SystemExit as left:
                code = left.code if isinstance(left.code, int) else 1
        ran.append((code, out.getvalue(), err.getvalue()))
    return ran


def run() -> int:
    """Do as the first argument says; the product's exit code."""
    mode, *arguments = sys.argv[1:]
    if mode == "many":
        print(json.dumps(many(json.loads(sys.stdin.read()))))
        return 0
    if mode == "clock":
        move_clock_on_signals()
    else:
        end_task_on_signal(*mode.split(":", 1))
    from cti.__main__ import main

    return main(arguments)


if __name__ == "__main__":
    sys.exit(run())
