"""`submit`: a file becomes a campaign that runs, or a draft that says why it does not.

It creates, imports, shows what came of the rows, asks, starts with the number of contacts that was shown: if others
came meanwhile, the service refuses to start.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

from campaigns.client.door import Away, Door, Problem, needed
from campaigns.client.exporting import rejected_path
from campaigns.client.lines import (
    COUNTS,
    clean,
    import_lines,
    left_out_lines,
    next_line,
    rejected_lines,
    sample_lines,
)
from campaigns.client.media import media_of
from campaigns.client.options import Most
from campaigns.client.terminal import Terminal
from campaigns.client.watching import until_over

DONE, REFUSED, ROWS_REJECTED = 0, 1, 3
LOOK_S = 0.5  # at an import that runs
LOOK_MAX_S = 5.0  # a long one is looked at less often
SHOWN = 5  # rejected rows
HEAD_BYTES_MAX = 256 * 1024  # of the rejected rows, read to show the first
CSV = "text/csv"


class Wish(NamedTuple):
    """What is submitted. `body`: of POST /v1/campaigns."""

    file: Path
    body: Mapping[str, Any]
    most: Most
    yes: bool
    wait: bool
    keep: str = ""
    sheet: str = ""
    start: Mapping[str, Any] = {}  # `start_at`, `allow_overlap`


@dataclass(slots=True)
class Report:
    """What `--json` has. The counts are None until an import has ended."""

    campaign: str | None = None
    found: dict[str, Any] = field(default_factory=dict)

    def as_json(self, started: bool) -> dict[str, Any]:
        counts = dict.fromkeys(COUNTS)
        return {"campaign": self.campaign, "started": started, **counts, **self.found}


async def submit(door: Door, wish: Wish, terminal: Terminal) -> tuple[int, dict[str, Any]]:
    """The exit code, and what `--json` has."""
    report, started = Report(), False
    try:
        code = await _draft(door, wish, terminal, report)
        if code == DONE:
            await _start(door, report, wish.start)
            started = True
            at = wish.start.get("start_at")
            said = f"starts by itself at {at}" if at else "is started"
            terminal.say(f"{report.campaign} {said} with {report.found['contacts']} contacts")
            await _after_start(door, wish, terminal, report)
    except (Problem, Away) as reason:
        code = REFUSED
        report.found["problem"] = reason.body if isinstance(reason, Problem) else {"detail": str(reason)}
        terminal.say(str(reason))
        if report.campaign and not started:
            terminal.say(f"{report.campaign} stays a draft")
            if report.found["problem"].get("code") == "approval_needed":
                terminal.say(f"a second key approves it: ringback campaign approve {report.campaign}")
    return code, report.as_json(started)


async def _draft(door: Door, wish: Wish, terminal: Terminal, report: Report) -> int:
    """The campaign with its contacts. DONE: it may be started."""
    made = (await door.post("/campaigns", wish.body, key=uuid4().hex)).body
    needed(made, id=str)
    report.campaign = made["id"]
    terminal.say(f"{report.campaign} is a draft; {wish.file.name} is sent")
    found = await _imported(door, wish, report)
    report.found |= {"import": found, **{name: found.get(name) for name in COUNTS}}
    terminal.say(*import_lines(found), *left_out_lines(found))
    if found.get("state") != "done":
        terminal.say(f"the import failed: {found.get('error')}; {report.campaign} stays a draft without contacts")
        return REFUSED
    errors = await first_errors(door, report.campaign, _number(found)) if found["rejected"] else []
    report.found["rejected_rows"] = errors
    more = f"ringback campaign export {report.campaign} --what rejected --out rejected.csv"
    terminal.say(*rejected_lines(errors, found["rejected"], more))
    if wish.most.exceeded(found["rejected"], found["received"]):
        terminal.say(f"more than {wish.most.text} of the rows are rejected: {report.campaign} stays a draft")
        return ROWS_REJECTED
    return await _agreed(door, wish, terminal, report)


async def _imported(door: Door, wish: Wish, report: Report) -> dict[str, Any]:
    """Send the file; the import once it has ended."""
    path = f"/campaigns/{report.campaign}/imports"
    given = {"file": clean(wish.file.name), "keep": wish.keep, "sheet": wish.sheet}
    query = {name: value for name, value in given.items() if value}
    found: dict[str, Any] = (await door.upload(path, wish.file, uuid4().hex, media_of(wish.file), query)).body
    look_s = LOOK_S
    while found.get("state") == "running":
        await door.pause(look_s)
        look_s = min(look_s * 1.5, LOOK_MAX_S)
        found = await door.get(f"{path}/{_number(found)}")
    needed(found, state=str, received=int, accepted=int, rejected=int, merged=int, contacts=int)
    return found


def _number(found: Mapping[str, Any]) -> int:
    needed(found, n=int)
    number: int = found["n"]
    return number


async def first_errors(door: Door, campaign: str, number: int) -> list[str]:
    """What is wrong with the first rejected rows."""
    head = b""
    async with door.stream(rejected_path(campaign, number), CSV) as answer:
        while len(head) < HEAD_BYTES_MAX and (piece := await answer.content.readany()):
            head += piece
    text = head.decode("utf-8-sig", "ignore")
    whole = text if len(head) < HEAD_BYTES_MAX else text.rpartition("\n")[0]
    rows = csv.DictReader(io.StringIO(whole, newline=""))
    return [str(row.get("error") or "") for row, _ in zip(rows, range(SHOWN), strict=False)]


async def _agreed(door: Door, wish: Wish, terminal: Terminal, report: Report) -> int:
    """Show what would happen, and ask."""
    campaign = await door.get(f"/campaigns/{report.campaign}")
    report.found |= {"next": campaign.get("next"), "state": campaign.get("state")}
    if isinstance(sample := report.found["import"].get("sample"), dict):
        report.found["sample"] = sample
        terminal.say(*sample_lines(sample))
    terminal.say(next_line(campaign))
    if wish.yes or terminal.agrees(f"start with {report.found['contacts']} contacts?"):
        return DONE
    terminal.say(f"not started: {report.campaign} stays a draft; `ringback campaign start {report.campaign}` starts it")
    return REFUSED


async def _start(door: Door, report: Report, more: Mapping[str, Any]) -> None:
    """With the number that was shown. A start that was heard twice is a start."""
    try:
        await door.post(f"/campaigns/{report.campaign}/start", {"contacts": report.found["contacts"], **more})
    except Problem as problem:
        if not (problem.repeated and problem.code == "wrong_state"):
            raise
        if (await door.get(f"/campaigns/{report.campaign}")).get("state") == "draft":
            raise


async def _after_start(door: Door, wish: Wish, terminal: Terminal, report: Report) -> None:
    path = str(report.campaign)
    if wish.wait:
        campaign = await until_over(door, path, terminal)
    else:
        campaign = await door.get(f"/campaigns/{path}")
        terminal.say(next_line(campaign))
    report.found |= {name: campaign.get(name) for name in ("state", "next", "progress")}
