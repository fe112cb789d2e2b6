"""Small calls on which the product was once wrong, through the real door and engine, with the right values.

An input is an .ndjson file of CloudEvents as switches send them; an empty line begins the next request. The scene's
clock stands after the last of them, so all of it is a backlog, as it is in a real outage. Then time passes.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.replay.vectors import differences
from tests.scheduler import START_MS, Scene, scene

TAIL_S = 90.0  # what is found only by the sweep for calls that a snapshot lacked comes within a minute
NDJSON = "application/x-ndjson"

# Of each file's calls, in the order in which they opened: what the record must say. `rules`: all its breaches.
RIGHT: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "01-snapshot-before-spool.ndjson": [
        {
            "outcome": "answered", "wait_s": 20, "answer_s": 18, "talk_s": 280, "hold_s": 70, "released_by": "agent",
            "holds": [{"by": "agent", "muted": False, "seconds": 70, "notices_owed": 4, "notices_played": 0}],
            "offers": [{"agent": "1", "ring_s": 18, "result": "answered", "talk_s": 280}],
            "rules": ["END-1", "HOLD-2", "HOLD-3", "RING-1", "RING-2"],
        },
    ],
    "02-caller-gone-before-answer.ndjson": [
        {
            "outcome": "abandoned", "wait_s": 20, "talk_s": 0, "answer_s": None, "answered_at": None,
            "released_by": "customer", "offers": [{"agent": "1", "ring_s": 1, "result": "abandoned", "talk_s": 0}],
            "rules": [],
        },
    ],
    "03-id-again-after-restart.ndjson": [
        {"outcome": "stale", "ended_at": "2026-03-02T01:00:04.000Z", "calling": "+8601000000001", "rules": []},
        {
            "outcome": "answered", "calling": "+8601000000002", "answer_s": 18, "talk_s": 70,
            "released_by": "customer", "offers": [{"agent": "2", "ring_s": 18, "result": "answered"}],
            "rules": ["RING-1", "RING-2"],
        },
    ],
    "04-agent-drops-caller-waits-again.ndjson": [
        {
            "outcome": "answered", "wait_s": 4, "talk_s": 1, "waited_again_s": 300, "ended_waiting": True,
            "released_by": "customer", "rules": [],
        },
    ],
    "05-held-during-consultation.ndjson": [
        {
            "outcome": "answered", "hold_s": 75, "talk_s": 331, "released_by": "customer",
            "holds": [{"by": "agent", "seconds": 75, "notices_owed": 4}], "rules": ["HOLD-2", "HOLD-3"],
        },
    ],
    "06-clock-set-back.ndjson": [
        {
            "outcome": "answered", "wait_s": 6, "answer_s": 4, "talk_s": 0, "clock_stepped": True,
            "opened_at": "2026-03-02T01:00:00.000Z", "ended_at": "2026-03-02T01:00:06.000Z", "rules": [],
        },
    ],
    "07-two-calls-one-id-no-clear.ndjson": [
        {"outcome": "stale", "ended_at": "2026-03-02T01:00:04.000Z", "calling": "+8601000000001", "rules": []},
        {
            "outcome": "answered", "calling": "+8601000000002", "answer_s": 18, "talk_s": 80,
            "released_by": "customer", "rules": ["RING-1", "RING-2"],
        },
    ],
    "08-answer-and-queue-same-instant.ndjson": [
        {"outcome": "abandoned", "wait_s": 60, "talk_s": 0, "answer_s": None, "rules": []},
    ],
}  # fmt: skip


def requests_of(text: str) -> Iterator[list[dict[str, Any]]]:
    """The events of each request."""
    for block in text.replace("\r\n", "\n").split("\n\n"):
        if events := [json.loads(line) for line in block.splitlines() if line.strip()]:
            yield events


async def records_of(text: str) -> list[dict[str, Any]]:
    """What comes of the input: the records, in the order in which the calls opened."""
    requests = list(requests_of(text))
    times = [datetime.fromisoformat(event["time"]).timestamp() for events in requests for event in events]
    async with scene("memory:") as it:
        await it.to(max(60.0, max(times, default=0.0) - START_MS / 1000 + 60.0))
        for events in requests:
            await _post(it, events)
            await it.to(it.now_s + 1)
        await it.to(it.now_s + TAIL_S)
        return sorted(await it.records(), key=lambda record: (record["opened_at"], record["subject"]))


async def _post(it: Scene, events: Sequence[Mapping[str, Any]]) -> None:
    lines = "\n".join(json.dumps(event) for event in events)
    status, answer = await it.send("POST", "/v1/events", lines.encode(), NDJSON)
    assert status == 202, answer
    await it.settle()


def judged(records: Sequence[Mapping[str, Any]], right: Sequence[Mapping[str, Any]]) -> str:
    """ "passed", or what differs; only the members that `right` names are compared."""
    if len(records) != len(right):
        brief = [(record["opened_at"], record["outcome"]) for record in records]
        return f"{len(right)} records expected, {len(records)} found: {brief}"
    found: list[str] = []
    for index, (record, expected) in enumerate(zip(records, right, strict=True)):
        rules = sorted(breach["rule"] for breach in record["breaches"])
        found += differences(f"record[{index}]", expected, {**record, "rules": rules})
    return "; ".join(found) or "passed"


def run(path: Path) -> Any:
    """ "passed" or the difference; the records of a file whose right values are not known here."""
    records = asyncio.run(records_of(path.read_text("utf-8")))
    right = RIGHT.get(path.name)
    return records if right is None else judged(records, right)
