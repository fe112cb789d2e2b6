"""How late rules fire with many calls alive: from when they are due to the byte on the switch's command stream."""

from collections.abc import Iterator

from tests.benchmarks.figures import Figure, quantile
from tests.benchmarks.processes import done, spoken
from tests.benchmarks.stores import Fresh
from tests.benchmarks.traffic import COMMANDS, SWITCH
from tests.benchmarks.wire import Door

CALLS, HELD = 10_000, 6_000
LOAD_S, WINDOW_S = 30.0, 60.0  # 100 holds/s: more than double what 10,000 calls of four minutes, each held once, bring
NEVER_MS = 6_000.0  # what a notice that never came counts for: as long as it is of use (HOLD-2's useful_for_s)


def figures(fresh: Fresh, quick: bool, heard: list[str]) -> Iterator[Figure]:
    """Timers (HOLD-2's first notice), then transitions (HOLD-1's prompt at the hold)."""
    part = 10 if quick else 1
    job = {"calls": CALLS // part, "held": HELD // part, "load_s": LOAD_S / part, "window_s": WINDOW_S / part}
    with fresh() as url, spoken("tests.benchmarks.server", "--db", url, "--part", "whole") as server:
        said = server.heard()
        door = Door(said["url"], said["key"])
        declared = door.ask("PUT", f"/v1/switches/{SWITCH}", {"commands": COMMANDS, "if_other_ready": True})
        assert declared.status == 200, declared
        before = server.asked()
        seen = done("tests.benchmarks.switch_client", {"url": door.url, "key": door.key, **job})
        after = server.asked()
    notices, transitions = seen["notices_ms"], seen["transitions_ms"]
    assert notices, "no notice came"
    assert transitions, "no prompt came"
    heard.append(
        f"{len(notices)} notices, {seen['missing']} missing, {seen['repeated']} repeated, latest {max(notices):.1f} ms"
    )
    notices += [NEVER_MS] * seen["missing"]
    used = after["cpu_s"] - before["cpu_s"]
    heard.append(f"{seen['answers']} answers, client {seen['busy']:.0%}, server {used:.1f} s of a processor")
    for share, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        yield Figure(f"rule_lateness_{name}", quantile(notices, share), "ms", runs=len(notices))
    for share, name in ((0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")):
        yield Figure(f"transition_lateness_{name}", quantile(transitions, share), "ms", runs=len(transitions))
    yield Figure("rule_commands_missing", seen["missing"], "commands", runs=len(notices))
    pauses = [ms for _, ms in after["pauses"]] or [0.0]
    yield Figure("gc_pause_10000_live_calls_p99", quantile(pauses, 0.99), "ms", runs=len(pauses))
    yield Figure("gc_pause_10000_live_calls_max", max(pauses), "ms", runs=len(pauses))
