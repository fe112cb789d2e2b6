"""Metrics under attack: labels without an end, a scrape that holds everything up, a gauge below nothing."""

import time
from collections import Counter
from collections.abc import Iterable

from tests.hostile.attack import Bench, attack
from tests.hostile.events import Event, event, in_batches, now_ms
from tests.hostile.probing import probing
from tests.hostile.readings import samples
from tests.hostile.site import ADMIN, EVERYTHING, KeyAsked, Site, pause
from tests.hostile.verdict import Verdict

SOURCES = 20_000
BATCH = 1_000
SERIES_MAX = 5_000  # of one metric with the label `source`; the product may keep fewer
SCRAPE_MS_MAX = 1_000.0
SCRAPES = 3
AGENTS = 5


@attack("M-metrics-labels", 150)
async def metrics_labels(bench: Bench, verdict: Verdict) -> None:
    """One key sends an agent's event from each of 20,000 sources. No metric may have 5,000 series of sources or
    more, the rest must count as `other`; a scrape must take 1 s at most (the least of three), and other tenants'
    posts 500 ms (p99) while it is made.
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(scopes=f"{EVERYTHING},{ADMIN}"), KeyAsked("other"))
        sent = (event(f"/switches/n{n}", "1", "agent.agentReady", now_ms()) for n in range(SOURCES))
        statuses = await _posted(site, key, sent)
        await _settled(site)
        verdict.figure["posts_of_the_sources"] = statuses
        took, text = list[float](), ""
        async with probing(site, other) as probe:
            for _ in range(SCRAPES):
                answer = await site.ask("GET", "/metrics", within_s=20.0)
                took.append(answer.seconds * 1000)
                text = answer.text
                await pause(0.3)
        probe.judge(verdict)
        series = {name: sum("source" in labels for labels, _ in found) for name, found in samples(text).items()}
        most = max(series, key=lambda name: series[name], default="")
        others = any(labels.get("source") == "other" for found in samples(text).values() for labels, _ in found)
        verdict.figure |= {
            "scrape_ms": [round(each, 1) for each in took], "bytes": len(text), "most_series": series.get(most, 0),
            "of": most, "has_other": others,
        }  # fmt: skip
        verdict.must(bool(text) and min(took) <= SCRAPE_MS_MAX, f"a scrape takes {SCRAPE_MS_MAX:g} ms at most")
        verdict.must(series.get(most, 0) < SERIES_MAX, f"a metric has fewer than {SERIES_MAX} series of sources")
        verdict.must(others, "sources beyond the limit count as `other`")


async def _posted(site: Site, key: str, events: Iterable[Event]) -> dict[int, int]:
    """Post all; what gets 429 or 503 is posted again."""
    statuses = Counter[int]()
    for batch in in_batches(events, BATCH):
        for _ in range(40):
            status = (await site.post(key, batch)).status
            statuses[status] += 1
            if status not in (429, 503):
                break
            await pause(0.5)
    return dict(statuses)


async def _settled(site: Site) -> None:
    """Return when two looks a moment apart find as many series: the engine has read what was posted."""
    before, end = -1, time.monotonic() + 40.0
    while time.monotonic() < end:
        now = len((await site.ask("GET", "/metrics", within_s=20.0)).text)
        if now == before:
            return
        before = now
        await pause(1.0)


@attack("M-agents-gauge", 60)
async def agents_gauge(bench: Bench, verdict: Verdict) -> None:
    """Agents who were never heard of log on, get ready, and log off, in order and the other way round, before and
    after a new start: `ringback_agents` must never be below 0 in any state, and its sum never above the number of
    agents.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        seen = [await _gauge(site)]
        kinds = ("agentReady", "agentLoggedOff", "agentLoggedOn", "agentReady", "agentLoggedOff", "agentLoggedOff")
        for kind in kinds:
            events = [
                event("/switches/g", f"{n}", f"agent.{kind}", now_ms(), {"device": f"8{n}"}) for n in range(AGENTS)
            ]
            await site.post(key, events)
            await pause(0.3)
            seen.append(await _gauge(site))
        late = [
            event("/switches/g", f"{n}", "agent.agentReady", now_ms() - 60_000, {"device": f"8{n}"})
            for n in range(AGENTS)
        ]
        await site.post(key, late)
        await pause(0.3)
        seen.append(await _gauge(site))
        await site.stop()
        await site.start()
        seen.append(await _gauge(site))
        await site.post(key, [event("/switches/g", "new", "agent.agentLoggedOff", now_ms())])
        await pause(0.3)
        seen.append(await _gauge(site))
        least = min((value for gauge in seen for value in gauge.values()), default=None)
        most = max((sum(gauge.values()) for gauge in seen), default=0.0)
        verdict.figure |= {"least": least, "largest_sum": most, "looks": seen}
        verdict.must(least is not None and least >= 0, "the gauge is never below 0")
        verdict.must(most <= AGENTS + 1, "no agent counts twice")


async def _gauge(site: Site) -> dict[str, float]:
    """The agents by state."""
    found = samples((await site.ask("GET", "/metrics")).text).get("ringback_agents", [])
    return {labels.get("state", ""): value for labels, value in found}
