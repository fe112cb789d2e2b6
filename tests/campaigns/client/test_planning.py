"""`ringback campaign rehearse` and `rerun`: what a person reads."""

import io

from campaigns.client.planning import rehearse, rerun
from campaigns.client.planning import test_call as call_oneself
from campaigns.client.terminal import Terminal
from tests.campaigns.client.scripted_service import Service, door_to

FOUND = {
    "contacts": 877, "calls": 1900, "messages": 0, "peak_lines": 10, "open": 3,
    "first_dial_at": "2026-03-04T01:00:00.000Z", "finish_at": "2026-03-04T09:30:00.000Z",
    "outcomes": {"fallback": 214, "reached": 660}, "fallbacks": {"attempts_used": 214},
    "deadlines": {
        "notice_out_by": {"at": "2026-03-04T13:00:00.000Z", "met": 877, "missed": 0},
        "fallback_by": {"at": "2026-03-09T13:00:00.000Z", "missed": 0},
    },
    "assumed": {"of_calls": 0},
}  # fmt: skip


async def said(**changed: object) -> list[str]:
    service, out = Service(), io.StringIO()
    service.will("POST", "/campaigns/c1/rehearse", (200, FOUND | changed))
    service.will("GET", "/campaigns/c1", (200, {"zone": "Asia/Shanghai"}))
    async with door_to(service) as door:
        await rehearse(door, "c1", None, Terminal(out, None))
    return out.getvalue().splitlines()


async def test_a_rehearsal_is_told_in_the_zone_of_the_campaign() -> None:
    assert await said() == [
        "contacts  877: reached 660, fallback 214",
        "calls     1900, messages 0, 10 lines at most",
        "from      2026-03-04 09:00 Asia/Shanghai to 2026-03-04 17:30 Asia/Shanghai",
        "deadlines all are met",
        "handed over  attempts_used 214; with a person 3",
        "assumed: a public network at large; few calls are on record",
    ]


async def test_missed_deadlines_are_named_and_what_never_begins() -> None:
    late = {"notice_out_by": {"at": "2026-03-04T13:00:00.000Z", "met": 1, "missed": 7}, "fallback_by": {"missed": 0}}
    lines = await said(deadlines=late, first_dial_at=None, finish_at=None, outcomes={}, assumed={"of_calls": 500})
    assert lines[0] == "contacts  877: nobody"
    assert lines[2:4] == ["from      never to never", "deadlines 7 miss notice_out_by (2026-03-04 21:00 Asia/Shanghai)"]
    assert lines[-1] == "learnt from 500 calls"


async def test_a_rerun_names_the_draft_and_is_asked_for_once() -> None:
    service, out = Service(), io.StringIO()
    service.will("POST", "/campaigns/c1/rerun", (503, {}), (201, {"id": "c2", "state": "draft"}))
    async with door_to(service) as door:
        assert (await rerun(door, "c1", ["fallback"], Terminal(out, None)))["id"] == "c2"
    assert out.getvalue() == "c2 is a draft with those whom c1 did not reach\n"
    first, again = service.of("POST", "/campaigns/c1/rerun")
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]


async def test_a_test_call_says_when_it_is_made() -> None:
    service, out = Service(), io.StringIO()
    made = {"id": "c3", "state": "running", "next": {"text": {"en": "Calling", "zh": "正在外呼"}}}
    service.will("POST", "/campaigns/c1/test-call", (201, made))
    async with door_to(service) as door:
        assert (await call_oneself(door, "c1", "13900000001", Terminal(out, None)))["id"] == "c3"
    assert out.getvalue().startswith("c3 calls 13900000001 once, within the calling hours\n")
