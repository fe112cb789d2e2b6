"""Calls of thousands of events whose cost is in their shape: many legs, ring-alls, conferences, holds."""

from tests.benchmarks.traffic import stamp
from tests.hostile.events import Event, event, in_batches, now_ms
from tests.hostile.sending import send_all
from tests.hostile.site import Site
from tests.hostile.verdict import Verdict
from tests.unit.core.long_calls import LONG, SHAPES

SHAPED = (
    "many answer", "many ring, all stop", "ring-alls end at once", "many speak, conferences",
    "many speak, each is held",
)  # fmt: skip
SHAPED_EVENTS = 3_000
BATCH_EVENTS = 1_000
OLD_MS = 600_000
FOLDED_S = 20.0
LATE_FOLDED_S_MAX = 3.0


def shaped(name: str, source: str, count: int) -> list[Event]:
    """So many events of one call of this shape, that began ten minutes ago."""
    begin_ms = now_ms() - OLD_MS
    return [event(source, LONG, kind, begin_ms + at_ms, data) for at_ms, kind, data in SHAPES[name](count)]


async def shaped_calls(site: Site, key: str, verdict: Verdict) -> None:
    """Post a call of each shape, in order and in full requests; then one late event, after which all is folded anew."""
    figures: dict[str, dict[str, float | None]] = {}
    for number, name in enumerate(SHAPED):
        source, begin_ms = f"/switches/shaped-{number}", now_ms() - OLD_MS
        events = shaped(name, source, SHAPED_EVENTS)
        sent = await send_all(site, key, in_batches(events, BATCH_EVENTS))
        folded = await site.caught_up(key, sent.position, FOLDED_S)
        late = event(source, LONG, "networkReached", 0, {"connection": "c"}) | {"time": stamp(begin_ms + 1).decode()}
        sent_late = await send_all(site, key, [[late]])
        folded_late = await site.caught_up(key, sent_late.position, FOLDED_S)
        figures[name] = {"folded_after_s": folded, "late_folded_after_s": folded_late}
        verdict.must(sent.accepted == len(events), f"{name}: its events are taken")
        in_time = folded is not None and folded_late is not None and folded_late <= LATE_FOLDED_S_MAX
        verdict.must(in_time, f"{name}: one late event is folded within {LATE_FOLDED_S_MAX:g} s")
    verdict.figure["shaped_calls"] = figures
