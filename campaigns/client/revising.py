"""`revise`: an outage ends at another time, or is cancelled; those who were told are told again."""

import uuid
from typing import Any

from campaigns.client.door import Door, needed
from campaigns.client.lines import clean
from campaigns.client.terminal import Terminal

LOOK_S = 0.5
LOOKS_MAX = 240  # a call that is under way ends in its time
MEMBERS = {
    "n": int, "acknowledged": bool, "contacts": int, "told_again": int, "cancelled": int, "withdrawn": int,
    "notices": dict,
}  # fmt: skip


async def revise(door: Door, campaign: str, body: dict[str, Any], terminal: Terminal) -> dict[str, Any]:
    """What came of it. It waits a while until nobody is told the old word any more. Raises Problem, Away."""
    path = f"/campaigns/{campaign}/revisions"
    found: dict[str, Any] = (await door.post(path, body, key=str(uuid.uuid4()))).body
    needed(found, **MEMBERS)
    no = found["n"]
    for _ in range(LOOKS_MAX):
        if found["acknowledged"]:
            break
        await door.pause(LOOK_S)
        found = _of(await door.get(path), no)
    letters = found["notices"]
    needed(letters, recalled=int, rewritten=int, to_recall=int)
    terminal.say(
        f"revision {no}: of {found['contacts']} contacts {found['told_again']} are told again, "
        f"{found['cancelled']} were never told and are cancelled, {found['withdrawn']} orders withdrawn",
        f"letters: {letters['recalled']} recalled, {letters['rewritten']} rewritten, "
        f"{letters['to_recall']} have left and should be kept back",
        "acknowledged: nobody is told the old word any more"
        if found["acknowledged"]
        else f"not acknowledged yet: {clean(campaign)} has calls under way, or contacts to be changed",
    )
    return found


def _of(page: dict[str, Any], no: int) -> dict[str, Any]:
    needed(page, revisions=list)
    mine = [revision for revision in page["revisions"] if isinstance(revision, dict) and revision.get("n") == no]
    found: dict[str, Any] = mine[0] if mine else {}
    needed(found, **MEMBERS)
    return found
