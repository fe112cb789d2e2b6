"""A part whose collector misbehaves: a scrape delivers the others' metrics."""

import asyncio
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import Counter, Metric
from prometheus_client.registry import Collector

from cti.parts import metrics
from cti.wiring import serving
from tests.rooms.faulty import named, patient, ready, scraped, settings

__all__ = ("patient",)

pytestmark = pytest.mark.usefixtures("patient")


class Collecting(Collector):
    """Does what it is told at each scrape but the first, in which its names are asked for."""

    def __init__(self, does: Callable[[], Iterable[Metric]]) -> None:
        self.does = does

    def collect(self) -> Iterable[Metric]:
        return self.does()


def half() -> Iterator[Metric]:
    yield Metric("half", "A half.", "gauge")
    raise LookupError("broken")


def unwritable() -> Iterator[Metric]:
    found = Metric("unwritable", "A value that is no number.", "gauge")
    value: Any = "many"
    found.add_sample("unwritable", {}, value)
    yield found


def no_metrics() -> Any:
    return [None]


@pytest.mark.parametrize("does", [half, unwritable, no_metrics, lambda: 1 / 0, lambda: sys.exit(1)])
async def test_a_collector_that_fails_leaves_the_others_metrics(
    tmp_path: Path, does: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    good = Counter("good", "Fine.", registry=None)
    parts = [named("faulty", collectors=[Collecting(does)]), named("good", collectors=[good])]
    async with serving(settings(tmp_path), parts=parts) as service:
        for _ in range(2):
            found = await scraped(service)
            assert "good_total 0.0" in found
            assert "ringback_events_total" in found
            assert "half" not in found
        assert (await ready(service)) == (
            200,
            {"log": "ok", "ledger": "ok", "engine": "ok", "part faulty": "broken: metrics"},
        )
        assert 'ringback_part_faults_total{doing="metrics",part="faulty"} 2.0' in await scraped(service)
    assert capsys.readouterr().out.count("part_broken") == 1, "logged once"


async def test_a_collector_that_hangs_is_left_behind_and_not_called_again_until_it_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "COLLECT_S", 0.05)
    go, calls = threading.Event(), list[int]()

    def hang() -> Iterable[Metric]:
        calls.append(1)
        go.wait(20)
        return ()

    async with serving(settings(tmp_path), parts=[named("faulty", collectors=[Collecting(hang)])]) as service:
        await scraped(service)
        assert "ringback_events_total" in await scraped(service)
        assert calls == [1]
        go.set()
        async with asyncio.timeout(20):
            while "part faulty" in (await ready(service))[1]:
                await scraped(service)
