"""What is due next is looked for among the sources that wait for something, however many others there are."""

from cti.engine.gathering import LIMITS, Gathering
from cti.engine.timers import Timers
from cti.telemetry import Telemetry
from cti.wiring import read_book

SOURCES = 1000
NOW_MS = 1_000_000


def test_only_sources_that_wait_for_something_are_looked_at() -> None:
    work = Gathering(read_book("power-95598"), Telemetry(), True, LIMITS)
    work.times.now_ms = NOW_MS
    timers = Timers(work)
    sources = [work.sources.get("tenant", f"/switches/{n}") for n in range(SOURCES)]
    for source in sources:
        source.clock.observe(NOW_MS, NOW_MS, is_call_event=True)
    assert timers.next_ms() == float("inf")
    assert not work.sources.waiting
    sources[7].schedule(0, NOW_MS + 12_000, 1)
    sources[9].schedule(2, NOW_MS + 9_000, 2)
    assert work.sources.waiting == {sources[7], sources[9]}
    assert timers.next_ms() == NOW_MS + 9_000
    assert sources[9].due_before(2, NOW_MS + 9_001) == (NOW_MS + 9_000, 2)
    assert timers.next_ms() == NOW_MS + 12_000
    assert work.sources.waiting == {sources[7]}
    sources[7].forget([0])
    assert timers.next_ms() == float("inf")
    assert not work.sources.waiting
