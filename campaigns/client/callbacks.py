"""`add`, `list`, `cancel`: callbacks through the HTTP API."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from campaigns.client.door import Door, Problem, needed
from campaigns.client.lines import clean
from campaigns.client.terminal import Terminal

PAGE = "100"
PAGES_MAX = 1_000
OVER = "cancelled"


async def add(door: Door, body: Mapping[str, Any], terminal: Terminal) -> dict[str, Any]:
    """The callback; asked for once, however often it is sent. Raises Problem, Away."""
    found: dict[str, Any] = (await door.post("/callbacks", body, key=uuid4().hex)).body
    needed(found, id=str, call_at=str, moved=bool)
    terminal.say(line_of(found))
    if found["moved"]:
        terminal.say(f"the hours do not allow {clean(found.get('due_at'))}: it is made at {clean(found['call_at'])}")
    return found


async def listed(door: Door, promise: str | None, terminal: Terminal) -> dict[str, Any]:
    """All of them. Raises Problem, Away."""
    found: list[dict[str, Any]] = []
    asked = {"limit": PAGE} | ({"promise": promise} if promise else {})
    cursor = ""
    for _ in range(PAGES_MAX):
        page = await door.get("/callbacks", **asked, **({"cursor": cursor} if cursor else {}))
        needed(page, callbacks=list)
        for callback in page["callbacks"]:
            needed(callback if isinstance(callback, dict) else {}, id=str, state=str)
            found.append(callback)
            terminal.say(line_of(callback))
        cursor = page.get("cursor") or ""
        if not cursor:
            break
    return {"callbacks": found}


async def cancel(door: Door, callback: str, terminal: Terminal) -> dict[str, Any]:
    """As it is then. Raises Problem, Away."""
    try:
        found = await door.delete(f"/callbacks/{callback}")
    except Problem as problem:
        if not (problem.repeated and problem.code == "wrong_state"):
            raise
        found = await door.get(f"/callbacks/{callback}")  # the first try may have been heard
        if found.get("state") != OVER:
            raise
    needed(found, id=str, state=str)
    terminal.say(f"{callback} is {clean(found['state'])}")
    return dict(found)


def line_of(callback: Mapping[str, Any]) -> str:
    """k0123456789abcde  2026-03-04T07:00:00.000Z  +86138****1234  waiting, missed"""
    said = [str(callback[name]) for name in ("state", "promise") if callback.get(name)]
    return clean(f"{callback['id']}  {callback.get('call_at')}  {callback.get('number')}  {', '.join(said)}")
