"""A cache of answers that took long to read, each for a multiple of that time: reading costs at most a part of a
processor.
"""

from collections.abc import Callable, Hashable
from time import perf_counter
from typing import Any

KEPT_TIMES = 10  # so long is an answer kept: at most a tenth of the time goes into reading it
KEPT_MAX_S = 30.0
FRESH_BELOW_S = 0.25  # what is read so fast is read anew each time
ANSWERS_MAX = 1_000


class AnswerCache:
    """At most ANSWERS_MAX answers; the one that was put first goes first. `now_s`: seconds of the clock that waits."""

    def __init__(self, timer: Callable[[], float] = perf_counter) -> None:
        self._timer = timer
        self._answers: dict[Hashable, tuple[float, Any]] = {}

    def get(self, key: Hashable, now_s: float) -> Any:
        """The answer, if it is still good; else None."""
        found = self._answers.get(key)
        return found[1] if found is not None and now_s < found[0] else None

    def started(self) -> float:
        """To be given to `put`."""
        return self._timer()

    def put(self, key: Hashable, answer: Any, now_s: float, started: float) -> None:
        """Keep an answer, if it was costly."""
        cost_s = self._timer() - started
        self._answers.pop(key, None)
        if cost_s < FRESH_BELOW_S:
            return
        if len(self._answers) >= ANSWERS_MAX:
            del self._answers[next(iter(self._answers))]
        self._answers[key] = (now_s + min(cost_s * KEPT_TIMES, KEPT_MAX_S), answer)
