"""One key, one request: the same answer again, another request refused, and nothing made twice."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from campaigns.api.idempotent import NAME
from campaigns.ledger import idempotency
from campaigns.ledger.idempotency import IN_FLIGHT_MAX_MS, KEPT_MS, PROLONG_MS, KeyRow
from campaigns.purging import purging
from tests.campaigns.api.site import ARREARS, Reply, Site, contact_row, site
from tests.loop_turn import loop_turn
from tests.scheduler import START_MS, TENANT

FILE = (
    "户号,姓名,联系电话,电费年月,欠费金额,起算日,违约金日利率,总欠费额,交费地点\r\n"
    "A1,张三,13800000001,2026-01,120.00,2026-02-01,0.001,123.60,营业厅\r\n"
)
CSV = "text/csv"
TURNS = 50  # more than a task takes that the clock has woken to ask the writer, or that he answers to wait again
UNREAD_MB = 16  # more than sockets hold: of so much the door has read the first


async def post(it: Site, path: str, body: Any, key: str, **options: Any) -> Reply:
    return await it.ask("POST", path, body, headers={NAME: key, **options})


async def count(it: Site) -> int:
    return len((await it.ask("GET", "/v1/campaigns?limit=100")).json["campaigns"])


async def prolonged(it: Site) -> None:
    """Who prolongs a key and was woken has done so, and waits again: the writer works in order."""
    for _ in range(TURNS):
        await loop_turn()
    await it.in_ledger(lambda _connection: None)
    for _ in range(TURNS):
        await loop_turn()


async def test_the_same_key_and_body_get_the_same_answer(url: str) -> None:
    async with site(url, tasks=False) as it:
        first = await post(it, "/v1/campaigns", ARREARS, "k-1")
        again = await post(it, "/v1/campaigns", ARREARS, "k-1")
        assert (again.status, again.body) == (first.status, first.body) == (201, first.body)
        assert again.headers["Location"] == first.headers["Location"]
        assert await count(it) == 1
        other = await post(it, "/v1/campaigns", {**ARREARS, "name": "April"}, "k-1")
        assert (other.status, other.code) == (422, "idempotency_mismatch")
        assert (await post(it, "/v1/campaigns", {**ARREARS, "name": "April"}, "k-2")).status == 201
        assert (await it.ask("POST", "/v1/campaigns", ARREARS, key="stranger", headers={NAME: "k-1"})).status == 201
        assert await count(it) == 2


async def test_many_at_once_make_one(url: str) -> None:
    async with site(url, tasks=False) as it:
        answers = await asyncio.gather(*(post(it, "/v1/campaigns", ARREARS, "k-1") for _ in range(20)))
        assert {answer.status for answer in answers} == {201}
        assert len({answer.body for answer in answers}) == 1
        assert await count(it) == 1


async def test_what_was_refused_may_be_corrected_with_the_same_key(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        await it.put([contact_row(campaign, 1, state="waiting"), contact_row(campaign, 2, state="person")])
        path = f"/v1/campaigns/{campaign}/contacts/{campaign}"
        assert (await post(it, f"{path}-1/outcome", {"disposition": "reached"}, "k-1")).code == "wrong_state"
        said = await post(it, f"{path}-2/outcome", {"disposition": "reached"}, "k-1")
        again = await post(it, f"{path}-2/outcome", {"disposition": "reached"}, "k-1")
        assert (said.status, again.status, again.body) == (200, 200, said.body), "the contact is final by now"
        assert (await post(it, f"{path}-2/outcome", {"disposition": "disputed"}, "k-1")).code == "idempotency_mismatch"
        one = (await it.ask("GET", f"{path}-2")).json
        assert len(one["attempts"]) == 1


async def test_a_key_is_checked(url: str) -> None:
    async with site(url, tasks=False) as it:
        for wrong in ("a b", "x" * 129, "é"):
            answer = await post(it, "/v1/campaigns", ARREARS, wrong)
            assert (answer.status, answer.code) == (400, "bad_header"), wrong
            assert answer.json["errors"][0]["pointer"] == NAME


async def test_while_the_first_still_runs_the_second_waits(url: str) -> None:
    async with site(url, tasks=False) as it:
        running = KeyRow(TENANT, "k-1", "", START_MS)
        await it.in_ledger(lambda connection: idempotency.take(connection, running))
        answer = await post(it, "/v1/campaigns", ARREARS, "k-1")
        assert (answer.status, answer.code) == (409, "idempotency_in_flight")
        assert answer.headers["Retry-After"] == "2"
        campaign: str = (await it.campaign())["id"]
        body = FILE.encode()
        sent = await post(it, f"/v1/campaigns/{campaign}/imports", body, "k-1", **{"Content-Type": CSV})
        assert sent.code == "idempotency_in_flight"
        it.it.wall_clock.set_to(START_MS + IN_FLIGHT_MAX_MS + 1)
        assert (await post(it, "/v1/campaigns", ARREARS, "k-1")).status == 201, "whoever took it is gone"


async def test_keys_are_kept_for_72_hours(url: str) -> None:
    async with site(url, tasks=False) as it:
        first = await post(it, "/v1/campaigns", ARREARS, "k-1")
        purge = purging(it.context, KEPT_MS)
        await purge(START_MS + KEPT_MS)
        assert (await post(it, "/v1/campaigns", ARREARS, "k-1")).body == first.body
        await purge(START_MS + KEPT_MS + 1)
        assert (await post(it, "/v1/campaigns", ARREARS, "k-1")).json["id"] != first.json["id"]


async def test_an_import_is_answered_once_for_a_key_whatever_its_size(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        path, media = f"/v1/campaigns/{campaign}/imports?file=a.csv", {"Content-Type": CSV}
        first = await post(it, path, FILE.encode(), "k-1", **media)
        again = await post(it, path, FILE.encode(), "k-1", **media)
        assert (first.status, again.status, again.body) == (202, 202, first.body)
        assert (await post(it, path, FILE.encode() + b"\r\n", "k-1", **media)).code == "idempotency_mismatch"
        assert (await post(it, path, FILE.encode(), "k-2", **media)).code == "same_file"
        assert (await it.ask("GET", f"/v1/campaigns/{campaign}/imports/2")).code == "not_found"


async def test_the_answer_stands_although_the_deadlines_have_moved(url: str) -> None:
    async with site(url, tasks=False) as it:
        asked = {**ARREARS, "expires_at": "2026-03-06T00:00:00Z"}
        first = await post(it, "/v1/campaigns", asked, "k-1")
        it.it.wall_clock.set_to(START_MS + KEPT_MS - 1)
        again = await post(it, "/v1/campaigns", asked, "k-1")
        assert (first.status, again.status, again.body) == (201, 201, first.body)
        assert again.headers["ETag"] == first.headers["ETag"]
        assert (await post(it, "/v1/campaigns", asked, "k-2")).json["errors"][0]["pointer"] == "/expires_at"
        assert (await post(it, "/v1/campaigns", ARREARS, "k-2")).status == 201, "what was refused took no key"


async def test_a_file_that_came_so_slowly_that_its_key_was_taken_is_not_kept(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        path, media = f"/v1/campaigns/{campaign}/imports", {"Content-Type": CSV}

        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(UNREAD_MB):
                yield b"\r\n" * (1 << 19)
            assert await it.context.reader.run(idempotency.read, TENANT, "k-1") is not None
            it.it.wall_clock.set_to(START_MS + IN_FLIGHT_MAX_MS + 1)
            assert (await post(it, "/v1/campaigns", ARREARS, "k-1")).status == 201
            yield FILE.encode()

        slow = await post(it, path, slowly(), "k-1", **media)
        assert (slow.status, slow.code) == (409, "idempotency_in_flight")
        assert (await it.ask("GET", f"{path}/1")).code == "not_found"
        assert (await post(it, path, FILE.encode(), "k-2", **media)).status == 202


async def test_a_file_that_comes_slowly_keeps_its_key(url: str) -> None:
    async with site(url, tasks=False) as it:
        campaign: str = (await it.campaign())["id"]
        path, media = f"/v1/campaigns/{campaign}/imports", {"Content-Type": CSV}
        others: list[str] = []

        async def taken_at() -> int:
            found = await it.context.reader.run(idempotency.read, TENANT, "k-1")
            assert found is not None
            return int(found.at_ms)

        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(UNREAD_MB):
                yield b"\r\n" * (1 << 19)
            await prolonged(it)
            for _ in range(2 * IN_FLIGHT_MAX_MS // PROLONG_MS):
                it.it.clock.move_to(it.it.clock.now_ms() + PROLONG_MS)
                await prolonged(it)
            assert await taken_at() == START_MS + 2 * IN_FLIGHT_MAX_MS
            others.append((await post(it, path, FILE.encode(), "k-1", **media)).code)
            yield FILE.encode()

        slow = await post(it, path, slowly(), "k-1", **media)
        again_ms = await taken_at()
        it.it.clock.move_to(START_MS + 3 * IN_FLIGHT_MAX_MS)
        await prolonged(it)
        assert (others, slow.status) == (["idempotency_in_flight"], 202)
        assert await taken_at() == again_ms, "what is answered is not prolonged: it goes after 72 h"
        assert (await it.ask("GET", f"{path}/1")).json["bytes"] > UNREAD_MB


async def test_a_key_that_another_has_taken_is_not_prolonged(url: str) -> None:
    async with site(url, tasks=False) as it:
        first, second = KeyRow(TENANT, "k-1", "one", START_MS), KeyRow(TENANT, "k-1", "two", START_MS)
        later_ms = START_MS + IN_FLIGHT_MAX_MS + 1
        await it.in_ledger(lambda connection: idempotency.take(connection, first))
        assert await it.in_ledger(lambda connection: idempotency.take(connection, second)) == first, (
            "at the same instant"
        )
        assert await it.in_ledger(lambda connection: idempotency.prolong(connection, first, START_MS + 1))
        assert (
            await it.in_ledger(lambda connection: idempotency.take(connection, second._replace(at_ms=later_ms)))
            is not None
        )
        later = second._replace(at_ms=later_ms + 1)
        assert await it.in_ledger(lambda connection: idempotency.take(connection, later)) is None
        assert not await it.in_ledger(lambda connection: idempotency.prolong(connection, first, later_ms + 2))
        assert not await it.in_ledger(lambda connection: idempotency.answer(connection, first, 201, "", None, "d"))
        assert await it.in_ledger(lambda connection: idempotency.answer(connection, later, 201, "", None, "d"))
        assert not await it.in_ledger(lambda connection: idempotency.prolong(connection, later, later_ms + 3))
