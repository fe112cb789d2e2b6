"""The switch's state as a file: after an orderly stop it resumes with the same calls and agents.

The file is removed when it is read: a switch that then dies starts afresh, and never gives out the same ids twice.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

from cti.switches.simulated.exchange import Exchange, Site
from cti.switches.simulated.order_memory import OrderMemory
from cti.switches.simulated.outbound_script import Step
from cti.switches.simulated.outbox import Result
from cti.switches.simulated.pbx import Agent, Answer, Call, Doing, Due, Leg, Pbx, Standing
from cti.switches.simulated.trunks import NO_OUTBOUND

FORMAT = 1
MADE = "orders_made"  # the file's name of `Pbx.made`
GAP_MAX_MS = 600_000  # a longer absence is a new day: no caller has stayed on the line
BACK_MAX_MS = 5_000  # a saved state from the future was kept under another clock


class Kept(NamedTuple):
    """The saved state of a stopped switch."""

    exchange: Exchange
    events: list[bytes]  # not yet taken by the product
    results: list[Result]


def write(path: Path, exchange: Exchange, events: Sequence[bytes], results: Sequence[Result]) -> None:
    """Whole or not at all. Raises OSError."""
    kept = {
        "format": FORMAT,
        "plant": _plant(exchange.pbx),
        "events": [body.decode() for body in events],
        "results": list(results),
    }
    aside = path.with_name(path.name + ".new")
    aside.write_text(json.dumps(kept), encoding="utf-8")
    aside.replace(path)


def take(path: Path, site: Site, now_ms: int) -> Kept | None:
    """The saved state, if the same site can resume it; time went on meanwhile, but no new caller arrived.

    Raises ValueError for a damaged file, OSError.
    """
    if not path.exists():
        return None
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        pbx = _pbx(kept["plant"]) if kept["format"] == FORMAT else None
        events = [body.encode() for body in kept["events"]]
        results = [Result(*result) for result in kept["results"]]
    except (ValueError, KeyError, TypeError, AttributeError) as reason:
        raise ValueError(f"{path} is no state of a simulated switch: {reason!r}") from reason
    path.unlink()
    if pbx is None or not _can_go_on(pbx, site, now_ms):
        return None
    pbx.outbound = site.outbound
    return Kept(_reopened(pbx, now_ms), events, results)


def _can_go_on(pbx: Pbx, site: Site, now_ms: int) -> bool:
    was = (pbx.switch, pbx.seed, pbx.pace, len(pbx.agents))
    same = was == (site.switch, site.seed, site.pace, site.agents)
    return same and -BACK_MAX_MS <= now_ms - pbx.now_ms <= GAP_MAX_MS


def _reopened(pbx: Pbx, now_ms: int) -> Exchange:
    exchange = Exchange(pbx)
    pbx.agenda = sorted(due for due in pbx.agenda if due.action != "arrive")
    pbx.taking_calls = False
    pbx.out = exchange.advance(now_ms)
    exchange.take_calls(True, now_ms)
    return exchange


def _plant(pbx: Pbx) -> dict[str, Any]:
    plant = asdict(replace(pbx, outbound=NO_OUTBOUND))  # what the site is comes from the site
    del plant["outbound"]
    plant[MADE] = plant.pop("made")
    return plant


def _pbx(kept: dict[str, Any]) -> Pbx:
    kept["made"] = kept.pop(MADE)
    kept["agents"] = {key: _agent(agent) for key, agent in kept["agents"].items()}
    kept["calls"] = {key: _call(call) for key, call in kept["calls"].items()}
    if "memory" in kept:  # a state of the release before has none
        kept["memory"] = OrderMemory.read(kept["memory"])
    kept["answers"] = [Answer(*answer) for answer in kept.get("answers", ())]
    kept["agenda"] = [Due(*due) for due in kept["agenda"]]
    return Pbx(**kept)


def _agent(kept: dict[str, Any]) -> Agent:
    return Agent(**{**kept, "doing": Doing(kept["doing"])})


def _call(kept: dict[str, Any]) -> Call:
    legs = {key: Leg(**{**leg, "standing": Standing(leg["standing"])}) for key, leg in kept["legs"].items()}
    plan = [Step(*step) for step in kept.get("plan", ())]
    return Call(**{**kept, "legs": legs, "plan": plan})
