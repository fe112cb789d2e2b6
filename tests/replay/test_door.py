"""The replay at a door that is busy, refuses, or goes away: it waits its turn, gives up, and never loses an event."""

import json
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from cti.replay.door import BATCH_MAX, REQUESTS_MAX, RETRIES_MAX, DoorRefused, door

EVENTS = [b'{"n":%d}' % number for number in range(3 * BATCH_MAX + 7)]
Handler = Callable[[web.Request], Awaitable[web.Response]]
NOW = {"Retry-After": "0"}


async def posting(handler: Handler) -> int:
    app = web.Application(client_max_size=10_000_000)
    app.router.add_post("/v1/events", handler)
    async with TestServer(app) as server, door(str(server.make_url("/")), "rbk_a_b") as way:
        return await way.post(EVENTS)


def accepted(batch: list[dict[str, int]]) -> web.Response:
    return web.json_response({"accepted": len(batch), "position": "0:1"}, status=202)


async def test_every_event_is_posted_once_in_bounded_batches_by_the_holder_of_the_key() -> None:
    seen: list[list[dict[str, int]]] = []
    under_way, most = 0, 0

    async def take(request: web.Request) -> web.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        assert request.headers["Authorization"] == "Bearer rbk_a_b"
        assert request.content_type == "application/cloudevents-batch+json"
        seen.append(await request.json())
        under_way -= 1
        return accepted(seen[-1])

    assert await posting(take) == len(EVENTS)
    assert sorted(event["n"] for batch in seen for event in batch) == list(range(len(EVENTS)))
    assert max(map(len, seen)) == BATCH_MAX
    assert most <= REQUESTS_MAX


@pytest.mark.parametrize("status", [429, 503])
async def test_a_busy_door_is_asked_again_with_the_same_bytes(status: int) -> None:
    turned_away: list[bytes] = []
    taken: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        body = await request.read()
        if turned_away.count(body) < 2:
            turned_away.append(body)
            return web.json_response({}, status=status, headers=NOW)
        taken.append(body)
        return accepted(json.loads(body))

    assert await posting(take) == len(EVENTS)
    assert sorted(taken * 2) == sorted(turned_away)


async def test_a_door_that_stays_busy_is_given_up() -> None:
    asked = 0

    async def take(request: web.Request) -> web.Response:
        nonlocal asked
        asked += 1
        return web.json_response({}, status=503, headers=NOW)

    with pytest.raises(DoorRefused, match=f"still busy after {RETRIES_MAX} tries"):
        await posting(take)
    assert RETRIES_MAX <= asked <= RETRIES_MAX * REQUESTS_MAX


async def test_one_refused_event_stops_the_replay_and_is_told() -> None:
    async def take(request: web.Request) -> web.Response:
        batch = await request.json()
        return web.json_response({"accepted": len(batch) - 1, "refused": 1, "items": [{"detail": "no such field"}]})

    with pytest.raises(DoorRefused, match="no such field"):
        await posting(take)


async def test_a_refusal_is_told_with_its_status() -> None:
    async def take(request: web.Request) -> web.Response:
        return web.json_response({"code": "wrong_key"}, status=401)

    with pytest.raises(DoorRefused, match=r"POST /v1/events: 401 .*wrong_key"):
        await posting(take)


async def test_a_door_that_goes_away_is_an_error_of_its_own() -> None:
    async def take(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    with pytest.raises(DoorRefused, match="POST /v1/events: no answer"):
        await posting(take)
