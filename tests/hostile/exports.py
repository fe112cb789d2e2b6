"""M-exports: many long answers at once, beside others' posts."""

import asyncio
import io
import time

from tests.campaigns.imports.site import BILLING, csv_of
from tests.hostile.attack import Bench, attack
from tests.hostile.probing import probing
from tests.hostile.site import Answer, KeyAsked, NotCarriedOut, Site, pause
from tests.hostile.verdict import Verdict
from tests.hostile.workbooks import CAMPAIGN

AT_ONCE = 40
ROWS, CHARS = 60, 60_000  # some four megabytes that are rejected
IMPORTED_S = 60.0
LEAST_S = 3.0
CSV = {"Content-Type": "text/csv"}


async def imported(site: Site, key: str) -> str:
    """The path of an import all of whose rows were rejected."""
    made = await site.ask("POST", "/v1/campaigns", key, json=CAMPAIGN)
    if made.status != 201:
        raise NotCarriedOut(f"no campaign was made: {made.status} {made.text[:200]}")
    rows = [BILLING | {"account": "", "other": f"{number} " + "x" * CHARS} for number in range(ROWS)]
    path = f"/v1/campaigns/{made.json()['id']}/imports"
    sent = await site.ask("POST", path, key, data=io.BytesIO(csv_of(rows)), headers=CSV)
    if sent.status != 202:
        raise NotCarriedOut(f"the file was not taken: {sent.status} {sent.text[:200]}")
    one, until = f"{path}/{sent.json()['n']}", time.monotonic() + IMPORTED_S
    while (found := (await site.ask("GET", one, key)).json())["state"] != "done":
        if time.monotonic() > until:
            raise NotCarriedOut(f"the import has not ended: {found}")
        await pause(0.1)
    if found["rejected"] != ROWS:
        raise NotCarriedOut(f"not all rows were rejected: {found}")
    return one


@attack("M-exports", 180)
async def exports(bench: Bench, verdict: Verdict) -> None:
    """Forty exports at once of rejected rows of four megabytes, again and again for some seconds: all must be
    whole, and another tenant's posts take at most 500 ms (p99).
    """
    async with bench.site() as site:
        key, other = await site.keys(KeyAsked(scopes="campaigns:write"), KeyAsked("other"))
        path = await imported(site, key)
        answers: list[Answer] = []
        async with probing(site, other) as probe:
            began = time.monotonic()
            while time.monotonic() - began < LEAST_S or not probe.is_enough:
                asked = [site.ask("GET", f"{path}/rejected", key) for _ in range(AT_ONCE)]
                answers += await asyncio.gather(*asked)
        lengths = {len(answer.text) for answer in answers}
        verdict.figure["exports"] = {"answers": len(answers), "chars": sorted(lengths)}
        verdict.must({answer.status for answer in answers} == {200}, "all exports are answered")
        verdict.must(len(lengths) == 1 and min(lengths) > ROWS * CHARS, "each is whole")
        probe.judge(verdict)
