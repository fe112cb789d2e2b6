"""H1 and the keys: calls whose keys look alike, switches that share a source, what a bound key may do and read."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.hostile.attack import Bench, attack
from tests.hostile.events import AGENT, event, now_ms, opening, talking, whole
from tests.hostile.site import EVERYTHING, READ, REVEAL, KeyAsked, Site, commands_ran, pause
from tests.hostile.verdict import Verdict

ROUNDS = 40
EXPIRES_S = 6.0
EXPIRED_WITHIN_S = 12.0
OWN, OTHER = "/switches/own", "/switches/other"


@attack("H1-colliding-keys", 60)
async def colliding_keys(bench: Bench, verdict: Verdict) -> None:
    """Two switches of one tenant with the sources "pbx" and "pbx:1"; the one has a call "1:9", the other a call "9",
    with the same event ids, at one time. A key that is bound to the second ends its own call: there must be two calls,
    and the first must live on with its own caller.
    """
    async with bench.site() as site:
        every, first, second = await site.keys(
            KeyAsked(scopes=f"{EVERYTHING},{REVEAL}"), KeyAsked(switches="first"), KeyAsked(switches="second")
        )
        declared = [(await site.declare(every, switch, source=source)).status for switch, source in SOURCES.items()]
        at_ms = now_ms() - 2_000
        posts = [
            await _opened(site, first, "pbx", "1:9", "+8679100000001", at_ms),
            await _opened(site, second, "pbx:1", "9", "+8679100000002", at_ms),
            (await site.post(second, [event("pbx:1", "9", "callCleared", now_ms(), id="end")])).status,
        ]
        ended = await site.comes(every, 10.0, source="pbx:1", subject="9", state="ended")
        one = await _one(site, every, source="pbx", subject="1:9")
        two = await _one(site, every, source="pbx:1", subject="9")
        verdict.figure |= {
            "declared": declared,
            "posts": posts,
            "ended_after_s": ended,
            "calls": {"1:9": one, "9": two},
        }
        verdict.must(
            set(declared) == {200} and set(posts) == {202}, "both switches are declared, and their events taken"
        )
        verdict.must(bool(one) and bool(two) and one.get("call") != two.get("call"), "there are two calls")
        verdict.must(one.get("state") == "live", "the first call lives on")
        verdict.must(two.get("state") == "ended", "the second call has ended")
        whole_one = await site.seen(every, f"/v1/calls/{one.get('call')}")
        verdict.must("+8679100000001" in whole_one.text, "the first call has its own caller, whom this key may read")
        verdict.must("+8679100000002" not in whole_one.text, "nothing of the second call is in the first")


SOURCES = {"first": "pbx", "second": "pbx:1"}


async def _opened(site: Site, key: str, source: str, subject: str, caller: str, at_ms: int) -> int:
    events = [
        event(source, subject, "offered", at_ms, opening(calling=caller), id="e1"),
        event(source, subject, "delivered", at_ms + 1, dict(AGENT), id="e2"),
        event(source, subject, "established", at_ms + 500, dict(AGENT), id="e3"),
    ]
    return (await site.post(key, events)).status


async def _one(site: Site, key: str, **query: str) -> dict[str, Any]:
    """The one call that matches, or nothing."""
    found = await site.listed(key, **query)
    names = ("call", "source", "subject", "state", "outcome")
    return {name: found[0][name] for name in names} if len(found) == 1 else {}


@attack("M-one-source-two-switches", 60)
async def one_source_two_switches(bench: Bench, verdict: Verdict) -> None:
    """Forty times two switches declare one and the same source at the same moment: never may both be taken."""
    async with bench.site() as site:
        [key] = await site.keys(KeyAsked())
        both, neither, statuses = 0, 0, set[int]()
        for number in range(ROUNDS):
            source = f"pbx-{number}"
            names = (f"a-{number}", f"b-{number}")
            answers = await asyncio.gather(*(site.declare(key, name, source=source) for name in names))
            taken = [answer.status for answer in answers].count(200)
            shown = [await site.ask("GET", f"/v1/switches/{name}", key) for name in names]
            stand = sum(answer.status == 200 and answer.json()["source"] == source for answer in shown)
            both += taken > 1 or stand > 1
            neither += taken == 0
            statuses |= {answer.status for answer in answers}
        verdict.figure |= {"rounds": ROUNDS, "both_taken": both, "neither_taken": neither, "statuses": sorted(statuses)}
        verdict.must(not both, "one source never belongs to two switches")
        verdict.must(not neither, "one of the two is taken")
        verdict.must(statuses <= {200, 409}, "the other gets 409")


@attack("M-undeclared-source", 60)
async def undeclared_source(bench: Bench, verdict: Verdict) -> None:
    """A source sends calls without having been declared. A key that is bound to another switch declares its switch with
    this source, and then ends the call: both must be refused, and the call must live on.
    """
    async with bench.site() as site:
        every, bound = await site.keys(KeyAsked(), KeyAsked(switches="mine"))
        await site.sent(every, talking("pbx-silent", "kept", now_ms() - 5_000))
        await site.comes(every, 5.0, source="pbx-silent", state="live")
        declared = await site.declare(bound, "mine", source="pbx-silent")
        await pause(0.5)
        posted = await site.post(bound, [event("pbx-silent", "kept", "callCleared", now_ms())])
        await pause(1.0)
        state = (await _one(site, every, source="pbx-silent", subject="kept")).get("state")
        own = await site.declare(bound, "mine")
        await site.sent(every, [event("pbx-silent", "kept", "callCleared", now_ms())])
        ended = await site.comes(every, 10.0, source="pbx-silent", subject="kept", state="ended")
        verdict.figure |= {
            "declaration": declared.status, "post": posted.status, "call": state, "own": own.status,
            "ended_by_its_own_key_after_s": ended,
        }  # fmt: skip
        verdict.must(ended is not None, "the same event from a key that may send it ends the call")
        verdict.must(declared.status in (403, 409), "the declaration is refused")
        verdict.must(posted.status in (403, 422), "the event is refused")
        verdict.must(state == "live", "the call lives on")
        verdict.must(own.status == 200, "its own source is still its own")


@attack("M-bound-key-reads", 60)
async def bound_key_reads(bench: Bench, verdict: Verdict) -> None:
    """A key that is bound to one switch, with calls:read, reads every list, each call, records, breaches, figures and
    CSV of a tenant with two switches: it must see the calls of its own switch and nothing of the other's.
    """
    async with bench.site() as site:
        every, bound = await site.keys(KeyAsked(), KeyAsked(scopes=READ, switches="own"))
        at_ms = now_ms() - 60_000
        for source in (OWN, OTHER):
            await site.sent(every, [*_slow(source, "slow", at_ms), *talking(source, "open", now_ms() - 3_000)])
        await site.comes(every, 10.0, 2, state="ended")
        calls = {one["source"]: one["call"] for one in await site.listed(every, state="ended")}
        pages = {path: await site.get(bound, path) for path in ("/v1/calls", "/v1/records", "/v1/breaches")}
        pages["csv"] = await site.get(bound, "/v1/calls", accept="text/csv")
        pages["filter"] = await site.get(bound, "/v1/calls", source=OTHER)
        leaks = [name for name, page in pages.items() if OTHER in page.text or calls[OTHER] in page.text]
        sees = [name for name, page in pages.items() if OWN in page.text or calls[OWN] in page.text]
        others = (await site.get(bound, f"/v1/calls/{calls[OTHER]}")).status
        own = (await site.get(bound, f"/v1/calls/{calls[OWN]}")).status
        figures = (await site.get(bound, "/v1/indicators")).json()
        groups = (await site.seen(bound, "/v1/indicators", by="queue")).text
        hidden = {path: await site.seen(every, path) for path in ("/v1/calls", "/v1/records", "/v1/breaches")}
        hidden["by queue"] = await site.seen(every, "/v1/indicators", by="queue")
        there = [name for name, page in hidden.items() if OTHER in page.text or "queue-of-other" in page.text]
        verdict.must(there == [*hidden], "a key that may see both switches sees the other in every list")
        verdict.figure |= {
            "shown_of_the_other": leaks, "shown_of_its_own": sees, "other_call": others, "own_call": own,
            "statuses": {name: page.status for name, page in pages.items()}, "indicator_calls": figures.get("calls"),
        }  # fmt: skip
        verdict.must(not leaks, "no list shows the other switch's calls")
        verdict.must(sees == ["/v1/calls", "/v1/records", "/v1/breaches", "csv"], "each list shows its own calls")
        verdict.must(others == 404, "the other's call is not found")
        verdict.must(own == 200, "its own call is found")
        verdict.must("queue-of-own" in groups, "figures by queue show its own")
        verdict.must(figures.get("calls") == 1 and "queue-of-other" not in groups, "figures are of its own calls")


def _slow(source: str, subject: str, at_ms: int) -> list[dict[str, Any]]:
    """A call whose ringing breaks RING-1, in a queue named after its switch."""
    caller = {"connection": "c1"}
    queue = f"queue-of-{source.rpartition('/')[2]}"
    return [
        event(source, subject, "offered", at_ms, opening()),
        event(source, subject, "queued", at_ms, {**caller, "queue": queue}),
        event(source, subject, "delivered", at_ms, {**AGENT, "queue": queue}),
        event(source, subject, "established", at_ms + 20_000, dict(AGENT)),
        event(source, subject, "callCleared", at_ms + 30_000),
    ]


@attack("M-keys-expire", 60)
async def keys_expire(bench: Bench, verdict: Verdict) -> None:
    """A key that is made to expire in a few seconds (by the option of `ringback keys create` whose name has "expire" in
    it) is used before and after: it must work, then get 401 within 12 s, while another key works on.
    """
    async with bench.site() as site:
        [lasting] = await site.keys(KeyAsked())
        [(_, text, _)] = await commands_ran([["keys", "create", "--help"]])
        option = next((word.strip(",[]") for word in text.split() if word.startswith("--") and "expire" in word), "")
        verdict.figure["option"] = option
        verdict.must(bool(option), "keys create has an option for the time at which a key expires")
        key = await _expiring(site, option) if option else ""
        verdict.must(bool(key), "a key can be made that expires in a few seconds")
        if not key:
            return
        before = (await site.post(key, whole("/switches/own", "e1", now_ms() - 5_000))).status
        await pause(EXPIRED_WITHIN_S)
        refused = await site.get(key, "/v1/calls")
        after = refused.status
        other = (await site.get(lasting, "/v1/calls")).status
        verdict.figure |= {"before": before, "after": after, "lasting_key": other}
        verdict.must(before == 202, "the key works before it expires")
        verdict.must("key_expired" in refused.text, "the refusal says that the key has expired")
        verdict.must(after == 401, f"the key is refused within {EXPIRED_WITHIN_S:g} s")
        verdict.must(other == 200, "a key without an end works on")


async def _expiring(site: Site, option: str) -> str:
    """A key that ends in EXPIRES_S; the option takes an instant, or a duration in one of the usual forms."""
    instant = (datetime.now(UTC) + timedelta(seconds=EXPIRES_S)).isoformat(timespec="milliseconds")
    forms = [instant.replace("+00:00", "Z"), f"{EXPIRES_S:g}s", f"{EXPIRES_S:g}", f"{EXPIRES_S / 86_400:.8f}"]
    if "day" in option:
        forms = forms[-1:]
    ran = await commands_ran([KeyAsked(scopes=EVERYTHING, more=(option, form)).arguments(site.db) for form in forms])
    keys = [out for code, out, _ in ran if code == 0]
    return str(json.loads(keys[0])["key"]) if keys else ""
