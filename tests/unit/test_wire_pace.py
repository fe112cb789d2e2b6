"""No window has more calls at the wire than the trunk group declared, however long each claim took."""

from bisect import bisect_right
from random import Random

import pytest

from cti.dial.pace import MARGIN_MS, PACE_MS
from cti.gateway.wire_pace import WAIT_MAX_S, Trunks, WirePace

MAIN = Trunks("t", "pbx-1", "main")


@pytest.mark.parametrize("a_second", [0.5, 1, 3.7, 20, 200])
def test_no_window_has_more_than_was_declared(a_second: float) -> None:
    """The claim holds the pace at `claimed_s`; from there to the wire it takes up to 0.3 s."""
    chance, now_s = Random(f"{a_second}"), [0.0]
    pace = WirePace(lambda: now_s[0])
    limit, window_s = max(1, int(a_second)), (max(PACE_MS, PACE_MS / a_second) + MARGIN_MS) / 1000
    claimed: list[float] = []
    written: list[float] = []
    for _ in range(2_000):
        free = limit - (len(claimed) - bisect_right(claimed, now_s[0] - window_s))
        if free > 0:
            count = chance.randint(1, free)
            claimed += [now_s[0]] * count
            now_s[0] += chance.choice([0.001, 0.01, 0.3])
            wait_s = pace.wait_s(MAIN, count, a_second)
            assert wait_s <= 0.3 + 1e-9, "no longer than claims differ"
            now_s[0] += wait_s
            written += [now_s[0]] * count
            pace.wrote(MAIN, count)
        now_s[0] += chance.choice([0.0, 0.02, 0.1, window_s])
    for at, first_s in enumerate(written):
        assert bisect_right(written, first_s + window_s - 1e-6) - at <= limit
    assert len(written) > 100


def test_trunk_groups_have_their_own() -> None:
    pace = WirePace(lambda: 5.0)
    pace.wrote(MAIN, 20)
    assert pace.wait_s(MAIN, 1, 20) == WAIT_MAX_S
    assert pace.wait_s(MAIN._replace(lane="second"), 20, 20) == 0.0
    assert pace.wait_s(MAIN._replace(switch="pbx-2"), 20, 20) == 0.0
    assert pace.wait_s(MAIN, 1, 21) == 0.0


def test_a_wait_is_never_longer_than_a_second() -> None:
    """A trunk group with a call in ten seconds, and a ledger's clock that was set forward."""
    pace = WirePace(lambda: 5.0)
    pace.wrote(MAIN, 1)
    assert pace.wait_s(MAIN, 1, 0.1) == WAIT_MAX_S
