"""C2 and H7: late events, a flood by one key, a call with too much in it; another tenant's work beside them."""

import asyncio
import contextlib
import json
import sys
import time
from collections.abc import AsyncIterator
from typing import Any

from tests.hostile import flood as flooding_client
from tests.hostile.attack import Bench, attack
from tests.hostile.events import HOLD, Event, event, in_batches, now_ms, opening, talking
from tests.hostile.long_calls import SHAPED, shaped
from tests.hostile.readings import counted
from tests.hostile.sending import send_all
from tests.hostile.site import ROOT, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict
from tests.hostile.witness import CALLS, Witness
from tests.unit.core.long_calls import LONG

LATE = "/switches/late-1"
LATE_EVENTS = 9_900
LATE_EVERY_MS = 20
LATE_BATCH = 100
LATE_AT_ONCE = 4
LATE_HEAD_START_S, LATE_OVER_S = 0.1, 0.8  # so close together, for this attack may be over within a second
FLOOD_S = 20.0
FLOOD_HEAD_START_S, FLOOD_OVER_S = 2.0, 4.0
FOLDED_S = 30.0
CALL_EVENTS_MAX = 10_000  # the contract's
TOO_MANY = 10_500
LATE_DUE_MIN = 5  # of the 20 commands
DEAD_LETTERED = "ringback_events_dead_lettered_total"


@contextlib.asynccontextmanager
async def _witnessed(
    bench: Bench, verdict: Verdict, head_start_s: float, over_s: float
) -> AsyncIterator[tuple[Site, str, Witness]]:
    """(site, the attacker's key, the witness): its 20 calls ring within `over_s`, and the block is entered
    `head_start_s` before the first RING-1 is due. At the end the witness is judged.
    """
    async with bench.site() as site:
        attacker, other = await site.keys(KeyAsked("attacker"), KeyAsked("witness"))
        witness = Witness(site, other)
        async with witness.at_work():
            await witness.ring(over_s=over_s)
            await pause((witness.first_due_ms - now_ms()) / 1000 - head_start_s)
            yield site, attacker, witness
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
    """9,900 events of one call, the newest first, in requests of 100, four at a time, while the 20 RING-1 commands of
    another tenant are due: all of these must come, each at most 500 ms late, none of its calls may be lost; and the
    attacker's call must be folded within 30 s, with every event.
    """
    end_ms = now_ms() - 2_000
    begins = talking(LATE, "late", end_ms - LATE_EVENTS * LATE_EVERY_MS - 10_000)
    await _late_beside_others(bench, verdict, "late", begins, _newest_first(LATE, "late", end_ms))


@attack("C2-late-shapes", 300)
async def late_shapes(bench: Bench, verdict: Verdict) -> None:
    """The same with calls whose cost is in their shape: of many legs, ring-alls, conferences and holds."""
    for name in SHAPED:
        of_shape = Verdict()
        events = shaped(name, LATE, LATE_EVENTS)[::-1]
        await _late_beside_others(bench, of_shape, LONG, [], events)
        verdict.figure[name] = of_shape.figure
        verdict.wrong += [f"{name}: {rule}" for rule in of_shape.wrong]


async def _late_beside_others(
    bench: Bench, verdict: Verdict, subject: str, begins: list[Event], late: list[Event]
) -> None:
    async with _witnessed(bench, verdict, LATE_HEAD_START_S, LATE_OVER_S) as (site, key, witness):
        began_ms = now_ms()
        if begins:
            await site.sent(key, begins)
        sent = await send_all(site, key, [*in_batches(late, LATE_BATCH)], LATE_AT_ONCE)
        posted_s = (now_ms() - began_ms) / 1000
        folded = await _folded(site, key, LATE, subject)
        ended_ms = now_ms()
        aside = await counted(site, DEAD_LETTERED)
        verdict.figure["late_events"] = {
            "events": len(late), **sent.figure(), "posted_s": posted_s, "folded_after_s": folded, "set_aside": aside
        }  # fmt: skip
        verdict.must(sent.accepted == len(late), "every late event is taken in the end")
        verdict.must(folded is not None, f"the late events are folded within {FOLDED_S:g} s")
        verdict.must(aside == 0, "none of them is set aside: they are all of one call, within its limits")
        witness.due_meanwhile(verdict, began_ms, ended_ms, LATE_DUE_MIN)


async def _folded(site: Site, key: str, source: str, subject: str) -> float | None:
    """Seconds until an event that is posted now, after all others of the call, shows in the list of calls."""
    began = time.monotonic()
    await site.sent(key, [event(source, subject, "callCleared", now_ms())], FOLDED_S)
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
    async with _witnessed(bench, verdict, FLOOD_HEAD_START_S, FLOOD_OVER_S) as (site, key, witness):
        await site.declared(key, flooding_client.SWITCH)
        seen = await _flooded(site, key, seconds=FLOOD_S)
        ended_ms = now_ms()
        statuses = {int(status): count for status, count in seen["statuses"].items()}
        verdict.figure["flood"] = seen
        witness.due_meanwhile(verdict, ended_ms - int(seen["seconds"] * 1000), ended_ms, CALLS)
        verdict.must(seen["calls"] > 0, "calls of the flood are taken")
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
        sent = await send_all(site, key, in_batches([first, *rest], 1_000))
        took = await _next_call(site, key, source)
        aside = await counted(site, DEAD_LETTERED, reason="call_too_large")
        verdict.figure["call"] = {
            "events": TOO_MANY, "limit": CALL_EVENTS_MAX, "set_aside": aside, "next_call_after_s": took,
            **sent.figure(),
        }  # fmt: skip
        verdict.must(sent.accepted == TOO_MANY, "every event is taken at the door")
        verdict.must(aside == TOO_MANY - CALL_EVENTS_MAX, "what is beyond the limit is set aside as call_too_large")
        verdict.must(took is not None, "the next call is a record within 10 s")


async def _next_call(site: Site, key: str, source: str) -> float | None:
    subject = "next"
    await site.sent(key, [event(source, subject, "offered", now_ms(), opening())])
    await site.sent(key, [event(source, subject, "callCleared", now_ms())])
    return await site.comes(key, 10.0, source=source, subject=subject, state="ended")
