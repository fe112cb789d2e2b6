"""Worked examples of the rule book through the real door and engine, on the virtual clock.

    python -m tests.replay.vectors DIR [--adapter memory|sqlite|postgresql] --json out.json

writes {name: "passed" or the difference} and exits 0 only if all passed; without --adapter on all of them, as
{adapter/name: ...}.
The form of a vector is told in docs/vectors.md.
"""

import argparse
import asyncio
import contextlib
import itertools
import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from cti.cli.logging_setup import set_up_logging
from tests.postgres import running_server
from tests.scheduler import START_MS, Scene, Switch, event, scene

SWITCH = "vector"
ADAPTERS = ("memory", "sqlite", "postgresql")
TAIL_S = 15.0  # what comes after the last event: late timers and unanswered commands
# What the switch takes a leg's state to be after an event of it.
LEG_STATES = {
    "offered": "initiated",
    "queued": "queued",
    "delivered": "alerting",
    "established": "connected",
    "held": "hold",
    "retrieved": "connected",
    "diverted": "null",
    "failed": "null",
    "connectionCleared": "null",
}


async def run_vector(vector: Mapping[str, Any], url: str) -> str:
    """Play one vector on the store at `url`: "passed", or what differs."""
    async with scene(url, profile=vector.get("profile", "power-95598")) as it:
        switch = await it.declare(SWITCH)
        switch.answer = lambda command, now_s: _answer(vector["events"], command, now_s)
        for arrival, one in _arrivals(vector):
            await it.to(arrival)
            await it.post(one)
        await it.to(it.now_s + TAIL_S)
        return await _judge(vector, it, switch)


def _arrivals(vector: Mapping[str, Any]) -> list[tuple[float, dict[str, Any]]]:
    """(seconds at the door, event), in order of arrival."""
    found = []
    for index, one in enumerate(vector["events"]):
        name = one.get("id", f"{vector['name']}-{index}")
        subject = one.get("subject", SWITCH if one.get("family") == "switch" else vector["name"])
        extensions = {key: one[key] for key in ("sequence", "correlation", "commandid", "family") if key in one}
        made = event(SWITCH, subject, one["type"], one["at"], one["data"], id=name, **extensions)
        found.append((float(one.get("arrival", one["at"])), made))
    return sorted(found, key=lambda pair: pair[0])


def _answer(
    events: Sequence[Mapping[str, Any]], command: Mapping[str, Any], now_s: float
) -> Sequence[tuple[str, str | None]]:
    """The vector's switch: other agents are ready, its clock is true, and it obeys where the leg's state is as
    ordered.
    """
    wanted, leg = command.get("if_state"), command.get("connection")
    if wanted is None or wanted == _state(events, leg, now_s):
        return (("accepted", None), ("done", None))
    return (("refused", "invalidConnectionState"),)


def _state(events: Sequence[Mapping[str, Any]], leg: str | None, now_s: float) -> str:
    state = "null"
    for one in sorted(events, key=lambda one: float(one["at"])):
        if one.get("family", "call") != "call":
            continue
        if one["at"] <= now_s and leg in (one["data"].get("connection"), one["data"].get("heldConnection")):
            state = LEG_STATES.get(one["type"], state)
    return state


async def _judge(vector: Mapping[str, Any], it: Scene, switch: Switch) -> str:
    record = await it.record(SWITCH, vector.get("subject", vector["name"]))
    if record is None:
        return "no record"
    expected = vector["expect"]
    found = differences("record", expected.get("record") or {}, record)
    if expected.get("breaches") is not None:
        found += _sets("breaches", expected["breaches"], record["breaches"])
    if expected.get("commands") is not None:
        sent = [{**one, "due": _seconds(one["due_at"])} for one in switch.commands]
        found += _sets("commands", expected["commands"], sent)
    return "; ".join(found) or "passed"


def _seconds(time: str) -> float:
    return round(datetime.fromisoformat(time).timestamp() * 1000 - START_MS) / 1000


def differences(where: str, expected: Any, found: Any) -> list[str]:
    """How what was found differs, in the members that are expected."""
    return list(_differs(where, expected, found))


def _differs(where: str, expected: Any, found: Any) -> Iterator[str]:
    """Only the keys listed are compared; lists in order, and in their length."""
    if isinstance(expected, Mapping) and isinstance(found, Mapping):
        for key, value in expected.items():
            yield from _differs(f"{where}.{key}", value, found.get(key))
    elif isinstance(expected, list) and isinstance(found, list):
        if len(expected) != len(found):
            yield f"{where}: {len(expected)} expected, {len(found)} found: {found}"
        for index, (one, other) in enumerate(zip(expected, found, strict=False)):
            yield from _differs(f"{where}[{index}]", one, other)
    elif not _same(expected, found):
        yield f"{where}: {expected!r} expected, {found!r} found"


def _same(expected: Any, found: Any) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return expected is found
    if isinstance(expected, int | float) and isinstance(found, int | float):
        return abs(expected - found) < 0.0005
    return bool(expected == found)


def _sets(where: str, expected: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]]) -> list[str]:
    """The whole set: each expected one is there once, and nothing else is."""
    left, missing = list(found), []
    for one in expected:
        match = next((other for other in left if not list(_differs("", one, other))), None)
        if match is None:
            missing.append(f"{where}: {dict(one)} missing")
        else:
            left.remove(match)
    return missing + [f"{where}: {_brief(one)} not expected" for one in left]


def _brief(one: Mapping[str, Any]) -> dict[str, Any]:
    return {key: one[key] for key in ("rule", "command", "due", "agent", "connection", "actual") if key in one}


def read_vectors(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(file.read_text(encoding="utf-8")) for file in sorted(folder.glob("*.json"))]


@contextlib.contextmanager
def stores(adapter: str) -> Iterator[Callable[[], str]]:
    """Makes URLs of empty stores of one kind."""
    if adapter == "memory":
        yield lambda: "memory:"
    elif adapter == "sqlite":
        with tempfile.TemporaryDirectory() as folder:
            numbers = itertools.count()
            yield lambda: f"sqlite:///{folder}/vector-{next(numbers)}.db"
    else:
        with running_server() as server:
            yield server.create_database


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--adapter", choices=ADAPTERS)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    set_up_logging("error")  # standard output is the verdict alone
    told: dict[str, str] = {}
    for adapter in (args.adapter,) if args.adapter else ADAPTERS:
        with stores(adapter) as fresh_url:
            for vector in read_vectors(args.folder):
                result = asyncio.run(run_vector(vector, fresh_url()))
                told[vector["name"] if args.adapter else f"{adapter}/{vector['name']}"] = result
    if args.json:
        args.json.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(json.dumps(told, indent=1, ensure_ascii=False))
    return 0 if told and all(result == "passed" for result in told.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
