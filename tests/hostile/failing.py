"""C1: a log that cannot be written, a full disk, a task of the engine that has ended."""

import os
import re
import signal
import time
from typing import Any

from tests.hostile.attack import Bench, attack
from tests.hostile.events import event, now_ms, whole
from tests.hostile.full_disk import full_disk_site
from tests.hostile.site import ADMIN, EVERYTHING, ROOT, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict

WORKS_S = 10.0
ENDS_S = 15.0
NOT_READY_S = 15.0
SOURCE = "/switches/c1"
LATE_MS = 60_000  # a switch whose clock is this slow is not believed: the engine logs it
CALLS = 5


async def _goes_on(site: Site, key: str, verdict: Verdict, name: str) -> None:
    """Calls that are posted now become records, and /readyz says ready."""
    subject = f"after-{now_ms()}"
    answer = await site.post(key, whole(SOURCE, subject, now_ms() - 5_000))
    took = await site.comes(key, WORKS_S, source=SOURCE, subject=subject, state="ended")
    ready = await site.ready()
    verdict.figure[name] = {
        "post": answer.status,
        "record_after_s": took,
        "readyz": ready,
        "exit_code": site.process.code,
    }
    verdict.must(answer.status == 202 and took is not None, f"{name}: a call becomes a record within {WORKS_S:g} s")
    verdict.must(ready == 200, f"{name}: /readyz says ready")


async def _made_to_log(site: Site, key: str) -> None:
    """Several switches with slow clocks: a line of the log for each."""
    late = now_ms() - LATE_MS
    for number in range(CALLS):
        source = f"{SOURCE}-slow-{number}"
        await site.post(key, [event(source, f"slow-{number}", "offered", late, {"connection": "c1"})])
    await pause(1.0)


@attack("C1-log-pipe-closed", 60)
async def log_pipe_closed(bench: Bench, verdict: Verdict) -> None:
    """Standard error is a pipe whose reader closes it once the process serves; five switches with slow clocks make the
    engine log. Calls must go on to become records, and /readyz must say ready.
    """
    read, write = os.pipe()
    async with bench.site(start=False) as site:
        [key] = await site.keys(KeyAsked())
        site.process.log_to = write
        try:
            await site.start()  # what it logs until then has room in the pipe
        finally:
            os.close(write)
        os.close(read)
        await _made_to_log(site, key)
        await _goes_on(site, key, verdict, "after")
        code, took = await site.stop()
        verdict.figure["stop"] = {"exit_code": code, "seconds": took}
        verdict.must(code == 0, "it stops in order")


@attack("C1-log-disk-full", 60)
async def log_disk_full(bench: Bench, verdict: Verdict) -> None:
    """Standard error is /dev/full: each write of a log line fails with "no space left". Calls must become records, and
    /readyz must say ready.
    """
    async with bench.site(start=False) as site:
        [key] = await site.keys(KeyAsked())
        full = os.open("/dev/full", os.O_WRONLY)
        try:
            site.process.log_to = full
            await site.start()
        finally:
            os.close(full)
        await _made_to_log(site, key)
        await _goes_on(site, key, verdict, "after")
        code, took = await site.stop()
        verdict.figure["stop"] = {"exit_code": code, "seconds": took}


async def _task_ended(bench: Bench, verdict: Verdict, how: str, path: str) -> None:
    """End one task. Either the process ends with a code and is never ready again, or its work goes on as before."""
    name = f"{how} {path}"
    async with bench.site(f"{how}:{path}") as site:
        [key] = await site.keys(KeyAsked())
        await _goes_on(site, key, verdict, f"{name}, before")
        site.process.signal(signal.SIGUSR1)
        seen, began = set[int](), time.monotonic()
        while site.process.code is None and time.monotonic() - began < ENDS_S:
            if 503 in seen or time.monotonic() - began > 2.0:
                seen.add(await site.ready(1.0))
            elif (status := await site.ready(1.0)) != 200:
                seen.add(status)
            await site.process.ended(0.05)
        code = site.process.code
        verdict.figure[name] = {
            "exit_code": code, "seconds": round(time.monotonic() - began, 1), "readyz": sorted(seen), "log": _last(site)
        }  # fmt: skip
        if code is None:
            await _goes_on(site, key, verdict, f"{name}, after")
        else:
            verdict.must(code != 0, f"{name}: the process ends with a code")
            verdict.must(200 not in seen, f"{name}: /readyz does not say ready until the end")


def _last(site: Site) -> str:
    return site.process.log().rstrip().rpartition("\n")[2][-300:]


@attack("C1-engine-dead", 120)
async def engine_dead(bench: Bench, verdict: Verdict) -> None:
    """In a process whose code is unchanged, what a task of the engine waits for fails, then (in a new process) the task
    is cancelled; the same with the task that owns the partitions. The process must end by itself with a code other than
    0, with /readyz at 503 meanwhile, or its work must go on.
    """
    await _task_ended(bench, verdict, "raise", "/cti/engine/")
    await _task_ended(bench, verdict, "cancel", "/cti/engine/")
    owning = re.compile("ownership|leases")
    path = next((one for one in ("/cti/ownership", "/cti/leases") if owning.search(one) and _there(one)), "/cti/wiring")
    await _task_ended(bench, verdict, "raise", path)


def _there(path: str) -> bool:
    return bool([*ROOT.glob(path.lstrip("/") + "*")])


@attack("C1-disk-full", 120)
async def disk_full(bench: Bench, verdict: Verdict) -> None:
    """The store's file system is filled to the last block while calls are posted: the door must say 503 with
    Retry-After (never 202 for what is lost, never 500), /readyz must say 503; when there is room again all must go on
    within 15 s without a new start, and every call that got 202 must have its record.
    """
    async with full_disk_site(bench, verdict) as (site, fill, free):
        [key] = await site.keys(KeyAsked(scopes=f"{EVERYTHING},{ADMIN}"))
        await site.start()
        await _goes_on(site, key, verdict, "before")
        fill()
        taken, statuses, hints = await _posted_until_refused(site, key)
        not_ready = await _not_ready_under_load(site, key, taken)
        verdict.figure["full"] = {"statuses": statuses, **not_ready, "exit_code": site.process.code}
        verdict.must(set(statuses) <= {"202", "503"} and "503" in statuses, "a full disk gives 503")
        verdict.must(hints, "each 503 carries Retry-After")
        verdict.must(not_ready["readyz_503_after_s"] is not None, "/readyz says 503 while the disk is full")
        free()
        again = await _posted_again(site, key)
        verdict.figure["room_again"] = {"post_202_after_s": again, "readyz_200_after_s": await site.ready_is(200, 10.0)}
        verdict.must(again is not None, "it goes on by itself within 15 s of there being room")
        await _goes_on(site, key, verdict, "after")
        found = await site.comes(key, 30.0, len(taken), source="/switches/full", state="ended", limit="1000")
        verdict.figure["taken"] = {"calls": len(taken), "records_after_s": found}
        verdict.must(found is not None, "every call that got 202 has its record")


async def _posted_until_refused(site: Site, key: str) -> tuple[list[str], dict[str, int], bool]:
    """Large calls for 8 s: (calls that got 202, answers by status, whether each 503 says when to try again)."""
    taken, statuses, hints, end = list[str](), dict[str, int](), True, time.monotonic() + 8.0
    while time.monotonic() < end and statuses.get("503", 0) < 5:
        subject = f"full-{len(statuses)}-{time.monotonic_ns()}"
        events = [
            one | {"data": {**one["data"], "private": {"filling": "x" * 3_900}}}
            for one in whole("/switches/full", subject, now_ms() - 5_000)
        ]
        answer = await site.post(key, events, 10.0)
        statuses[str(answer.status)] = statuses.get(str(answer.status), 0) + 1
        if answer.status == 202:
            taken.append(subject)
        elif answer.status == 503:
            hints = hints and answer.retry_after
    return taken, statuses, hints


async def _not_ready_under_load(site: Site, key: str, taken: list[str]) -> dict[str, Any]:
    """Small calls go on, which may still find room in pages that are there: when the first was refused, and when
    /readyz said 503 while they were; None where that did not happen within 15 s.
    """
    began, refused, not_ready = time.monotonic(), None, None
    while time.monotonic() - began < NOT_READY_S and not_ready is None:
        subject = f"small-{time.monotonic_ns()}"
        answer = await site.post(key, whole("/switches/full", subject, now_ms() - 5_000), 10.0)
        passed = round(time.monotonic() - began, 2)
        if answer.status == 202:
            taken.append(subject)
        elif refused is None:
            refused = passed
        if await site.ready() == 503:
            not_ready = passed
        elif answer.status != 202:
            await pause(0.2)
    return {"small_refused_after_s": refused, "readyz_503_after_s": not_ready}


async def _posted_again(site: Site, key: str) -> float | None:
    """Seconds until a post is taken."""
    began = time.monotonic()
    while time.monotonic() - began < 15.0:
        subject = f"again-{time.monotonic_ns()}"
        if (await site.post(key, whole("/switches/again", subject, now_ms() - 5_000), 10.0)).status == 202:
            return round(time.monotonic() - began, 2)
        await pause(0.2)
    return None
