"""Files whose header is none: why is said without what stands in them, and the next import goes on."""

import pytest

from tests.campaigns.imports.site import ARREARS, Site, csv_of

NAME, NUMBER = "张三丰", "13812345678"


async def test_a_header_with_a_nul_fails_its_import_and_no_other(site: Site) -> None:
    campaign = await site.campaign("arrears")
    row = await site.imported(campaign, b"\x00account,x\x00\n1,2\n")
    assert (row.state, row.error.isprintable() if row.error else None) == ("failed", True)
    spelled = csv_of([{**ARREARS, "number": "95598"}]).replace(b"number", b"number(\x00)")
    row = await site.imported(campaign, spelled)
    assert (row.state, row.rejected) == ("done", 1)


@pytest.mark.parametrize("before", ["", "x" * 70_000 + "\n", '"x\n'])
async def test_a_row_in_the_place_of_the_header_is_not_shown(lite: Site, before: str) -> None:
    campaign = await lite.campaign("arrears")
    data = csv_of([{**ARREARS, "name": NAME, "number": NUMBER}] * 2).split(b"\r\n", 1)[1]
    row = await lite.imported(campaign, before.encode() + data)
    assert (row.state, row.received) == ("failed", 0)
    assert row.error is not None
    assert not any(said in row.error for said in (NAME, NUMBER))
