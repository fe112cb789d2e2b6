"""POST /v1/events over a real socket: what is taken, what is refused, and what the log has then."""

import asyncio
import json
from typing import Any

import pytest

from cti.adapters.clock import VirtualClock
from cti.adapters.event_log_memory import MemoryEventLog
from cti.errors import LogAway
from cti.gateway.positions import positions_of
from cti.ports import Appending
from cti.web.limits import Limits
from tests.integration.gateway_site import BATCH, NDJSON, NOW_MS, ONE, SOURCE, TENANT, Site, event, site_at


async def test_one_event_is_durable_when_it_is_accepted(site: Site) -> None:
    item = event(1, tenant="stranger", zone="east")
    answer = await site.post(await site.key(), item)
    assert answer.status == 202
    [entry] = await site.kept()
    assert answer.json() == {"accepted": 1, "position": f"{entry.partition}:{entry.position}"}
    assert json.loads(entry.body) == item
    assert entry.tenant == TENANT


async def test_plain_json_and_lines_and_headers_carry_events_too(site: Site) -> None:
    key = await site.key()
    assert (await site.post(key, event(1), "application/json; charset=UTF-8")).status == 202
    lines = b"\n".join(json.dumps(event(n)).encode() for n in (2, 3)) + b"\n\n"
    assert (await site.post(key, lines, NDJSON)).json()["accepted"] == 2
    binary = {f"ce-{name}": str(value) for name, value in event(4, subject="通话-4", sequence=7).items()}
    for name in ("ce-datacontenttype", "ce-data"):
        del binary[name]
    binary["ce-subject"] = "%E9%80%9A%E8%AF%9D-4"
    data = json.dumps(event(4)["data"]).encode()
    assert (
        await site.ask("POST", "/v1/events", {**key, **binary, "Content-Type": "application/json"}, data)
    ).status == 202
    kept = {item["id"]: item for item in (json.loads(entry.body) for entry in await site.kept())}
    assert sorted(kept) == ["e-1", "e-2", "e-3", "e-4"]
    assert kept["e-4"]["subject"] == "通话-4"
    assert kept["e-4"]["data"] == event(4)["data"]


async def test_a_batch_goes_in_order_and_tells_the_last_positions(site: Site) -> None:
    answer = await site.post(await site.key(), [event(n) for n in range(200)], BATCH)
    assert answer.status == 202
    kept = await site.kept()
    last = {entry.partition: entry.position for entry in kept}
    assert positions_of(answer.json()["position"]) == last
    assert sum(last.values()) == answer.json()["accepted"] == 200
    numbers = {
        partition: [int(json.loads(e.body)["id"][2:]) for e in kept if e.partition == partition] for partition in last
    }
    assert all(found == sorted(found) for found in numbers.values())


async def test_an_empty_batch_is_taken_for_what_it_is(site: Site) -> None:
    answer = await site.post(await site.key(), b"[]", BATCH)
    assert (answer.status, answer.json()) == (202, {"accepted": 0, "position": ""})


async def test_one_bad_event_does_not_hold_up_the_others(site: Site) -> None:
    bad = event(2, data={"connection": "leg-2", "invented": 1})
    answer = await site.post(await site.key(), [event(1), bad, 7, event(3)], BATCH)
    assert answer.status == 200
    told = answer.json()
    assert (told["accepted"], told["refused"]) == (2, 2)
    assert [item["status"] for item in told["items"]] == ["accepted", "refused", "refused", "accepted"]
    assert [item["id"] for item in told["items"]] == ["e-1", "e-2", None, "e-3"]
    assert [item["index"] for item in told["items"]] == [0, 1, 2, 3]
    assert told["items"][1]["code"] == "invalid_event"
    assert [each["pointer"] for each in told["items"][1]["errors"]] == ["/data/invented"]
    assert len(await site.kept()) == 2
    assert 'ringback_events_total{outcome="accepted"} 2.0' in site.telemetry.exposition().decode()
    assert 'ringback_events_total{outcome="refused"} 2.0' in site.telemetry.exposition().decode()


async def test_lines_are_judged_one_by_one(site: Site) -> None:
    body = json.dumps(event(1)).encode() + b"\n{oops\n" + json.dumps(event(2)).encode()
    answer = await site.post(await site.key(), body, NDJSON)
    assert answer.status == 200
    assert [item.get("code") for item in answer.json()["items"]] == [None, "unparsable", None]


async def test_a_batch_of_which_nothing_is_left_is_refused(site: Site) -> None:
    answer = await site.post(await site.key(), [{}, 1], BATCH)
    assert (answer.status, answer.code) == (422, "all_refused")
    assert [item["code"] for item in answer.json()["items"]] == ["invalid_event", "invalid_event"]
    assert await site.kept() == []


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"time": "yesterday"}, "/time"),
        ({"time": "2026-03-02T01:00:12"}, "/time"),
        ({"id": ""}, "/id"),
        ({"id": 7}, "/id"),
        ({"subject": "a\x00b"}, "/subject"),
        ({"specversion": "0.3"}, "/specversion"),
        ({"data": {"connection": 7}}, "/data/connection"),
        ({"data": []}, "/data"),
        ({"sequence": -1}, "/sequence"),
        ({"Zone": "x"}, "/Zone"),
    ],
)
async def test_a_fault_is_named_by_its_pointer(changed: dict[str, Any], pointer: str) -> None:
    async with site_at("memory:") as site:
        answer = await site.post(await site.key(), event(1, **changed))
        assert (answer.status, answer.code) == (422, "invalid_event")
        assert pointer in [each["pointer"] for each in answer.json()["errors"]]
        assert await site.kept() == []


@pytest.mark.parametrize(
    ("body", "media", "status", "code"),
    [
        (b"{", ONE, 400, "unparsable"),
        (b"", ONE, 400, "unparsable"),
        (b'{"a":NaN}', ONE, 400, "unparsable"),
        (b'\xef\xbb\xbf{"a":1}', ONE, 400, "bad_encoding"),
        (b'{"a":"\xff"}', ONE, 400, "bad_encoding"),
        (b"[" * 500_000, BATCH, 400, "unparsable"),
        (b'{"a":' * 500_000, ONE, 400, "unparsable"),
        (b"{}", BATCH, 422, "invalid_body"),
        (b"{}", ONE, 422, "invalid_event"),
        (b"[" * 150 + b"]" * 150, ONE, 422, "invalid_event"),
        (b"{}", "text/plain", 415, "unsupported_media_type"),
        (b"{}", "application/json; charset=gb18030", 415, "unsupported_media_type"),
        (b"[" + b"1," * 1000 + b"1]", BATCH, 413, "batch_too_large"),
        (b" " * (4 * 1024 * 1024 + 1), ONE, 413, "too_large"),
        (
            json.dumps(event(1, data={"connection": "a", "private": {"x": "y" * 70_000}})).encode(),
            ONE,
            422,
            "event_too_large",
        ),
        (b'{"data":{"x":1e999}}', ONE, 422, "invalid_event"),
    ],
)
async def test_bodies_that_cannot_be_taken(body: bytes, media: str, status: int, code: str) -> None:
    async with site_at("memory:") as site:
        answer = await site.post(await site.key(), body, media)
        assert (answer.status, answer.code) == (status, code)
        assert await site.kept() == []


async def test_an_infinite_number_never_reaches_the_log(site: Site) -> None:
    body = json.dumps(event(1, type="acme.unknown", data={"x": 12345})).replace("12345", "1e999").encode()
    answer = await site.post(await site.key(), body)
    assert (answer.status, answer.code) == (422, "invalid_event")
    assert await site.kept() == []


async def test_a_whole_number_may_be_written_with_a_point(site: Site) -> None:
    key = await site.key()
    data = {"connection": "c", "queue": "faults", "position": 3.0, "q850": 16.0}
    assert (await site.post(key, event(1, type="ringback.call.queued.v1", sequence=7.0, data=data))).status == 202
    [entry] = await site.kept()
    kept = json.loads(entry.body)
    assert (kept["sequence"], kept["data"]) == (7, {"connection": "c", "queue": "faults", "position": 3, "q850": 16})
    assert b"7.0" not in entry.body
    wrongs: list[dict[str, Any]] = [{"sequence": 7.5}, {"sequence": 1e300}, {"id": 7.0}, {"data": {"position": 3.5}}]
    for wrong in wrongs:
        answer = await site.post(key, event(2, type="ringback.call.queued.v1", **({"data": data} | wrong)))
        assert (answer.status, answer.code) == (422, "invalid_event")


async def test_deep_data_is_refused_and_not_fallen_over(site: Site) -> None:
    deep: Any = 1
    for _ in range(60):
        deep = {"a": deep}
    answer = await site.post(await site.key(), event(1, type="acme.unknown", data=deep))
    assert (answer.status, answer.code) == (422, "invalid_event")


async def test_encoded_bodies_are_refused_unopened(site: Site) -> None:
    headers = {**await site.key(), "Content-Type": ONE, "Content-Encoding": "gzip"}
    answer = await site.ask("POST", "/v1/events", headers, b"\x1f\x8b" + b"\x00" * 1000)
    assert (answer.status, answer.code) == (415, "unsupported_encoding")


async def test_a_body_without_length_is_bounded_too(site: Site) -> None:
    async def endless() -> Any:
        for _ in range(80):
            yield b" " * 65_536

    headers = {**await site.key(), "Content-Type": ONE}
    answer = await site.ask("POST", "/v1/events", headers, endless())
    assert (answer.status, answer.code) == (413, "too_large")


async def test_a_switch_speaks_for_itself_only(site: Site) -> None:
    key = await site.key(switches="pbx-1")
    assert (await site.post(key, event(1))).status == 202
    answer = await site.post(key, event(2, source="/switches/pbx-2"))
    assert (answer.status, answer.code) == (403, "source_not_allowed")
    mixed = await site.post(key, [event(3), event(4, source="/switches/pbx-2")], BATCH)
    assert [item.get("code") for item in mixed.json()["items"]] == [None, "source_not_allowed"]
    assert {json.loads(entry.body)["id"] for entry in await site.kept()} == {"e-1", "e-3"}


@pytest.mark.parametrize(
    "type_",
    [
        "ringback.call.commandResult.v1",
        "ringback.call.commandResult.v2",
        "ringback.switch.switchDeclared.v1",
        "ringback.switch.switchDeclared.v9",
    ],
)
async def test_what_only_ringback_says_is_refused(site: Site, type_: str) -> None:
    data: dict[str, Any] = (
        {"commandid": "c", "state": "done"} if "Result.v1" in type_ else {"commands": [], "facts": None}
    )
    answer = await site.post(await site.key("admin"), event(1, type=type_, data=data))
    assert (answer.status, answer.code) == (422, "reserved_type")
    assert await site.kept() == []


async def test_a_newer_switch_is_not_cut_off(site: Site) -> None:
    items = [event(1, type="ringback.call.delivered.v2", data={"new": 1}), event(2, type="acme.lamp.on")]
    assert (await site.post(await site.key(), items, BATCH)).status == 202
    assert len(await site.kept()) == 2


async def test_switch_events_reach_every_partition(site: Site) -> None:
    beat = event(1, type="ringback.switch.switchHeartbeat.v1", subject="pbx-1", data={})
    assert (await site.post(await site.key(), beat)).status == 202
    kept = await site.kept()
    assert sorted(entry.partition for entry in kept) == [0, 1, 2, 3]
    assert {entry.body for entry in kept} == {kept[0].body}


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic abc", "Bearer rbk_0123456789ab_short", "Bearer rbk_0123456789ab_" + "A" * 43],
)
async def test_no_key_no_door(authorization: str | None) -> None:
    async with site_at("memory:") as site:
        headers = {} if authorization is None else {"Authorization": authorization}
        answer = await site.post(headers, event(1))
        assert (answer.status, answer.code) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_right_id_with_a_wrong_secret_is_a_wrong_key(site: Site) -> None:
    right = (await site.key())["Authorization"]
    wrong = right[:-1] + ("A" if right[-1] != "A" else "B")
    assert (await site.post({"Authorization": right}, event(1))).status == 202
    assert (await site.post({"Authorization": wrong}, event(2))).status == 401


async def test_a_scope_is_needed(site: Site) -> None:
    answer = await site.post(await site.key("calls:read"), event(1))
    assert (answer.status, answer.code) == (403, "scope_missing")
    assert (await site.post(await site.key("admin"), event(1))).status == 202


async def test_a_revoked_key_ends(store_url: str) -> None:
    async with site_at(store_url, Limits(key_cache_s=0)) as site:
        key = await site.key()
        assert (await site.post(key, event(1))).status == 202
        assert await site.ledger.revoke_key(key["Authorization"].split("_")[1], NOW_MS)
        assert (await site.post(key, event(2))).status == 401


async def test_one_key_s_haste_is_bounded_and_not_another_s(store_url: str) -> None:
    async with site_at(store_url, Limits(requests_per_s=0.001, requests_burst=2)) as site:
        key, other = await site.key(), await site.key()
        assert [(await site.post(key, event(n))).status for n in range(3)] == [202, 202, 429]
        answer = await site.post(key, event(4))
        assert (answer.code, int(answer.headers["Retry-After"]) > 0) == ("rate_limited", True)
        assert (await site.post(other, event(5))).status == 202


class StuckLog(MemoryEventLog):
    """Keeps nothing until it is let go."""

    def __init__(self) -> None:
        super().__init__(VirtualClock(NOW_MS), 4)
        self.asked, self.go = asyncio.Semaphore(0), asyncio.Event()

    async def append(self, items: Any) -> list[tuple[int, int]]:
        self.asked.release()
        await self.go.wait()
        return await super().append(items)


async def test_a_slow_log_holds_up_a_bounded_number() -> None:
    log = StuckLog()
    async with site_at("memory:", Limits(log_waiting=2), log=log) as site:
        key = await site.key()
        held = [asyncio.create_task(site.post(key, event(n))) for n in (1, 2)]
        for _ in held:
            await log.asked.acquire()
        turned = await site.post(key, event(3))
        assert (turned.status, turned.code, turned.headers["Retry-After"]) == (503, "log_busy", "2")
        log.go.set()
        assert [(await each).status for each in held] == [202, 202]
        assert (await site.post(key, event(4))).status == 202


async def test_a_log_that_does_not_answer_is_given_up() -> None:
    async with site_at("memory:", Limits(log_wait_s=0.02), log=StuckLog()) as site:
        answer = await site.post(await site.key(), event(1))
        assert (answer.status, answer.code) == (503, "log_busy")


class AwayLog(MemoryEventLog):
    """Cannot be reached."""

    async def append(self, items: Any) -> list[tuple[int, int]]:
        raise LogAway("tried")


async def test_a_log_that_is_away_promises_nothing() -> None:
    async with site_at("memory:", log=AwayLog(VirtualClock(NOW_MS), 4)) as site:
        answer = await site.post(await site.key(), event(1))
        assert (answer.status, answer.code, answer.headers["Retry-After"]) == (503, "log_away", "2")


async def test_the_key_of_the_log_is_tenant_source_and_subject() -> None:
    seen: list[Appending] = []

    class Noted(MemoryEventLog):
        async def append(self, items: Any) -> list[tuple[int, int]]:
            seen.extend(items)
            return await super().append(items)

    async with site_at("memory:", log=Noted(VirtualClock(NOW_MS), 4)) as site:
        await site.post(await site.key(), event(1))
    assert [each.key for each in seen] == [f"{TENANT}:{SOURCE}:call-1"]
    assert [each.event and each.event.kind for each in seen] == ["delivered"]
