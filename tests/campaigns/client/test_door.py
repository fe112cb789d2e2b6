"""The client's side of HTTP: what is repeated, how often, and how a refusal reads."""

from pathlib import Path
from typing import Any

import aiohttp
import pytest

from campaigns.client.door import FIRST_WAIT_S, RETRY_AFTER_MAX_S, TRIES_MAX, Away, Door, Problem
from tests.campaigns.client.scripted_service import KEY, Service, door_to, problem
from tests.faults.served import free_port


async def test_what_may_pass_is_asked_again_after_as_long_as_the_service_says() -> None:
    service = Service()
    service.will(
        "GET", "/campaigns/c1", (429, problem("busy", 429), {"Retry-After": "7"}), (503, b""), (200, {"id": "c1"})
    )
    async with door_to(service) as door:
        assert await door.get("/campaigns/c1") == {"id": "c1"}
    assert service.paused == [7.0, FIRST_WAIT_S * 2]
    assert service.heard[0].headers["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("said", ["999999", "-5", "soon"])
async def test_no_retry_after_makes_it_wait_without_bounds(said: str) -> None:
    service = Service()
    service.will("GET", "/campaigns", (503, {}, {"Retry-After": said}), (200, {}))
    async with door_to(service) as door:
        await door.get("/campaigns")
    assert 0 <= service.paused[0] <= RETRY_AFTER_MAX_S


async def test_it_gives_up_after_so_many_tries_and_says_what_was_answered_last() -> None:
    service = Service()
    service.will("POST", "/campaigns", (503, problem("ledger_away", 503)))
    async with door_to(service) as door:
        with pytest.raises(Away, match="ledger_away .503.: why ledger_away"):
            await door.post("/campaigns", {"name": "x"}, key="k")
    assert len(service.heard) == TRIES_MAX
    assert {one.headers["Idempotency-Key"] for one in service.heard} == {"k"}, "a repeat creates nothing more"


async def test_a_service_that_is_not_there_is_named() -> None:
    service, port = Service(), free_port()
    async with aiohttp.ClientSession() as session:
        door = Door(session, f"http://127.0.0.1:{port}/", KEY, service.pause)
        with pytest.raises(Away, match=rf"GET http://127.0.0.1:{port}/v1/campaigns: no answer after {TRIES_MAX} tries"):
            await door.get("/campaigns")
        with pytest.raises(Away, match="no answer after"):
            async with door.stream("/campaigns", "text/csv"):
                raise AssertionError("nobody answers")


async def test_a_first_request_that_still_runs_is_waited_for() -> None:
    service = Service()
    service.will("POST", "/campaigns", (409, problem("idempotency_in_flight", 409)), (201, {"id": "c1"}))
    async with door_to(service) as door:
        answer = await door.post("/campaigns", {}, key="k")
    assert (answer.body, answer.repeated) == ({"id": "c1"}, True)


async def test_a_refusal_is_not_repeated_and_names_each_field_and_its_rule() -> None:
    service = Service()
    faults = [{"pointer": "/ring_timeout_s", "rule": "less_than_equal", "detail": "120 at most"}]
    service.will("POST", "/campaigns", (422, problem("invalid_body", 422, errors=faults)))
    async with door_to(service) as door:
        with pytest.raises(Problem) as caught:
            await door.post("/campaigns", {}, key="k")
    assert str(caught.value) == (
        "invalid_body (422): why invalid_body\n  /ring_timeout_s: 120 at most [less_than_equal]"
    )
    assert len(service.heard) == 1


async def test_an_answer_that_is_no_json_is_said_as_it_is() -> None:
    service = Service()
    service.will("GET", "/campaigns", (404, b"<html>a proxy</html>"))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="no_json .404.: <html>a proxy</html>"):
            await door.get("/campaigns")


async def test_a_file_is_sent_whole_by_each_try(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b"account,number\n" + b"1,13812345678\n" * 50_000)
    service = Service()
    service.will("POST", "/campaigns/c1/imports", (503, {}), (202, {"n": 1}))
    async with door_to(service) as door:
        answer = await door.upload("/campaigns/c1/imports", file, "k", "text/csv", {"file": "账单 3.csv"})
    assert answer.body == {"n": 1}
    assert [one.body for one in service.heard] == [file.read_bytes()] * 2
    assert {one.query["file"] for one in service.heard} == {"账单 3.csv"}
    assert {one.headers["Content-Type"] for one in service.heard} == {"text/csv"}


async def test_a_kept_connection_that_breaks_as_it_is_used_again_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service closes what is idle, and may do so at that very moment."""
    service, broken = Service(), list[str]()
    service.will("POST", "/notice-batches", (201, {"id": "b1"}))
    service.will("GET", "/notice-batches/b1", (200, b"a,b\r\n"))
    inner = Door._asked

    def asked(door: Door, method: str, *more: Any) -> Any:
        if method not in broken:
            broken.append(method)
            raise BrokenPipeError(32, "Broken pipe")
        return inner(door, method, *more)

    monkeypatch.setattr(Door, "_asked", asked)
    async with door_to(service) as door:
        assert (await door.post("/notice-batches", {}, key="k")).body == {"id": "b1"}
        async with door.stream("/notice-batches/b1", "text/csv") as answer:
            assert await answer.read() == b"a,b\r\n"
    assert broken == ["POST", "GET"]
