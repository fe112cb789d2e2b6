"""What the drills share: a campaign of files that is started, and carried to its end."""

from collections.abc import Mapping, Sequence
from typing import Any

from tests.campaigns.stage import Stage
from tests.campaigns.submitted import Submitted, asked, csv_of
from tests.campaigns.whole import HOUR_MS, end_ms

AFTER_MS = 6 * HOUR_MS
ENDED = ("done", "stopped", "expired")


async def started(
    it: Stage, campaign: Mapping[str, Any], files: Sequence[Sequence[Mapping[str, str]]]
) -> Submitted:  # fmt: skip
    """`files`: what is imported, in turn."""
    made = await asked(it, "POST", "/v1/campaigns", 201, campaign)
    of = Submitted(it, made["id"], {})
    for no, rows in enumerate(files, 1):
        status, text = await it.call("POST", f"{of.path}/imports?file={no}.csv", csv_of(rows), media="text/csv")
        assert status == 202, text
        await it.settle()
        assert (await asked(it, "GET", f"{of.path}/imports/{no}", 200))["accepted"] == len(rows)
    contacts = (await of.campaign())["progress"]["contacts"]
    await asked(it, "POST", f"{of.path}/start", 202, {"contacts": contacts})
    await it.settle()
    return of


async def to_its_end(it: Stage, of: Submitted) -> None:
    """Until the campaign has ended, and some hours more: the last deadline is past by then at the latest."""
    last_ms = await end_ms(it) + HOUR_MS
    while (await of.campaign())["state"] not in ENDED and it.now_ms < last_ms:
        await it.to(min(it.now_ms + AFTER_MS, last_ms))
    await it.to(it.now_ms + AFTER_MS)
