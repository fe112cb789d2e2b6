"""M-workbooks: workbooks of some kilobytes that unpack into more than there is memory, beside others' posts."""

from collections.abc import Mapping
from pathlib import Path

from tests.campaigns.imports.books import book, book_of, sheet_xml, text
from tests.campaigns.imports.site import BILLING
from tests.hostile.attack import Bench, attack
from tests.hostile.probing import probing
from tests.hostile.site import Answer, KeyAsked, NotCarriedOut, Site
from tests.hostile.verdict import Verdict
from tests.replay.workbooks import MAIN

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CAMPAIGN = {"name": "books", "kind": "billing", "switch": "s1", "trunk_group": "main"}
GROWN_MB_MAX = 300.0
SHOWN, CHARS = 20_000, 1_000_000  # a text of a megabyte in so many cells: twenty gigabytes
REPEATED = 3_000_000
ROUNDS_MAX = 50


def bombs() -> Mapping[str, bytes]:
    """By what each has too much of."""
    cells = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(1, SHOWN + 1))
    shared = f'<sst xmlns="{MAIN}"><si><t>{"a" * CHARS}</t></si></sst>'
    formats = f"<a><cellXfs>{'<xf/>' * REPEATED}</cellXfs></a>"
    merged = '<mergeCell ref="A1:B1"/>' * REPEATED
    return {
        "shared text": book({"S": _sheet(cells)}, **{"xl__sharedStrings.xml": shared}),
        "merged cells": book({"S": _sheet("", f"<mergeCells>{merged}</mergeCells>")}),
        "formats": book({"S": sheet_xml({1: [text("x")]})}, **{"xl__other.xml": formats}),
        "far cell": book({"S": _sheet('<c r="GR1048576"/>')}),
    }


def _sheet(cells: str, after: str = "") -> str:
    return f'<worksheet xmlns="{MAIN}"><sheetData>{cells}</sheetData>{after}</worksheet>'


def peak_mb(pid: int) -> float:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) / 1024


async def _sent(site: Site, key: str, campaign: str, content: bytes) -> Answer:
    headers = {"Content-Type": XLSX}
    return await site.ask("POST", f"/v1/campaigns/{campaign}/imports", key, data=content, headers=headers)


@attack("M-workbooks", 120)
async def workbooks(bench: Bench, verdict: Verdict) -> None:
    """Workbooks of less than a megabyte: a text of a megabyte that twenty thousand cells show, three million merged
    cells or formats, a cell in the last row. Each must be refused as `unreadable_file`, a sound one be taken; the
    process must not grow by more than 300 MB, and another tenant's posts take at most 500 ms (p99).
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(scopes="campaigns:write"), KeyAsked("other"))
        made = await site.ask("POST", "/v1/campaigns", key, json=CAMPAIGN)
        if made.status != 201:
            raise NotCarriedOut(f"no campaign was made: {made.status} {made.text[:200]}")
        campaign, files = made.json()["id"], bombs()
        before = peak_mb(site.process.pid)
        async with probing(site, other) as probe:
            rounds = 0
            while rounds == 0 or (rounds < ROUNDS_MAX and not probe.is_enough):  # until others are seen to wait
                rounds += 1
                for name, content in files.items():
                    answer = await _sent(site, key, campaign, content)
                    code = answer.json().get("code") if answer.status else answer.text
                    took_s = round(answer.seconds, 2)
                    verdict.figure[name] = {"bytes": len(content), "status": answer.status, "s": took_s}
                    is_refused = (answer.status, code) == (422, "unreadable_file")
                    verdict.must(is_refused, f"{name}: unreadable_file, not {code}")
            verdict.figure["rounds"] = rounds
            sound = await _sent(site, key, campaign, book_of([BILLING]))
            verdict.must(sound.status == 202, f"a sound workbook is taken, not {sound.status}")
        verdict.must(site.process.code is None, "the process goes on")
        grown = peak_mb(site.process.pid) - before if site.process.code is None else 0.0
        verdict.figure["grown_mb"] = round(grown, 1)
        verdict.must(grown <= GROWN_MB_MAX, f"the process grows by {GROWN_MB_MAX:g} MB at most")
        probe.judge(verdict)
