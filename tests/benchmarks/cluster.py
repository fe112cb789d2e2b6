"""The figures of a cluster: from Kafka to the committed record, from event to command, and the taking over.

Broker, database, gateway and engines share the machine, so the figures of two engines on two processors say little of
two machines; ratios are of the same run.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tests.benchmarks.figures import Figure, against, quantile
from tests.benchmarks.group_takeover import group_takeover_s
from tests.benchmarks.kafka_site import PARTITIONS, KafkaRun, KafkaSite, kafka_site
from tests.benchmarks.processes import done
from tests.benchmarks.product import LOOK_S, pause
from tests.benchmarks.traffic import COMMANDS, SWITCH, TENANT
from tests.benchmarks.wire import Door
from tests.faults.served import made_key

RUNS = 3
EVENTS = 40_000
LIVE_CALLS = 20_000
TAKEN_WITHIN_S = 60.0
SETTLED_WITHIN_S = 120.0
HALF_LOAD = {"calls": 2_000, "held": 2_000, "load_s": 20.0, "window_s": 20.0}
IDLE = {"calls": 100, "held": 100, "load_s": 5.0, "window_s": 20.0}


def figures(quick: bool, heard: list[str]) -> Iterator[Figure]:
    with kafka_site() as site:
        yield from _throughput(site, quick, heard)
        yield from _latency(site, quick, heard)
        yield from _takeover(site, quick, heard)


def _throughput(site: KafkaSite, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """The engines have their shares and stand still while the topics are filled; then everything is read, worked on and
    committed. The baseline in runs between the others.
    """
    events = EVENTS // 10 if quick else EVENTS
    rates: dict[int, list[float]] = {0: [], 1: [], 2: []}
    for _ in range(1 if quick else RUNS):
        for engines, found in rates.items():
            with site.run() as run:
                found.append(events / _emptied(run, engines, events))
                heard.append(f"{engines or 'baseline'} {'engines' if engines else ''}: {found[-1]:,.0f} events/s")
    for engines in (1, 2):
        yield against(f"kafka_to_record_{engines}_engines", rates[engines], rates[0], "events/s", None)


def _emptied(run: KafkaRun, engines: int, events: int) -> float:
    """Seconds from the first commit to the last; 0 engines: the baseline's own."""
    done_in = _with_environment(run)
    run.start("gateway")  # makes topics and tables
    for _ in range(engines):
        run.start("engine")
    _shared(run, engines)
    run.halt()
    end = {int(partition): at for partition, at in done_in("fill", {"events": events})["end"].items()}
    if not engines:
        return float(done_in("read", {"events": events})["seconds"])
    run.go_on()
    return _settled(run, end, events)


def _settled(run: KafkaRun, end: Mapping[int, int], events: int) -> float:
    """From what is committed when the first look finds anything, to the end: seconds as if from the beginning."""
    began, first = 0.0, 0
    limit = time.monotonic() + SETTLED_WITHIN_S
    while time.monotonic() < limit:
        now = run.committed()
        at = sum(min(now.get(partition, 0), position) for partition, position in end.items())
        if at and not began:
            began, first = time.monotonic(), at
        if at == sum(end.values()):
            share = (events - first) / events
            return (time.monotonic() - began) / share if share else LOOK_S
        pause()
    raise RuntimeError(f"not committed within {SETTLED_WITHIN_S} s")


def _with_environment(run: KafkaRun) -> Any:
    def work(what: str, job: Mapping[str, Any]) -> Any:
        before = dict(os.environ)
        os.environ.update(run.environment)
        try:
            return done("tests.benchmarks.kafka_work", job, what)
        finally:
            os.environ.clear()
            os.environ.update(before)

    return work


def _latency(site: KafkaSite, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """From a hold at the switch to HOLD-1's prompt on its stream: gateway, Kafka, engine, ledger and gateway again."""
    for name, job in (("idle", IDLE), ("half_load", IDLE if quick else HALF_LOAD)):
        with site.run() as run:
            url = run.start("gateway")
            run.start("engine")
            key = asyncio.run(made_key(run.db, TENANT))
            door = Door(url, key)
            declared = door.ask("PUT", f"/v1/switches/{SWITCH}", {"commands": COMMANDS, "if_other_ready": True})
            assert declared.status == 200, declared
            seen = done("tests.benchmarks.switch_client", {"url": url, "key": key, **job})
        found = seen["transitions_ms"]
        heard.append(f"{name}: {len(found)} prompts, {seen['missing']} notices missing")
        for share, told in ((0.5, "p50"), (0.99, "p99")):
            yield Figure(f"event_to_command_kafka_{name}_{told}", quantile(found, share), "ms", runs=len(found))


def _takeover(site: KafkaSite, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """kill -9 of one of two engines with many live calls, until every partition moves on again; and Kafka's groups."""
    leases, groups = [], []
    for _ in range(1 if quick else RUNS):
        with site.run() as run:
            leases.append(_taken_over(run, LIVE_CALLS // 10 if quick else LIVE_CALLS))
            groups.append(group_takeover_s(run.bootstrap, run.prefix, PARTITIONS))
        heard.append(f"taken over in {leases[-1]:.1f} s by leases, {groups[-1]:.1f} s by the group protocol")
    yield Figure(
        "takeover_leases", statistics.median(leases), "s", baseline=statistics.median(groups), runs=len(leases)
    )


def _taken_over(run: KafkaRun, calls: int) -> float:
    work = _with_environment(run)
    run.start("gateway")
    end = {int(partition): at for partition, at in work("fill", {"calls": calls, "first": 0})["end"].items()}
    run.start("engine")
    _settled(run, end, calls * 4)
    run.start("engine")
    _shared(run, 2)
    run.kill(1)
    began = time.monotonic()
    more = {int(partition): at for partition, at in work("fill", {"calls": 500, "first": calls})["end"].items()}
    posted = time.monotonic() - began
    limit = time.monotonic() + TAKEN_WITHIN_S
    while time.monotonic() < limit:
        now = run.committed()
        if all(now.get(partition, 0) >= at for partition, at in more.items()):
            return max(time.monotonic() - began, posted)
        pause()
    raise RuntimeError(f"not taken over within {TAKEN_WITHIN_S} s")


def _shared(run: KafkaRun, engines: int) -> None:
    """Return when so many engines own their shares."""
    limit = time.monotonic() + TAKEN_WITHIN_S
    while time.monotonic() < limit:
        if run.owners() == engines:
            return
        pause()
    raise RuntimeError(f"{run.owners()} of {engines} engines got partitions")
