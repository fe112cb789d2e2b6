"""C1: a log that cannot be written, a full disk, a task of the engine that has ended."""

import os
import signal
import time
from collections import Counter
from typing import Any

from tests.hostile.attack import Bench, attack
from tests.hostile.events import event, now_ms, whole
from tests.hostile.full_disk import BLOCK, full_disk_site
from tests.hostile.product import hits
from tests.hostile.readings import counted
from tests.hostile.site import ADMIN, EVERYTHING, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict

WORKS_S = 10.0
ENDS_S = 15.0
NOT_READY_S = 15.0
AGAIN_WITHIN_S = 15.0
SOURCE = "/switches/c1"
LATE_MS = 60_000  # a switch whose clock is this slow is not believed: the engine logs it
CALLS = 5
LOST = "ringback_log_lines_dropped_total"
LOGS_S = 5.0
FULL = "/switches/full"
TAKEN_BEFORE = 20
FILL_S = 8.0
REFUSED_ENOUGH = 5


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


async def _made_to_log(site: Site, key: str, verdict: Verdict) -> None:
    """Several switches with slow clocks: a line of the log for each, and each must be lost."""
    late, before = now_ms() - LATE_MS, await counted(site, LOST)
    for number in range(CALLS):
        source = f"{SOURCE}-slow-{number}"
        await site.sent(key, [event(source, f"slow-{number}", "offered", late, {"connection": "c1"})])
    lost, end = 0.0, time.monotonic() + LOGS_S
    while lost < CALLS and time.monotonic() < end:
        await pause(0.1)
        lost = await counted(site, LOST) - before
    verdict.figure["lines_lost"] = lost
    verdict.must(lost >= CALLS, f"the engine logs {CALLS} lines, and none can be written")


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
        await _made_to_log(site, key, verdict)
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
        await _made_to_log(site, key, verdict)
        await _goes_on(site, key, verdict, "after")
        code, took = await site.stop()
        verdict.figure["stop"] = {"exit_code": code, "seconds": took}
        verdict.must(code == 0, "it stops in order")


async def _task_ended(bench: Bench, verdict: Verdict, how: str, path: str) -> None:
    """End one task. Either the process ends with a code and is never ready again, or its work goes on as before."""
    name = f"{how} {path}"
    async with bench.site(f"{how}:{path}") as site:
        [key] = await site.keys(KeyAsked())
        await _goes_on(site, key, verdict, f"{name}, before")
        earlier = len(hits(site.process.log()))  # the log is that of the processes before, too
        site.process.signal(signal.SIGUSR1)
        seen, began = set[int](), time.monotonic()
        while site.process.code is None and time.monotonic() - began < ENDS_S:
            if 503 in seen or time.monotonic() - began > 2.0:
                seen.add(await site.ready(1.0))
            elif (status := await site.ready(1.0)) != 200:
                seen.add(status)
            await site.process.ended(0.05)
        code, hit = site.process.code, hits(site.process.log())[earlier:]
        verdict.figure[name] = {
            "hit": hit, "exit_code": code, "seconds": round(time.monotonic() - began, 1), "readyz": sorted(seen),
            "log": _last(site),
        }  # fmt: skip
        verdict.must(len(hit) == 1 and path in str(hit[0]["in"]), f"{name}: it really reaches one task, in that code")
        if code is None:
            await _goes_on(site, key, verdict, f"{name}, after")
        else:
            verdict.must(code > 0, f"{name}: the process ends by itself, with a code")
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
    await _task_ended(bench, verdict, "raise", "/cti/leases/")


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
        posting = Posting(site, key)
        for _ in range(TAKEN_BEFORE):
            await posting.post("large")
        verdict.must(len(posting.taken) == TAKEN_BEFORE, "calls are taken just before the disk is full")
        left = fill()
        verdict.figure["room_left_bytes"] = left
        verdict.must(left < BLOCK, "the disk is really full")
        await posting.until_refused()
        not_ready = await _not_ready_under_load(site, posting)
        statuses = posting.statuses
        verdict.must(503 in statuses, "a full disk gives 503")
        verdict.must(not_ready["small_refused_after_s"] is not None, "small calls are refused too")
        verdict.must(not_ready["readyz_503_after_s"] is not None, "/readyz says 503 while the disk is full")
        free()
        again = await _posted_again(posting)
        verdict.figure["full"] = {"statuses": dict(statuses), **not_ready, "exit_code": site.process.code}
        verdict.must(set(statuses) <= {202, 503}, "every post gets 202 or 503")
        verdict.must(not posting.without_retry_after, "each 503 carries Retry-After")
        verdict.figure["room_again"] = {"post_202_after_s": again, "readyz_200_after_s": await site.ready_is(200, 10.0)}
        verdict.must(again is not None, "it goes on by itself within 15 s of there being room")
        await _goes_on(site, key, verdict, "after")
        lost, after_s = await site.without(key, 30.0, posting.taken, FULL, "ended")
        verdict.figure["taken"] = {"calls": len(posting.taken), "records_after_s": after_s, "lost": lost}
        verdict.must(not lost, "every call that got 202 has its record")


class Posting:
    """Calls for a disk that is full: which were taken, and the answers."""

    def __init__(self, site: Site, key: str) -> None:
        self._site, self._key = site, key
        self.taken: list[str] = []
        self.statuses: Counter[int] = Counter()
        self.without_retry_after = 0

    async def post(self, size: str) -> int:
        """One whole call, "large" or "small"; the status of the answer."""
        subject = f"{size}-{time.monotonic_ns()}"
        events = whole(FULL, subject, now_ms() - 5_000)
        if size == "large":
            filling = {"private": {"filling": "x" * 3_900}}
            events = [one | {"data": {**one["data"], **filling}} for one in events]
        answer = await self._site.post(self._key, events, 10.0)
        self.statuses[answer.status] += 1
        if answer.status == 202:
            self.taken.append(subject)
        elif answer.status == 503:
            self.without_retry_after += not answer.retry_after
        return answer.status

    async def until_refused(self) -> None:
        """Large calls, until some were refused."""
        end = time.monotonic() + FILL_S
        while time.monotonic() < end and self.statuses[503] < REFUSED_ENOUGH:
            await self.post("large")


async def _not_ready_under_load(site: Site, posting: Posting) -> dict[str, Any]:
    """Small calls go on, which may still find room in pages that are there: when the first was refused, and when
    /readyz said 503 while they were; None where that did not happen within 15 s.
    """
    began, refused, not_ready = time.monotonic(), None, None
    while time.monotonic() - began < NOT_READY_S and not_ready is None:
        status = await posting.post("small")
        passed = round(time.monotonic() - began, 2)
        if refused is None and status == 503:
            refused = passed
        if await site.ready() == 503:
            not_ready = passed
        elif status != 202:
            await pause(0.2)
    return {"small_refused_after_s": refused, "readyz_503_after_s": not_ready}


async def _posted_again(posting: Posting) -> float | None:
    """Seconds until a post is taken."""
    began = time.monotonic()
    while time.monotonic() - began < AGAIN_WITHIN_S:
        if await posting.post("again") == 202:
            return round(time.monotonic() - began, 2)
        await pause(0.2)
    return None
