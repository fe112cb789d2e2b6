"""`approve`, `emergency`, `patch`: what a second key decides, and what is changed while a campaign runs."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from campaigns.client.door import Door, Problem, needed
from campaigns.client.lines import clean, local, next_line, status_lines
from campaigns.client.terminal import Terminal

CHANGED = "changed_meanwhile"
SETTINGS = ("switch", "trunk_group", "caller_id", "language", "windows", "closed_dates", "zone", "pacing",
            "ring_timeout_s", "attempts_max", "channels", "fallback", "notice_out_by", "fallback_by", "expires_at",
            "priority", "created_by")  # fmt: skip


async def approve(door: Door, campaign: str, yes: bool, terminal: Terminal) -> dict[str, Any] | None:
    """What is shown is approved, and nothing else; None where nobody agreed. Raises Problem, Away."""
    found = await door.get(f"/campaigns/{campaign}")
    needed(found, id=str, state=str, progress=dict, approval=dict)
    approval = found["approval"]
    needed(approval, digest=str, parts=dict, files=list)
    terminal.say(*status_lines(found), *(f"{name}: {clean(found.get(name))}" for name in SETTINGS))
    terminal.say(*(_file_line(file) for file in approval["files"] if isinstance(file, dict)))
    terminal.say(f"digest: {clean(approval['digest'])}")
    if not yes and not terminal.agrees("approve?"):
        terminal.say("not approved")
        return None
    body = {"digest": approval["digest"], "parts": approval["parts"]}
    done: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/approve", body)).body
    needed(done, state=str)
    terminal.say(f"{campaign} is approved; its state: {clean(done['state'])}")
    return done


def _file_line(file: Mapping[str, Any]) -> str:
    return "import {}: {}, {} contacts, SHA-256 {}".format(
        *(clean(file.get(name)) for name in ("n", "file", "contacts", "sha256"))
    )


async def patch(door: Door, campaign: str, body: Mapping[str, Any], terminal: Terminal) -> dict[str, Any]:
    """The campaign with these members, if nobody else changes it meanwhile. Raises Problem, Away."""
    path = f"/campaigns/{campaign}"
    tag = (await door.read(path)).tag
    try:
        found = (await door.patch(path, body, tag)).body
    except Problem as problem:
        if not (problem.repeated and problem.code == CHANGED):
            raise
        found = await door.get(path)  # the first try may have been heard
        if any(not _has(found.get(name), value) for name, value in body.items()):
            raise
    needed(found, state=str)
    terminal.say(f"{campaign} is changed; its state: {clean(found['state'])}", next_line(found))
    return found


def _has(found: Any, wanted: Any) -> bool:
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(found.get(name) == value for name, value in wanted.items())
    return bool(found == wanted)


async def ask_emergency(door: Door, campaign: str, reason: str, until: str, terminal: Terminal) -> dict[str, Any]:
    """It waits for a second key. Raises Problem, Away."""
    body = {"reason": reason, "until": until}
    found = (await door.post(f"/campaigns/{campaign}/emergency", body, key=uuid4().hex)).body
    needed(found, n=int, until=str)
    terminal.say(f"exception {found['n']} to the quiet hours of {campaign} is asked for, until {clean(found['until'])}")
    terminal.say(f"another key approves it: ringback campaign approve {campaign} --emergency {found['n']}")
    return found


async def approve_emergency(
    door: Door, campaign: str, number: int, yes: bool, terminal: Terminal
) -> dict[str, Any] | None:
    """None where nobody agreed. Raises Problem, Away."""
    found = await door.get(f"/campaigns/{campaign}")
    emergency = found.get("emergency") or {}
    if emergency.get("n") == number:
        until = local(str(emergency.get("until")), str(found.get("zone") or "UTC"))
        terminal.say(f"{clean(emergency.get('asked_by'))}: {clean(emergency.get('reason'))}; until {until}")
    if not yes and not terminal.agrees("allow calls in the quiet hours?"):
        terminal.say("not approved")
        return None
    done: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/emergency/approve", {"n": number})).body
    needed(done, state=str)
    terminal.say(f"the quiet hours of {campaign} do not hold until then")
    return done


async def end_emergency(door: Door, campaign: str, terminal: Terminal) -> dict[str, Any]:
    """Raises Problem, Away."""
    done: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/emergency/end", {})).body
    needed(done, state=str)
    terminal.say(f"the quiet hours of {campaign} hold again")
    return done
