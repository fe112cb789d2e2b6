"""A campaign watched until every contact is final."""

from typing import Any

from campaigns.client.door import Door, needed
from campaigns.client.lines import OVER, status_lines
from campaigns.client.terminal import Terminal

LOOK_S = 1.0


async def until_over(door: Door, campaign: str, terminal: Terminal) -> dict[str, Any]:
    """Show its status whenever it has changed; the campaign at its end, or as it is when nobody reads any more.

    However long that takes: somebody waits. Raises Problem, Away.
    """
    shown: list[str] = []
    while True:
        found: dict[str, Any] = await door.get(f"/campaigns/{campaign}")
        needed(found, id=str, state=str, progress=dict)
        lines = status_lines(found)
        if lines != shown:
            terminal.block(lines)
            shown = lines
        if found.get("state") in OVER or terminal.gone:
            return found
        await door.pause(LOOK_S)
