"""`withdraw`: the import of a wrong file is taken back, and those who were told are listed."""

from typing import Any
from urllib.parse import urlencode

from campaigns.client.door import Door, needed
from campaigns.client.lines import clean
from campaigns.client.terminal import Terminal

LOOK_S = 0.5
LOOKS_MAX = 240  # a call that is under way ends in its time
PAGES_MAX = 10_000
PAGE = 100
MEMBERS = {"acknowledged": bool, "cancelled": int, "left": int, "told": int, "notices": dict, "accounts": list}


async def withdraw(door: Door, campaign: str, no: int, terminal: Terminal) -> dict[str, Any]:
    """What came of it, `accounts` whole. It waits a while until nothing of the import reaches anybody any more.

    Raises Problem, Away.
    """
    path = f"/campaigns/{campaign}/imports/{no}/withdraw"
    found = await _asked(door, path)
    for _ in range(LOOKS_MAX):
        if found["acknowledged"]:
            break
        await door.pause(LOOK_S)
        found = await _asked(door, path)
    letters = found["notices"]
    needed(letters, recalled=int, to_recall=int)
    terminal.say(
        f"import {no}: {found['cancelled']} cancelled, {found['told']} were told",
        f"letters: {letters['recalled']} recalled, {letters['to_recall']} have left and should be kept back",
    )
    accounts = await _all_accounts(door, path, found)
    terminal.say(*(_told_line(account) for account in accounts))
    said = "acknowledged: nothing of it reaches anybody any more"
    terminal.say(said if found["acknowledged"] else f"not acknowledged yet: {found['left']} contacts are left")
    return {**found, "accounts": accounts, "cursor": None}


def _told_line(account: dict[str, Any]) -> str:
    return f"told: {clean(account['account'])} {clean(account['told_at'])} {clean(account['state'])}"


async def _all_accounts(door: Door, path: str, first: dict[str, Any]) -> list[dict[str, Any]]:
    accounts, page = list(first["accounts"]), first
    for _ in range(PAGES_MAX):
        if not page.get("cursor"):
            break
        page = await _asked(door, f"{path}?{urlencode({'limit': PAGE, 'cursor': page['cursor']})}")
        accounts += page["accounts"]
    for account in accounts:
        needed(account if isinstance(account, dict) else {}, account=str, told_at=str, state=str)
    return accounts


async def _asked(door: Door, path: str) -> dict[str, Any]:
    found: dict[str, Any] = (await door.post(path, {})).body
    needed(found, **MEMBERS)
    return found
