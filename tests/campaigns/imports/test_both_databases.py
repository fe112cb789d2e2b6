"""An import comes to the same on both databases, to the last column."""

import random
from pathlib import Path

from tests.campaigns.imports.site import ROWS, csv_of, open_site

SEED = 20260302
ROWS_EACH = 400


def some_rows(kind: str) -> bytes:
    """Rows as they come: accounts with several items, some spoilt, some twice, some contradicting."""
    chance = random.Random(f"{SEED}-{kind}")
    row, rows = ROWS[kind], list[dict[str, str]]()
    for _ in range(ROWS_EACH):
        account = chance.randrange(ROWS_EACH // 2)
        one = {**row, "account": f"{kind}-{account}", "name": f"张{account}", "number": f"138{account:08}"}
        if chance.random() < 0.3:
            one["number"] = f"139{chance.randrange(50):08}"
        if chance.random() < 0.1:
            one[chance.choice(sorted(row))] = chance.choice(["", "x" * 600, "95598", "2026-02-30", "张\x00"])
        if kind == "outage" and chance.random() < 0.3:
            one |= {"area": "西湖区", "important": chance.choice(["yes", "no"]), "zone": "Asia/Urumqi"}
        rows.append(one)
    return csv_of(rows)


async def outcome(url: str) -> object:
    async with open_site(url) as site:
        for kind in ROWS:
            campaign = await site.campaign(kind, kind[:3])
            first = await site.imported(campaign, some_rows(kind))
            second = await site.imported(campaign, some_rows(kind) + b"x,y\r\n")
            assert min(first.accepted, first.rejected, first.merged, second.received) > 0
            assert first.received == first.accepted + first.rejected + first.merged
        return await site.everything()


async def test_both_databases_hold_the_same(tmp_path: Path, postgres_url: str) -> None:
    assert await outcome(f"sqlite:///{tmp_path}/ringback.db") == await outcome(postgres_url)
