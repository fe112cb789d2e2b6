"""Metrics under attack: labels without an end, a scrape that holds everything up, a gauge below nothing."""

import time

from tests.hostile.attack import Bench, attack
from tests.hostile.events import event, in_batches, now_ms
from tests.hostile.probing import probing
from tests.hostile.readings import counted, samples
from tests.hostile.sending import send_all
from tests.hostile.site import ADMIN, EVERYTHING, KeyAsked, NotCarriedOut, Site, pause
from tests.hostile.verdict import Verdict

SOURCES = 20_000
BATCH = 1_000
SERIES_MAX = 5_000  # of one metric with the label `source`; the product may keep fewer
SCRAPE_MS_MAX = 1_000.0
SCRAPES = 3
AGENTS = 5
READ_S = 40.0
STEPS = (
    ("agentReady", "ready"), ("agentLoggedOff", "loggedOff"), ("agentLoggedOn", "loggedOn"), ("agentReady", "ready"),
    ("agentLoggedOff", "loggedOff"), ("agentLoggedOff", "loggedOff"),
)  # fmt: skip


@attack("M-metrics-labels", 150)
async def metrics_labels(bench: Bench, verdict: Verdict) -> None:
    """One key sends an agent's event from each of 20,000 sources. No metric may have 5,000 series of sources or
    more, the rest must count as `other`; a scrape must take 1 s at most (the least of three), and other tenants'
    posts 500 ms (p99) while it is made.
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(scopes=f"{EVERYTHING},{ADMIN}"), KeyAsked("other"))
        sent = (event(f"/switches/n{n}", "1", "agent.agentReady", now_ms()) for n in range(SOURCES))
        posts = await send_all(site, key, in_batches(sent, BATCH))
        read = await _all_read(site)
        verdict.figure["posts_of_the_sources"] = posts.figure() | {"read_by_the_engine": read}
        verdict.must(posts.accepted == SOURCES, "an event of each source is taken")
        verdict.must(read >= SOURCES, f"the engine has read them within {READ_S:g} s")
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
        verdict.must(series.get(most, 0) > 1, "sources have series of their own")
        verdict.must(bool(text) and min(took) <= SCRAPE_MS_MAX, f"a scrape takes {SCRAPE_MS_MAX:g} ms at most")
        verdict.must(series.get(most, 0) < SERIES_MAX, f"a metric has fewer than {SERIES_MAX} series of sources")
        verdict.must(others, "sources beyond the limit count as `other`")


async def _all_read(site: Site) -> int:
    """How many events the engine has committed, once that is all of them, or time is up."""
    read, end = 0.0, time.monotonic() + READ_S
    while read < SOURCES and time.monotonic() < end:
        await pause(0.5)
        read = await counted(site, "ringback_round_events_sum")
    return int(read)


@attack("M-agents-gauge", 60)
async def agents_gauge(bench: Bench, verdict: Verdict) -> None:
    """Agents who were never heard of log on, get ready, and log off, in order and the other way round, before and
    after a new start: `ringback_agents` must never be below 0 in any state, and its sum never above the number of
    agents.
    """
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        seen, wrong = [await _gauge(site)], list[str]()
        for kind, state in STEPS:
            await _agents(site, key, kind, now_ms())
            seen.append(await _gauge(site))
            if seen[-1].get(state) != AGENTS:
                wrong.append(f"{kind}: {seen[-1]}")
        await _agents(site, key, "agentReady", now_ms() - 60_000)
        seen.append(await _gauge(site))
        code, _ = await site.stop()
        await site.start()
        seen.append(await _gauge(site))
        answer = await site.sent(key, [event("/switches/g", "new", "agent.agentLoggedOff", now_ms())])
        await site.caught_up(key, answer.json()["position"], READ_S)
        seen.append(await _gauge(site))
        least = min((value for gauge in seen for value in gauge.values()), default=None)
        most = max((sum(gauge.values()) for gauge in seen), default=0.0)
        verdict.figure |= {"least": least, "largest_sum": most, "looks": seen, "exit_code": code}
        verdict.must(not wrong, f"after each step all agents are in its state ({'; '.join(wrong)})")
        verdict.must(least is not None and least >= 0, "the gauge is never below 0")
        verdict.must(most <= AGENTS + 1, "no agent counts twice")


async def _agents(site: Site, key: str, kind: str, at_ms: int) -> None:
    """An event of every agent; returns when the engine has committed them. Raises NotCarriedOut."""
    events = [event("/switches/g", f"{n}", f"agent.{kind}", at_ms, {"device": f"8{n}"}) for n in range(AGENTS)]
    answer = await site.sent(key, events)
    if await site.caught_up(key, answer.json()["position"], READ_S) is None:
        raise NotCarriedOut(f"{kind} of {AGENTS} agents is not committed within {READ_S:g} s")


async def _gauge(site: Site) -> dict[str, float]:
    """The agents by state."""
    found = samples((await site.ask("GET", "/metrics")).text).get("ringback_agents", [])
    return {labels.get("state", ""): value for labels, value in found}
