"""`status`, `start`, `pause`, `resume`, `stop`, `freeze`, `thaw`: what a manager does to campaigns that are there."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from campaigns.client.door import Door, Problem, needed
from campaigns.client.lines import clean, next_line, status_lines
from campaigns.client.terminal import Terminal

PAGES_MAX = 1000
LOOK_S = 0.5
LOOKS_MAX = 60  # at a freeze that is not acknowledged yet


class Action(NamedTuple):
    """`to`: the states that it leads to. `of`: those of the campaigns that `--all` means."""

    to: frozenset[str]
    of: tuple[str, ...]
    said: str


ACTIONS: Mapping[str, Action] = {
    "pause": Action(frozenset({"paused"}), ("running", "draining"), "nothing more is dialled; deadlines run on"),
    "resume": Action(frozenset({"running", "draining"}), ("paused",), ""),
    "stop": Action(
        frozenset({"stopping", "stopped"}), ("running", "paused", "draining", "draft", "approved", "scheduled"),
        "nothing more is dialled once it is `stopped`",
    ),
    "drain": Action(
        frozenset({"draining", "paused", "done"}), ("running", "paused"),
        "nobody new is called; what has begun goes on to its end",
    ),
}  # fmt: skip


async def act(door: Door, action: str, campaign: str, body: Mapping[str, Any], terminal: Terminal) -> dict[str, Any]:
    """The campaign afterwards. Raises Problem, Away."""
    known = ACTIONS[action]
    try:
        found: dict[str, Any] = (await door.post(f"/campaigns/{campaign}/{action}", body)).body
    except Problem as problem:
        if not (problem.repeated and problem.code == "wrong_state"):
            raise
        found = await door.get(f"/campaigns/{campaign}")  # the first try may have been heard
        if found.get("state") not in known.to:
            raise
    needed(found, state=str)
    note = f": {known.said}" if known.said else ""
    terminal.say(f"{campaign} is {clean(found.get('state'))}{note}")
    if action == "resume":
        terminal.say(next_line(found))
    return found


async def act_on_all(
    door: Door, action: str, body: Mapping[str, Any], terminal: Terminal
) -> dict[str, Mapping[str, Any]]:
    """Campaign -> itself afterwards, or why it refused, which stops no other. Raises Problem, Away for the list."""
    found: dict[str, Mapping[str, Any]] = {}
    states = ACTIONS[action].of
    for campaign in [campaign_id for state in states for campaign_id in await of_state(door, state)]:
        try:
            found[campaign] = await act(door, action, campaign, body, terminal)
        except Problem as problem:
            found[campaign] = {"problem": problem.body}
            terminal.say(f"{campaign}: {problem}")
    return found


async def of_state(door: Door, state: str) -> list[str]:
    """The ids of the tenant's campaigns in a state."""
    found: list[str] = []
    cursor = ""
    for _ in range(PAGES_MAX):
        page = await door.get("/campaigns", state=state, limit="100", **({"cursor": cursor} if cursor else {}))
        needed(page, campaigns=list)
        for campaign in page["campaigns"]:
            needed(campaign if isinstance(campaign, dict) else {}, id=str)
            found.append(campaign["id"])
        cursor = page.get("cursor") or ""
        if not cursor:
            break
    return found


async def start(
    door: Door, campaign: str, yes: bool, terminal: Terminal, more: Mapping[str, Any] | None = None
) -> dict[str, Any] | None:
    """A draft is started with the contacts that are shown; None where nobody agreed. `more`: `start_at`,
    `allow_overlap`. Raises Problem, Away.
    """
    found = await door.get(f"/campaigns/{campaign}")
    needed(found, id=str, state=str, progress=dict)
    needed(found["progress"], contacts=int)
    terminal.say(*status_lines(found))
    contacts = found["progress"]["contacts"]
    if not yes and not terminal.agrees(f"start with {contacts} contacts?"):
        terminal.say("not started")
        return None
    started: dict[str, Any] = (
        await door.post(f"/campaigns/{campaign}/start", {"contacts": contacts, **(more or {})})
    ).body
    needed(started, state=str)
    terminal.say(f"{campaign} is {clean(started['state'])}", next_line(started))
    return started


async def freeze(door: Door, reason: str, terminal: Terminal) -> dict[str, Any]:
    """Freeze the tenant's dialling; wait a while for the acknowledgement. Raises Problem, Away."""
    found: dict[str, Any] = (await door.post("/outbound/freeze", {"reason": reason})).body
    needed(found, frozen=bool, acknowledged=bool)
    terminal.say(f"frozen: {clean(found.get('reason') or reason)}" if found["frozen"] else "thawed by somebody else")
    for _ in range(LOOKS_MAX):
        if found.get("acknowledged"):
            break
        await door.pause(LOOK_S)
        found = await door.get("/outbound")
    said = "acknowledged: nothing more is sent" if found.get("acknowledged") else "not acknowledged yet"
    terminal.say(said)
    return found


async def thaw(door: Door, terminal: Terminal) -> dict[str, Any]:
    """Raises Problem, Away."""
    found: dict[str, Any] = (await door.post("/outbound/thaw", {})).body
    needed(found, frozen=bool)
    terminal.say("thawed: campaigns that run go on")
    return found
