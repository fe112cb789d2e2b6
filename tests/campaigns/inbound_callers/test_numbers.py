"""The index by which callers are found holds every number of every contact, however the contact came there."""

import json
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, text

from campaigns.ledger.migrations import campaigns_0010
from campaigns.ledger.tables import callers, numbers
from tests.campaigns.dialler.acting import acting
from tests.campaigns.dialler.made import campaign, contact, put
from tests.campaigns.imports.site import ROWS, Site, csv_of, open_site
from tests.campaigns.inbound_callers.calling import ONE, affected, calls_in, hangs_up, heard, outage
from tests.ready import BOTH, ready_url
from tests.scheduler import TENANT


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return ready_url(request.param, request, tmp_path)


async def listed(site: Site) -> set[tuple[str, str, int]]:
    def read(connection: Connection) -> set[tuple[str, str, int]]:
        return {tuple(row) for row in connection.execute(numbers.select())}

    return set(await site.context.reader.run(read))


async def wanted(site: Site) -> set[tuple[str, str, int]]:
    def read(connection: Connection) -> list[tuple[str, int, str]]:
        return [tuple(row) for row in connection.execute(text("SELECT campaign, no, phones FROM campaign_contacts"))]

    rows = await site.context.reader.run(read)
    return {(name, phone[0].partition(";")[0], no) for name, no, phones in rows for phone in json.loads(phones)}


async def test_imports_list_the_numbers_of_new_contacts_and_of_those_that_they_add_to(url: str) -> None:
    """And the upgrade lists those of contacts that are there: the same."""
    async with open_site(url) as site:
        row = ROWS["outage"]
        of = await site.campaign("outage")
        first = [{**row, "account": f"O{n}", "number": f"138{n:08}", "number2": f"139{n:08}"} for n in range(50)]
        await site.imported(of, csv_of(first))
        more = [{**row, "account": f"O{n}", "number": f"137{n:08}", "area": "西湖区"} for n in range(0, 60, 3)]
        await site.imported(of, csv_of(more))
        ended = await site.campaign("billing", "c2", state="done")
        await site.set_state(ended, "draft")
        await site.imported(ended, csv_of([ROWS["billing"]]))
        there = await listed(site)
        assert there == await wanted(site)
        assert len(there) == 50 * 2 + 20 + 1
        await site.set_state(ended, "done")

        def again(connection: Connection, asked: list[None]) -> list[None]:
            connection.execute(delete(numbers))
            is_sqlite = connection.dialect.name == "sqlite"
            connection.execute(text(campaigns_0010.SQLITE if is_sqlite else campaigns_0010.POSTGRESQL))
            return asked

        await site.context.writer.run(again, None)
        assert await listed(site) == {one for one in there if one[0] == of.id}


async def test_an_extension_is_no_part_of_what_a_caller_shows(url: str) -> None:
    async with acting(url) as product:
        of = campaign()
        await put(product.it, of, [contact(of, 1, "+8679188881234;ext=21", "+8679188881234;ext=22", ONE)])
        assert {row["number"] for row in await product.rows(numbers)} == {"+8679188881234", ONE}


async def test_callers_are_found_and_their_lines_taken_and_left_on_both_databases(url: str) -> None:
    async with acting(url) as product:
        it = product.it
        await it.declare("pbx")
        await it.to(10)
        _, (one, two, _) = await product.campaign(started_at_ms=product.now_ms)
        attempt = await product.dialled(one)
        of = outage()
        await put(it, of, [affected(of, 1, "+8613900000009")])
        numbers_of = {
            row["no"]: row["number"] for row in await product.rows(numbers) if row["campaign"] == one.campaign
        }
        await calls_in(it, "first", numbers_of[1])
        await calls_in(it, "again", numbers_of[1])
        await calls_in(it, "second", numbers_of[2])
        await calls_in(it, "third", "+8613900000009")
        assert len(heard(it, "playMessage")) == 1
        assert (await product.order(attempt.command)).state == "withdrawn"
        held = {(row["tenant"], row["line"]) for row in await product.rows(callers)}
        lines = {numbers_of[1], numbers_of[2], "+8613900000009", f"a:{one.account}", f"a:{two.account}"}
        assert held == {(TENANT, line) for line in lines}
        await hangs_up(it, "first")
        assert len(await product.rows(callers)) == 6
        for call in ("again", "second", "third"):
            await hangs_up(it, call)
        assert await product.rows(callers) == []
