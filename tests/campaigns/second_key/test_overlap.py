"""Two campaigns of one kind do not call the same customers for the same."""

import asyncio
import json
from contextlib import suppress
from dataclasses import replace
from threading import Barrier, BrokenBarrierError
from typing import Any

import pytest
from sqlalchemy import Connection

from campaigns.dialler.starting import StartRequest, start
from campaigns.errors import Overlaps
from campaigns.ledger import contacts, overlapping, tables
from campaigns.ledger.rows import CampaignRow
from tests.campaigns.api.site import Site
from tests.campaigns.dialler.acting import Acting, acting
from tests.campaigns.second_key.asked import approve, drafted, shown
from tests.campaigns.second_key.asked import start as start_at_the_door
from tests.ready import ready_url
from tests.scheduler import TENANT

WHO = "desk (7)"
MEET_S = 0.2  # for the second to come as far as the first


async def with_items(product: Acting, row: CampaignRow, items: list[dict[str, str]]) -> None:
    change = tables.contacts.update().where(tables.contacts.c.campaign == row.id).values(items=json.dumps(items))
    await product.write(lambda connection: connection.execute(change))


async def test_the_other_campaign_is_named_and_may_be_allowed(it: Site) -> None:
    first, second = await drafted(it), await drafted(it, name="March again")
    for campaign in (first, second):
        assert (await approve(it, campaign)).status == 202
    assert (await start_at_the_door(it, second)).status == 202
    refused = await start_at_the_door(it, first)
    assert (refused.status, refused.code) == (409, "overlaps")
    told = [refused.json[name] for name in ("campaign", "name", "contacts", "counted_all")]
    assert told == [second, "March again", 2, True]
    assert (await shown(it, first))["state"] == "approved"
    assert (await start_at_the_door(it, first, allow_overlap=True)).json["state"] == "running"


@pytest.mark.parametrize(
    ("mine", "theirs", "overlaps"),
    [("2026-01", "2026-01", True), ("2026-01,2026-02", "2026-02,2026-03", True), ("2026-01", "2026-02", False)],
)
async def test_items_decide(product: Acting, mine: str, theirs: str, overlaps: bool) -> None:
    row, _ = await product.campaign(id="c1", kind="arrears", state="draft")
    other, _ = await product.campaign(id="c2", kind="arrears")
    await with_items(product, row, [{"months": mine}])
    await with_items(product, other, [{"months": theirs}])
    found = await product.context.reader.run(overlapping.common, row, other.id)
    assert found == (3 if overlaps else 0, True)


@pytest.mark.parametrize(
    "other",
    [{"tenant": "other"}, {"kind": "outage"}, {"state": "draft"}, {"state": "done"}, {"state": "stopped"}],
)
async def test_who_is_no_other_campaign(product: Acting, other: dict[str, Any]) -> None:
    row, _ = await product.campaign(id="c1", state="draft")
    await product.campaign(id="c2", **other)
    assert (await start(product.context, TENANT, row.id, StartRequest(3), WHO)).state == "running"


async def test_who_was_cancelled_there_is_called_here(product: Acting) -> None:
    """The wrong file was taken back: the right one brings the same customers."""
    row, _ = await product.campaign(id="c1", state="draft")
    _, theirs = await product.campaign(id="c2")
    with pytest.raises(Overlaps):
        await start(product.context, TENANT, row.id, StartRequest(3), WHO)
    gone = [one._replace(state="cancelled") for one in theirs]
    await product.write(lambda connection: contacts.replace(connection, gone))
    assert (await start(product.context, TENANT, row.id, StartRequest(3), WHO)).state == "running"


async def test_of_two_that_start_at_once_one_is_first(request: pytest.FixtureRequest, tmp_path: Any) -> None:
    """Two processes, each with a writer of its own, on PostgreSQL; SQLite has one writer. Before either commits both
    would be where nothing more is asked, if the tenant's row let them.
    """
    async with acting(ready_url("postgresql", request, tmp_path)) as product:
        rows = [(await product.campaign(id=f"c{n}", state="draft"))[0] for n in (1, 2)]
        assert product.it.store.database is not None
        writers = [product.context.writer, next(one for one in product.it.store.database.writers
                                                if one is not product.context.writer)]  # fmt: skip
        both = Barrier(2)

        def meet(_connection: Connection) -> None:
            with suppress(BrokenBarrierError):
                both.wait(timeout=MEET_S)

        starts = [
            start(replace(product.context, writer=writer), TENANT, row.id, StartRequest(3), WHO, meet)
            for writer, row in zip(writers, rows, strict=True)
        ]
        made = await asyncio.gather(*starts, return_exceptions=True)
        assert sorted(type(one).__name__ for one in made) == ["CampaignRow", "Overlaps"]
