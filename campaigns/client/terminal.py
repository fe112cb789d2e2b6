"""The person at the terminal: lines for them, questions to them. Answers for programs go to files."""

import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TextIO

UP = "\x1b[{}F"  # ECMA-48 CPL: to the start of the line so many lines up
ERASE_BELOW = "\x1b[0J"  # ECMA-48 ED
YES = frozenset({"y", "yes", "是"})
WIDTH_MAX = 160


def _asked(question: str) -> str:
    try:
        return input(question)
    except EOFError:  # nobody there any more
        return ""


@dataclass(slots=True)
class Terminal:
    """`ask`: the answer to a question; None where nobody can be asked."""

    out: TextIO
    ask: Callable[[str], str] | None
    shown: int = 0  # lines of a block that may be written over
    gone: bool = False  # nobody reads any more, as after `| head -1`: what was begun is carried to its end

    @classmethod
    def of_process(cls) -> "Terminal":
        """Somebody can be asked where both ends are a terminal."""
        return cls(sys.stdout, _asked if sys.stdin.isatty() and sys.stdout.isatty() else None)

    def say(self, *lines: str) -> None:
        self._write("".join(f"{line}\n" for line in lines))
        self.shown = 0

    def block(self, lines: Sequence[str]) -> None:
        """Lines that take the place of the block before them; where they cannot, new ones below it."""
        if self.out.isatty():
            up = UP.format(self.shown) if self.shown else ""
            lines = [line[:WIDTH_MAX] for line in lines]
            self._write(up + ERASE_BELOW)
        self.say(*lines)
        self.shown = len(lines)

    def _write(self, text: str) -> None:
        try:
            self.out.write(text)
            self.out.flush()
        except BrokenPipeError:
            self.gone = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self.out.fileno())  # what is still in the buffer, and all that follows
            os.close(nowhere)

    def agrees(self, question: str) -> bool:
        """y or yes; anything else is no."""
        return self.ask is not None and self.ask(f"{question} [y/N] ").strip().lower() in YES
