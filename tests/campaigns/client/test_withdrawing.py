"""`ringback campaign withdraw`: it waits, and lists everybody who was told."""

import io

import pytest

from campaigns.client.door import Problem
from campaigns.client.terminal import Terminal
from campaigns.client.withdrawing import LOOKS_MAX, withdraw
from tests.campaigns.client.scripted_service import Service, door_to, problem

PATH = "/campaigns/c1/imports/2/withdraw"
ONE = {"account": "A1", "contact": "c1-1", "state": "reached", "told_at": "2026-03-02T01:00:00.000Z"}
FOUND = {
    "acknowledged": False, "cancelled": 7, "left": 1, "told": 2, "notices": {"recalled": 3, "to_recall": 1},
    "accounts": [ONE], "cursor": "n",
}  # fmt: skip


async def test_it_waits_for_the_acknowledgement_and_reads_every_page() -> None:
    service, out = Service(), io.StringIO()
    last = FOUND | {"acknowledged": True, "left": 0}
    page = last | {"accounts": [ONE | {"account": "A2"}], "cursor": None}
    service.will("POST", PATH, (202, FOUND), (202, last), (202, page))
    async with door_to(service) as door:
        found = await withdraw(door, "c1", 2, Terminal(out, None))
    assert [one["account"] for one in found["accounts"]] == ["A1", "A2"]
    assert [one.query.get("cursor") for one in service.of("POST", PATH)] == [None, None, "n"]
    assert out.getvalue().splitlines() == [
        "import 2: 7 cancelled, 2 were told",
        "letters: 3 recalled, 1 have left and should be kept back",
        "told: A1 2026-03-02T01:00:00.000Z reached",
        "told: A2 2026-03-02T01:00:00.000Z reached",
        "acknowledged: nothing of it reaches anybody any more",
    ]


async def test_it_does_not_wait_for_ever() -> None:
    service, out = Service(), io.StringIO()
    service.will("POST", PATH, (202, FOUND | {"cursor": None}))
    async with door_to(service) as door:
        assert not (await withdraw(door, "c1", 2, Terminal(out, None)))["acknowledged"]
    assert len(service.heard) == LOOKS_MAX + 1
    assert "not acknowledged yet: 1 contacts are left" in out.getvalue()


async def test_a_refusal_is_one() -> None:
    service = Service()
    service.will("POST", PATH, (409, problem("wrong_state", 409)))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="wrong_state"):
            await withdraw(door, "c1", 2, Terminal(io.StringIO(), None))
