"""C2 and H7: late events, a flood by one key, a call with too much in it; another tenant's work beside them."""

import asyncio
import contextlib
import json
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from typing import Any

from tests.hostile import flood as flooding_client
from tests.hostile.attack import Bench, attack
from tests.hostile.events import HOLD, Event, event, in_batches, now_ms, opening, talking
from tests.hostile.readings import counted
from tests.hostile.site import ROOT, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict
from tests.hostile.witness import Witness

LATE_EVENTS = 9_900
LATE_EVERY_MS = 20
LATE_BATCH = 100
LATE_AT_ONCE = 4
FLOOD_S = 20.0
DUE_AFTER_S = 12.0
HEAD_START_S = 2.0  # the attack begins so long before the first command is due
FOLDED_S = 30.0
CALL_EVENTS_MAX = 10_000  # the contract's
TOO_MANY = 10_500


@contextlib.asynccontextmanager
async def _witnessed(bench: Bench, verdict: Verdict) -> AsyncIterator[tuple[Site, str]]:
    """(site, the attacker's key): a witness's 20 calls ring, and the block is entered just before RING-1 is due. At the
    end it is judged.
    """
    async with bench.site() as site:
        attacker, other = await site.keys(KeyAsked("attacker"), KeyAsked("witness"))
        witness = Witness(site, other)
        async with witness.at_work():
            began = time.monotonic()
            await witness.ring()
            await pause(DUE_AFTER_S - HEAD_START_S - (time.monotonic() - began))
            yield site, attacker
            await witness.settled()
            await witness.end_calls()
            witness.judge(verdict)
            await witness.none_lost(verdict)


def _newest_first(source: str, subject: str, end_ms: int) -> list[Event]:
    """So many events of one call, the last one first: holds that begin and end."""
    begin_ms = end_ms - LATE_EVENTS * LATE_EVERY_MS
    kinds = [("retrieved", "held")[number % 2] for number in range(LATE_EVENTS)]
    events = [event(source, subject, kind, begin_ms + n * LATE_EVERY_MS, dict(HOLD)) for n, kind in enumerate(kinds, 1)]
    return events[::-1]


@attack("C2-late-events", 150)
async def late_events(bench: Bench, verdict: Verdict) -> None:
    """9,900 events of one call, the newest first, in requests of 100, four at a time, 2 s before the 20 RING-1 commands
    of another tenant are due: all of these must come, each at most 500 ms late, none of its calls may be lost; and the
    attacker's call must be folded within 30 s.
    """
    source = "/switches/late-1"
    async with _witnessed(bench, verdict) as (site, key):
        end_ms = now_ms() - 2_000
        begin_ms = end_ms - LATE_EVENTS * LATE_EVERY_MS
        await site.post(key, talking(source, "late", begin_ms - 10_000))
        began = time.monotonic()
        statuses = await _posted(site, key, _newest_first(source, "late", end_ms))
        posted_s = round(time.monotonic() - began, 2)
        folded = await _folded(site, key, source)
        verdict.figure["late_events"] = {
            "events": LATE_EVENTS, "statuses": statuses, "posted_s": posted_s, "folded_after_s": folded
        }  # fmt: skip
        verdict.must(folded is not None, f"the late events are folded within {FOLDED_S:g} s")
        verdict.must(statuses.get(202, 0) == LATE_EVENTS // LATE_BATCH, "every late event is taken in the end")


async def _posted(site: Site, key: str, events: list[Event]) -> dict[int, int]:
    """Post them in their order, several requests at a time; what gets 429 or 503 is posted again."""
    batches, statuses = iter(list(in_batches(events, LATE_BATCH))), Counter[int]()

    async def lane(batches: Iterator[list[Event]]) -> None:
        for batch in batches:
            for _ in range(60):
                answer = await site.post(key, batch, 20.0)
                statuses[answer.status] += 1
                if answer.status not in (0, 429, 503):
                    break
                await pause(0.5)

    await asyncio.gather(*(lane(batches) for _ in range(LATE_AT_ONCE)))
    return dict(sorted(statuses.items()))


async def _folded(site: Site, key: str, source: str) -> float | None:
    """Seconds until an event that was posted now, behind all others of the call, shows in the list of calls."""
    began = time.monotonic()
    await site.post(key, [event(source, "late", "callCleared", now_ms())], FOLDED_S)
    return await site.comes(key, FOLDED_S - (time.monotonic() - began), source=source, state="ended")


async def _flooded(site: Site, key: str, **job: Any) -> dict[str, Any]:
    """What the flooding client saw; it ends by itself, and is ended where it does not."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.hostile.flood",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    try:
        given = {"url": site.process.url, "key": key, **job}
        out, _ = await asyncio.wait_for(process.communicate(json.dumps(given).encode()), job["seconds"] + 30.0)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    seen: dict[str, Any] = json.loads(out)
    return seen


@attack("C2-flood", 180)
async def flood(bench: Bench, verdict: Verdict) -> None:
    """One key posts whole calls in requests of 980 events on eight connections, as fast as they are answered, for
    20 s around the time at which another tenant's 20 RING-1 commands are due. It must get 429 with Retry-After once
    its events outrun the engine; the other tenant must be taken at once, its commands must all come at most 500 ms
    late, and no call that either was promised may be lost.
    """
    async with _witnessed(bench, verdict) as (site, key):
        await site.declare(key, flooding_client.SWITCH)
        seen = await _flooded(site, key, seconds=FLOOD_S)
        statuses = {int(status): count for status, count in seen["statuses"].items()}
        verdict.figure["flood"] = seen
        verdict.must(statuses.get(429, 0) > 0, "the key that floods gets 429")
        verdict.must(not seen["without_retry_after"], "each refusal carries Retry-After")
        verdict.must(set(statuses) <= {202, 429, 503}, "the flood gets 202, 429 or 503")
        records = await _records(site, key, seen["calls"], 60.0)
        verdict.figure["flood"]["records"] = records
        verdict.must(records >= seen["calls"], "every call of the flood that got 202 has its record within 60 s")


async def _records(site: Site, key: str, wanted: int, within_s: float) -> int:
    """How many calls of the tenant have ended, as the indicators say; asked until it is enough."""
    end, found = time.monotonic() + within_s, 0
    while time.monotonic() < end and found < wanted:
        answer = await site.get(key, "/v1/indicators", 20.0)
        found = int(answer.json()["calls"]) if answer.status == 200 else found
        await pause(0.5)
    return found


@attack("C2-call-too-large", 90)
async def call_too_large(bench: Bench, verdict: Verdict) -> None:
    """10,500 events of one call, in their order: what is beyond the contract's 10,000 must be set aside as
    `call_too_large` (counted by `ringback_events_dead_lettered_total`), and the tenant's next call must be a record
    within 10 s.
    """
    source = "/switches/large-1"
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        begin_ms = now_ms() - 600_000
        first = event(source, "large", "offered", begin_ms, opening())
        rest = [
            event(source, "large", "speechDetected", begin_ms + n, {"connection": "c1"}) for n in range(1, TOO_MANY)
        ]
        statuses = Counter[int]()
        for batch in in_batches([first, *rest], 1_000):
            for _ in range(20):
                status = (await site.post(key, batch)).status
                statuses[status] += 1
                if status not in (429, 503):
                    break
                await pause(1.0)
        took = await _next_call(site, key, source)
        name = "ringback_events_dead_lettered_total"
        aside = await counted(site, name, reason="call_too_large")
        verdict.figure["call"] = {
            "events": TOO_MANY, "limit": CALL_EVENTS_MAX, "set_aside": aside, "next_call_after_s": took,
            "statuses": dict(statuses),
        }  # fmt: skip
        verdict.must(aside == TOO_MANY - CALL_EVENTS_MAX, "what is beyond the limit is set aside as call_too_large")
        verdict.must(took is not None, "the next call is a record within 10 s")


async def _next_call(site: Site, key: str, source: str) -> float | None:
    subject = "next"
    await site.post(key, [event(source, subject, "offered", now_ms(), opening())])
    await site.post(key, [event(source, subject, "callCleared", now_ms())])
    return await site.comes(key, 10.0, source=source, subject=subject, state="ended")
