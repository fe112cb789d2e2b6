"""`rehearse`, `test-call`, `rerun`: how a campaign would go and sound, and those whom nobody reached once more."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from campaigns.client.door import Door, needed
from campaigns.client.lines import counted, local, next_line
from campaigns.client.terminal import Terminal

MEMBERS = {
    "contacts": int, "calls": int, "messages": int, "peak_lines": int, "open": int, "outcomes": dict, "fallbacks": dict,
    "deadlines": dict, "assumed": dict,
}  # fmt: skip


async def rehearse(door: Door, campaign: str, start_at: str | None, terminal: Terminal) -> dict[str, Any]:
    """The estimate. Raises Problem, Away."""
    body = {} if start_at is None else {"start_at": start_at}
    found: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/rehearse", body)).body
    needed(found, **MEMBERS)
    zone = (await door.get(f"/campaigns/{campaign}")).get("zone")
    terminal.say(*rehearsal_lines(found, zone if isinstance(zone, str) else "UTC"))
    return found


def rehearsal_lines(found: Mapping[str, Any], zone: str) -> list[str]:
    """As a person reads it; nobody is called for it."""
    deadlines, assumed = found["deadlines"], found["assumed"]
    learnt = assumed.get("of_calls")
    missed = [
        f"{deadlines[name]['missed']} miss {name} ({_time(deadlines[name]['at'], zone)})"
        for name in ("notice_out_by", "fallback_by")
        if deadlines.get(name, {}).get("missed")
    ]
    return [
        f"contacts  {found['contacts']}: {counted(found['outcomes']) or 'nobody'}",
        f"calls     {found['calls']}, messages {found['messages']}, {found['peak_lines']} lines at most",
        f"from      {_time(found['first_dial_at'], zone)} to {_time(found['finish_at'], zone)}",
        f"deadlines {'; '.join(missed) if missed else 'all are met'}",
        f"handed over  {counted(found['fallbacks']) or 'nobody'}; with a person {found['open']}",
        f"learnt from {learnt} calls" if learnt else "assumed: a public network at large; few calls are on record",
    ]


async def test_call(door: Door, campaign: str, number: str, terminal: Terminal) -> dict[str, Any]:
    """The campaign of the test. Raises Problem, Away."""
    made: dict[str, Any] = (
        await door.post(f"/campaigns/{campaign}/test-call", {"number": number}, key=uuid4().hex)
    ).body
    needed(made, id=str, state=str)
    terminal.say(f"{made['id']} calls {number} once, within the calling hours", next_line(made))
    return made


async def rerun(door: Door, campaign: str, states: Sequence[str], terminal: Terminal) -> dict[str, Any]:
    """The new campaign, a draft. Raises Problem, Away."""
    body = {"states": list(states)} if states else {}
    made: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/rerun", body, key=uuid4().hex)).body
    needed(made, id=str, state=str)
    terminal.say(f"{made['id']} is a draft with those whom {campaign} did not reach")
    return made


def _time(at: str | None, zone: str) -> str:
    return "never" if at is None else local(at, zone)
