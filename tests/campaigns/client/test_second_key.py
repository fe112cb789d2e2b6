"""`approve`, `patch`, `emergency`, `drain`, and a start at a time, as the command says them at the door."""

import io
import json
from typing import Any

import pytest

from campaigns.client.actions import act, start
from campaigns.client.door import Problem
from campaigns.client.second_key import approve, approve_emergency, ask_emergency, end_emergency, patch
from campaigns.client.terminal import Terminal
from tests.campaigns.client.scripted_service import Service, door_to, problem

C = "/campaigns/c1"
PARTS = {"settings": "1" * 64, "files": "2" * 64, "words": "3" * 64}
FOUND: dict[str, Any] = {
    "id": "c1", "kind": "arrears", "name": "March", "state": "draft", "zone": "Asia/Shanghai",
    "progress": {"contacts": 9, "waiting": 9}, "pacing": {"calls_per_second": 2, "calls_at_once": 5}, "priority": 3,
    "next": {"text": {"en": "Draft", "zh": "草稿"}, "until": None, "why": "draft", "rule": None},
    "approval": {"digest": "a" * 64, "parts": PARTS, "needed": ["kind"],
                 "files": [{"n": 1, "file": "m.csv", "sha256": "b" * 64, "contacts": 9}]},
    "emergency": {"n": 2, "reason": "storm", "until": "2026-03-02T15:00:00.000Z", "asked_by": "one (1)"},
}  # fmt: skip


def asked(*answers: str) -> Terminal:
    waiting = list(answers)
    return Terminal(io.StringIO(), lambda _: waiting.pop(0))


async def test_what_is_shown_is_what_is_approved() -> None:
    service, out = Service(), io.StringIO()
    service.will("GET", C, (200, FOUND))
    service.will("POST", f"{C}/approve", (202, FOUND | {"state": "approved"}))
    async with door_to(service) as door:
        assert await approve(door, "c1", True, Terminal(out, None)) is not None
    assert json.loads(service.of("POST", f"{C}/approve")[0].body) == {"digest": "a" * 64, "parts": PARTS}
    told = out.getvalue()
    assert f"import 1: m.csv, 9 contacts, SHA-256 {'b' * 64}" in told
    assert f"digest: {'a' * 64}" in told
    assert told.endswith("c1 is approved; its state: approved\n")


async def test_nothing_is_approved_where_nobody_agrees() -> None:
    service = Service()
    service.will("GET", C, (200, FOUND))
    async with door_to(service) as door:
        assert await approve(door, "c1", False, asked("n")) is None
        assert await approve_emergency(door, "c1", 2, False, asked("no")) is None
    assert [one.method for one in service.heard] == ["GET", "GET"]


async def test_a_change_is_of_the_version_that_was_read() -> None:
    service = Service()
    service.will("GET", C, (200, FOUND, {"ETag": '"7"'}))
    service.will("PATCH", C, (200, FOUND))
    async with door_to(service) as door:
        await patch(door, "c1", {"priority": 3}, Terminal(io.StringIO(), None))
    (sent,) = service.of("PATCH", C)
    assert (sent.headers["If-Match"], json.loads(sent.body)) == ('"7"', {"priority": 3})


async def test_a_change_that_was_heard_before_is_done() -> None:
    """The answer was lost; the second try meets its own change. Another's is told."""
    for body, is_done in (({"priority": 3, "pacing": {"calls_at_once": 5}}, True), ({"priority": 4}, False)):
        service = Service()
        service.will("GET", C, (200, FOUND, {"ETag": '"7"'}))
        service.will("PATCH", C, (503, problem("ledger_away", 503)), (412, problem("changed_meanwhile", 412)))
        async with door_to(service) as door:
            if is_done:
                assert (await patch(door, "c1", body, Terminal(io.StringIO(), None)))["state"] == "draft"
            else:
                with pytest.raises(Problem, match="changed_meanwhile"):
                    await patch(door, "c1", body, Terminal(io.StringIO(), None))


async def test_an_emergency_is_asked_for_approved_and_ended() -> None:
    service, out = Service(), io.StringIO()
    service.will("GET", C, (200, FOUND))
    service.will("POST", f"{C}/emergency", (201, {"n": 2, "until": "2026-03-02T15:00:00.000Z"}))
    service.will("POST", f"{C}/emergency/approve", (202, FOUND))
    service.will("POST", f"{C}/emergency/end", (202, FOUND))
    async with door_to(service) as door:
        await ask_emergency(door, "c1", "storm", "2026-03-02T23:00:00+08:00", Terminal(out, None))
        await approve_emergency(door, "c1", 2, True, Terminal(out, None))
        await end_emergency(door, "c1", Terminal(out, None))
    made = service.of("POST", f"{C}/emergency")[0]
    assert made.headers["Idempotency-Key"]
    assert json.loads(made.body) == {"reason": "storm", "until": "2026-03-02T23:00:00+08:00"}
    assert json.loads(service.of("POST", f"{C}/emergency/approve")[0].body) == {"n": 2}
    assert "one (1): storm; until 2026-03-02 23:00 Asia/Shanghai" in out.getvalue()


async def test_a_drain_and_a_start_at_a_time() -> None:
    service, out = Service(), io.StringIO()
    service.will("GET", C, (200, FOUND))
    service.will("POST", f"{C}/drain", (202, FOUND | {"state": "draining"}))
    service.will("POST", f"{C}/start", (202, FOUND | {"state": "scheduled"}))
    async with door_to(service) as door:
        await act(door, "drain", "c1", {}, Terminal(out, None))
        more = {"start_at": "2026-03-03T08:00:00+08:00", "allow_overlap": True}
        await start(door, "c1", True, Terminal(out, None), more)
    assert json.loads(service.of("POST", f"{C}/start")[0].body) == {"contacts": 9, **more}
    assert "c1 is draining: nobody new is called; what has begun goes on to its end" in out.getvalue()
