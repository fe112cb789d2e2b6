"""Files of contacts through the door: whole or not at all, in any size, and what came of them."""

import csv
import io
import json
import resource
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from campaigns.api.imports import TAKEN
from campaigns.imports.header import KEEP_MAX
from campaigns.ledger import audit
from tests.campaigns.api.site import Site, site
from tests.scheduler import TENANT

HEADER = "户号,姓名,联系电话,电费年月,欠费金额,起算日,违约金日利率,总欠费额,交费地点"
ROW = "{account},张三,{number},2026-01,120.00,2026-02-01,0.001,{total},营业厅"
CSV = {"Content-Type": "text/csv"}
MB = 1 << 20
WARM_MB, BIG_MB = 64, 96
MEMORY_MB = 32


def file(*numbers: str, total: str = "123.60") -> bytes:
    rows = [ROW.format(account=f"A{n}", number=number, total=total) for n, number in enumerate(numbers, 1)]
    return ("\r\n".join([HEADER, *rows]) + "\r\n").encode()


async def imported(it: Site, campaign: str, body: bytes, query: str = "") -> dict[str, Any]:
    answer = await it.ask("POST", f"/v1/campaigns/{campaign}/imports{query}", body, headers=CSV)
    assert answer.status == 202, answer.body
    made = answer.json
    assert (made["state"], answer.headers["Location"]) == ("running", f"/v1/campaigns/{campaign}/imports/{made['n']}")
    await it.it.settle()
    shown: dict[str, Any] = (await it.ask("GET", answer.headers["Location"])).json
    return shown


async def test_a_file_becomes_contacts(url: str) -> None:
    async with site(url) as it:
        campaign: str = (await it.campaign())["id"]
        shown = await imported(it, campaign, file("13800000001", "1.38E+10", "95598", "13800000002"), "?file=a.csv")
        assert shown["state"] == "done", shown
        counted = ("received", "accepted", "rejected", "merged", "contacts")
        assert [shown[name] for name in counted] == [4, 2, 2, 0, 2]
        assert (shown["n"], shown["file"], shown["error"], shown["by"].split(" ")[0]) == (1, "a.csv", None, "manager")
        assert set(shown["sample"]["on_answer"]) >= {"opening", "gate", "body"}
        assert set(shown["sample"]["on_answer"]["opening"]) == set(shown["sample"]["message"]) == {"zh"}, (
            "as it is said"
        )
        assert "张三" not in json.dumps(shown["sample"], ensure_ascii=False)
        rejected = await it.ask("GET", f"/v1/campaigns/{campaign}/imports/1/rejected")
        rows = list(csv.DictReader(io.StringIO(rejected.body.decode("utf-8-sig"), newline="")))
        assert [row["联系电话"] for row in rows] == ["1.38E+10", "95598"]
        assert all(row["error"].count(":") >= 3 for row in rows), "ROW: FIELD: RULE: what is wrong"
        listed = (await it.ask("GET", f"/v1/campaigns/{campaign}/contacts")).json["contacts"]
        assert [one["account"] for one in listed] == ["A1", "A4"]
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["progress"]["contacts"] == 2
        lines = await it.context.reader.run(audit.lines, TENANT)
        assert [line["what"] for line in lines] == ["campaign_created", "import_received", "rejected_exported"]


async def test_the_same_file_again_is_told_by_number(url: str) -> None:
    async with site(url) as it:
        campaign, other = (await it.campaign())["id"], (await it.campaign())["id"]
        await imported(it, campaign, file("13800000001"))
        again = await it.ask("POST", f"/v1/campaigns/{campaign}/imports", file("13800000001"), headers=CSV)
        assert (again.status, again.code, again.json["import"]) == (409, "same_file", 1)
        assert (await imported(it, other, file("13800000001")))["state"] == "done"


async def test_what_is_no_csv_is_refused_before_it_is_read(url: str) -> None:
    async with site(url) as it:
        campaign: str = (await it.campaign())["id"]
        path = f"/v1/campaigns/{campaign}/imports"
        wrong = await it.ask("POST", path, b"{}", headers={"Content-Type": "application/json"})
        assert (wrong.status, wrong.code, wrong.headers["Accept-Post"]) == (415, "unsupported_media_type", TAKEN)
        packed = await it.ask("POST", path, b"x", headers={**CSV, "Content-Encoding": "gzip"})
        assert (packed.status, packed.code) == (415, "unsupported_encoding")
        assert (await it.ask("GET", f"{path}/1")).code == "not_found"


async def test_a_campaign_that_has_ended_takes_no_file(url: str) -> None:
    async with site(url) as it:
        campaign: str = (await it.campaign())["id"]
        assert (await it.ask("POST", f"/v1/campaigns/{campaign}/stop")).status == 202
        answer = await it.ask("POST", f"/v1/campaigns/{campaign}/imports", file("13800000001"), headers=CSV)
        assert (answer.status, answer.code) == (409, "wrong_state")
        assert answer.json["allowed"] == ["approved", "draft", "paused", "running", "scheduled"]


async def test_a_body_that_breaks_off_leaves_nothing(url: str) -> None:
    async with site(url) as it:
        campaign: str = (await it.campaign())["id"]

        async def broken() -> AsyncIterator[bytes]:
            yield file("13800000001")
            raise ConnectionError("the line is cut")

        headers = {"Authorization": f"Bearer {it.keys['manager']}", **CSV}
        path = f"{it.it.url}/v1/campaigns/{campaign}/imports"
        async with aiohttp.ClientSession() as session:
            with pytest.raises((aiohttp.ClientError, ConnectionError)):
                await session.post(path, data=broken(), headers=headers)
        await it.it.settle()
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}")).json["progress"]["contacts"] == 0
        made = await imported(it, campaign, file("13800000001"))
        assert made["state"] == "done"


async def test_a_big_body_streams_in_constant_memory(tmp_path: Any) -> None:
    async with site(f"sqlite:///{tmp_path}/ringback.db", tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        piece = b"x" * MB

        async def body(pieces: int) -> AsyncIterator[bytes]:
            for _ in range(pieces):
                yield piece

        path = f"/v1/campaigns/{campaign}/imports"
        assert (await it.ask("POST", path, body(WARM_MB), headers=CSV)).status == 202
        before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = await it.ask("POST", path, body(BIG_MB), headers=CSV)
        grown_mb = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb) / 1024
        assert (answer.status, answer.json["bytes"]) == (202, BIG_MB * MB)
        assert grown_mb < MEMORY_MB, f"{grown_mb:.0f} MB more for a body of {BIG_MB} MB"


async def test_more_columns_than_can_be_kept_are_refused_by_name(tmp_path: Any) -> None:
    async with site(f"sqlite:///{tmp_path}/ringback.db", tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        path = f"/v1/campaigns/{campaign}/imports"
        names = [f"k{n}" for n in range(KEEP_MAX + 1)]
        for query in ("keep=" + ",".join(names), "&".join(f"keep={name}" for name in names)):
            answer = await it.ask("POST", f"{path}?{query}", file("13800000001"), headers=CSV)
            assert (answer.status, answer.code) == (400, "bad_parameter"), query
            assert answer.json["errors"][0]["pointer"] == "keep"
        most = "keep=" + ",".join([*names[1:], names[-1]])
        answer = await it.ask("POST", f"{path}?{most}", file("13800000001"), headers=CSV)
        assert (answer.status, answer.json["keep"]) == (202, names[1:])
