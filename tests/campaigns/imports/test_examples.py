"""The examples that ship are those of their script, and what the documents say of them."""

import runpy
import shutil
from pathlib import Path

import pytest

from tests.campaigns.imports.site import Site
from tests.tidy.sources import ROOT

EXAMPLES = ROOT / "docs" / "examples"
FILES = ("arrears.csv", "billing.csv", "outage.csv")


def test_the_script_writes_the_same_bytes(tmp_path: Path) -> None:
    script = shutil.copy(EXAMPLES / "make_examples.py", tmp_path)
    runpy.run_path(str(script), run_name="__main__")
    for name in FILES:
        assert (tmp_path / name).read_bytes() == (EXAMPLES / name).read_bytes()


@pytest.mark.parametrize("days_later", [0, 200])
async def test_the_arrears_of_a_billing_centre(lite: Site, days_later: int) -> None:
    lite.clock.move_to(lite.clock.now_ms() + days_later * 86_400_000)
    campaign = await lite.campaign("arrears")
    row = await lite.imported(campaign, (EXAMPLES / "arrears.csv").read_bytes())
    assert (row.state, row.received, row.rejected, row.merged) == ("done", 1_000, 20, 12)
    assert row.accepted == 968
    assert row.contacts == len(await lite.contacts()) < 968
    errors = await lite.errors(row)
    kinds = {tuple(error.split(": ")[1:3]) for error in errors}
    assert len(kinds) > 12
    assert all(error.count("; ") == 0 for error in errors)


@pytest.mark.parametrize(("kind", "contacts"), [("billing", 20), ("outage", 20)])
async def test_the_small_ones_are_right(lite: Site, kind: str, contacts: int) -> None:
    campaign = await lite.campaign(kind)
    row = await lite.imported(campaign, (EXAMPLES / f"{kind}.csv").read_bytes())
    assert (row.received, row.accepted, row.contacts) == (contacts, contacts, contacts)
