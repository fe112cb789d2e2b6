"""`ringback campaign revise`: it waits until nobody is told the old word any more."""

import io
import json

import pytest

from campaigns.client.door import Problem
from campaigns.client.revising import LOOKS_MAX, revise
from campaigns.client.terminal import Terminal
from tests.campaigns.client.scripted_service import Service, door_to, problem

PATH = "/campaigns/c1/revisions"
BODY = {"where": {"area": "东湖区A1", "starts_at": "2026-03-12T08:00:00+08:00"}, "set": {"cancelled": True}}
FOUND = {
    "n": 2, "acknowledged": False, "contacts": 9, "told_again": 4, "cancelled": 3, "withdrawn": 2,
    "notices": {"recalled": 1, "rewritten": 0, "to_recall": 1},
}  # fmt: skip


async def test_it_waits_for_the_acknowledgement_of_its_own_revision() -> None:
    service, out = Service(), io.StringIO()
    last = FOUND | {"acknowledged": True, "told_again": 5}
    service.will("POST", PATH, (202, FOUND))
    service.will("GET", PATH, *((200, {"revisions": [FOUND | {"n": 1}, one]}) for one in (FOUND, last)))
    async with door_to(service) as door:
        found = await revise(door, "c1", BODY, Terminal(out, None))
    assert found == last
    (posted,) = service.of("POST", PATH)
    assert json.loads(posted.body) == BODY
    assert posted.headers["Idempotency-Key"]
    assert out.getvalue().splitlines() == [
        "revision 2: of 9 contacts 5 are told again, 3 were never told and are cancelled, 2 orders withdrawn",
        "letters: 1 recalled, 0 rewritten, 1 have left and should be kept back",
        "acknowledged: nobody is told the old word any more",
    ]


async def test_it_does_not_wait_for_ever() -> None:
    service, out = Service(), io.StringIO()
    service.will("POST", PATH, (202, FOUND))
    service.will("GET", PATH, (200, {"revisions": [FOUND]}))
    async with door_to(service) as door:
        assert not (await revise(door, "c1", BODY, Terminal(out, None)))["acknowledged"]
    assert len(service.heard) == LOOKS_MAX + 1
    assert "not acknowledged yet" in out.getvalue()


async def test_a_refusal_is_one() -> None:
    service = Service()
    service.will("POST", PATH, (422, problem("no_such_outage", 422)))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="no_such_outage"):
            await revise(door, "c1", BODY, Terminal(io.StringIO(), None))
