"""How far each partition's commands are passed on, when several writers number them.

A number is taken inside a transaction, so a higher one may be committed first. A number that is skipped is therefore
missing, not absent: it is looked for until GAP_S later, longer than any transaction may last, and passed on when it
appears. A number that was never used (a round without commands takes one) ends the same way.
"""

from collections.abc import Iterable, Mapping

GAP_S = 5.0  # a writer's statements and its idle time in a transaction are bounded by 2 s each
GAPS_MAX = 1_000  # missing numbers kept for a partition; of more, the newest


class CommandNumbers:
    """The highest number passed on, and the missing ones below it, by partition. Times in seconds, monotonic."""

    def __init__(self, highest: Mapping[int, int]) -> None:
        self.highest = dict(highest)
        self._missing: dict[int, dict[int, float]] = {}

    def is_new(self, partition: int, no: int, now_s: float) -> bool:
        """Whether this number is passed on now for the first time; notes it, and the numbers it skips."""
        highest = self.highest.get(partition, 0)
        if no <= highest:
            return self._missing.get(partition, {}).pop(no, None) is not None
        if no > highest + 1:
            self.expect(partition, range(max(highest + 1, no - GAPS_MAX), no), now_s)
        self.highest[partition] = no
        return True

    def expect(self, partition: int, numbers: Iterable[int], now_s: float) -> None:
        """Look for these too."""
        missing = self._missing.setdefault(partition, {})
        missing.update(dict.fromkeys(numbers, now_s))
        while len(missing) > GAPS_MAX:
            del missing[next(iter(missing))]

    def follows(self, partition: int, no: int) -> bool:
        """Whether nothing is between this number and the highest one."""
        return no == self.highest.get(partition, 0) + 1

    def gaps(self, now_s: float) -> dict[int, int]:
        """By partition the number after which to read for missing ones; gives up those that are GAP_S old."""
        found: dict[int, int] = {}
        for partition, missing in list(self._missing.items()):
            for no in [no for no, since_s in missing.items() if now_s - since_s > GAP_S]:
                del missing[no]
            if missing:
                found[partition] = min(missing) - 1
            else:
                del self._missing[partition]
        return found
