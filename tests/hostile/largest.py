"""H3: the largest call that the contract allows: read, beside other posts; a stop and a start with it."""

import re
import time
from typing import Any

from tests.benchmarks.traffic import stamp
from tests.hostile.attack import Bench, attack
from tests.hostile.events import AGENT, HOLD, Event, event, in_batches, now_ms, opening
from tests.hostile.long_calls import shaped_calls
from tests.hostile.probing import probing
from tests.hostile.sending import send_all
from tests.hostile.site import Answer, KeyAsked, Site
from tests.hostile.verdict import Verdict, spread

SWITCH = "largest-1"
SOURCE = f"/switches/{SWITCH}"
EVENTS = 9_990
SECOND = {"connection": "a2", "device": "802", "agent": "1002"}
PRIVATE_BYTES = 400  # with the rest about 7 MB in all, less than the contract's 8 MiB
BATCH_EVENTS = 500
PAGE_MS_MAX = 200.0
ASKED_TIMES = 3  # the least counts: what else runs on the machine is not the product's
PAGES_MAX = 300
PAGE_BROKEN_OFF_S = 20.0
PAGES_S = 45.0
FOLDED_S = 60.0
STOP_S_MAX, START_S_MAX = 5.0, 10.0
COMMANDS_MIN = 1_900
CURSOR = re.compile("cursor|after|page", re.IGNORECASE)


def largest(subject: str) -> list[Event]:
    """One live call with as much in it as it may have: holds, each of which orders something, offers, digits. Their
    times are those at which they are sent.
    """
    private = {"private": {"filling": "x" * PRIVATE_BYTES}}
    kinds: list[tuple[str, dict[str, Any]]] = [
        ("held", HOLD), ("digitsGenerated", {"connection": "c1", "digits": "1"}), ("retrieved", HOLD),
        ("delivered", SECOND), ("diverted", SECOND),
    ]  # fmt: skip
    opened = [("offered", opening()), ("delivered", AGENT), ("established", AGENT)]
    rest = [kinds[number % len(kinds)] for number in range(EVENTS - len(opened))]
    return [
        event(SOURCE, subject, kind, 0, {**data, **private}, sequence=number)
        for number, (kind, data) in enumerate([*opened, *rest], 1)
    ]


@attack("H3-largest-call", 200)
async def largest_call(bench: Bench, verdict: Verdict) -> None:
    """A live call of 9,990 events and about 7 MB, whose holds have ordered 2,000 commands (two for each of the first
    1,000 holds, which are all that are measured). Each page of GET /v1/calls/{call} must take at most 200 ms (the least
    of three), while another tenant's posts, twenty a second, take at most 500 ms (p99), also beside calls of 3,000
    events with a thousand legs, ring-alls, conferences or holds, each with one late event; SIGTERM must end the process
    in order within 5 s, and a new start must be ready within 10 s.
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(), KeyAsked("other"))
        await site.declared(key, SWITCH)
        batches = in_batches(largest("largest"), BATCH_EVENTS)
        stamped = ([one | {"time": stamp(now_ms()).decode()} for one in batch] for batch in batches)
        sent = await send_all(site, key, stamped)
        verdict.figure["posts_of_the_call"] = sent.figure()
        verdict.must(sent.accepted == EVENTS, "its events are taken")
        call = await _there(site, key, sent.position, verdict)
        async with probing(site, other) as probe:
            await _pages(site, key, call, verdict)
            await shaped_calls(site, key, verdict)
        probe.judge(verdict)
        code, stop_s = await site.stop()
        start_s = await site.start()
        verdict.figure |= {"stop_s": stop_s, "exit_code": code, "restart_s": start_s}
        verdict.must(code == 0 and stop_s <= STOP_S_MAX, f"it stops in order within {STOP_S_MAX:g} s")
        verdict.must(start_s <= START_S_MAX, f"it is ready within {START_S_MAX:g} s of the start")
        after = await site.get(key, f"/v1/calls/{call}", PAGE_BROKEN_OFF_S)
        verdict.figure["after_restart"] = after.status
        verdict.must(after.status == 200, "the call is there after the start")


async def _there(site: Site, key: str, position: str, verdict: Verdict) -> str:
    """The id of the call, once all of its events are in the ledger."""
    folded = await site.caught_up(key, position, FOLDED_S)
    verdict.figure["folded_after_s"] = folded
    verdict.must(folded is not None, f"the call is folded within {FOLDED_S:g} s")
    found = await site.listed(key, source=SOURCE, subject="largest")
    assert found, "the largest call is not listed"
    return str(found[0]["call"])


async def _pages(site: Site, key: str, call: str, verdict: Verdict) -> None:
    """Ask for every page of the call, each a few times."""
    path = f"/v1/calls/{call}"
    parameter = await _cursor_parameter(site)
    cursor: str | None = None
    least_ms, sizes, events, end = list[float](), list[int](), list[str](), time.monotonic() + PAGES_S
    commands = interventions = 0
    for _ in range(PAGES_MAX):
        query = {parameter: cursor} if cursor else {}
        answers = list[Answer]()
        while len(answers) < ASKED_TIMES and (not answers or answers[-1].seconds < PAGE_BROKEN_OFF_S / 4):
            answers.append(await site.get(key, path, PAGE_BROKEN_OFF_S, **query))
        least_ms.append(min(answer.seconds for answer in answers) * 1000)
        last = answers[-1]
        if last.status != 200:
            verdict.must(False, f"each page is answered (status {last.status} after {last.seconds:.1f} s)")
            break
        page = last.json()
        sizes.append(len(last.text))
        events += [one["id"] for one in page.get("timeline") or () if not one["derived"]]
        commands = max(commands, page.get("commands_total", 0))
        interventions = max(interventions, page.get("interventions_total", 0))
        cursor = _cursor_of(page)
        if cursor is None or not parameter or time.monotonic() > end:
            break
    verdict.figure["pages"] = spread(least_ms) | {
        "events": len(events), "bytes": sum(sizes), "largest_bytes": max(sizes, default=0),
        "slowest_page": least_ms.index(max(least_ms)) + 1, "commands": commands, "interventions": interventions,
    }  # fmt: skip
    verdict.must(max(least_ms) <= PAGE_MS_MAX, f"each page of the call takes {PAGE_MS_MAX:g} ms at most")
    verdict.must(commands >= COMMANDS_MIN, f"its holds have ordered {COMMANDS_MIN} commands or more")
    verdict.must(sum(sizes) >= EVENTS * PRIVATE_BYTES, "the pages hold what each event carries")
    verdict.must(len(events) == len(set(events)) == EVENTS, "the pages together show every event of the call once")


async def _cursor_parameter(site: Site) -> str:
    """The query parameter by which a call is read on, as the OpenAPI document has it; empty where there is none."""
    document = (await site.ask("GET", "/openapi.json")).json()
    parameters = document["paths"]["/v1/calls/{call}"]["get"].get("parameters", ())
    names = [one["name"] for one in parameters if one.get("in") == "query" and CURSOR.search(one["name"])]
    return str(names[0]) if names else ""


def _cursor_of(page: dict[str, Any]) -> str | None:
    """Where the next page begins: the member whose name says so, at the top or beside the timeline."""
    for name, value in page.items():
        if re.search("cursor|next", name, re.IGNORECASE) and isinstance(value, str) and value:
            return value
    return None
