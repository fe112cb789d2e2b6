"""pause, resume, stop, start, freeze, thaw, status: what is asked of the service and what a person reads."""

import io
import json

import pytest

from campaigns.client.actions import LOOKS_MAX, act, act_on_all, freeze, start, thaw
from campaigns.client.door import Problem
from campaigns.client.lines import clean, local, status_lines
from campaigns.client.terminal import Terminal
from campaigns.client.watching import until_over
from tests.campaigns.client.scripted_service import Service, door_to, problem
from tests.campaigns.client.test_submission import campaign


def quiet() -> Terminal:
    return Terminal(io.StringIO(), None)


async def test_a_pause_whose_answer_was_lost_is_a_pause() -> None:
    service = Service()
    service.will("POST", "/campaigns/c1/pause", (503, {}), (409, problem("wrong_state", 409)))
    service.will("GET", "/campaigns/c1", (200, campaign("paused")))
    async with door_to(service) as door:
        assert (await act(door, "pause", "c1", {}, quiet()))["state"] == "paused"


async def test_a_pause_that_is_refused_at_once_is_refused() -> None:
    service = Service()
    service.will("POST", "/campaigns/c1/pause", (409, problem("wrong_state", 409)))
    service.will("GET", "/campaigns/c1", (200, campaign("paused")))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="wrong_state"):
            await act(door, "pause", "c1", {}, quiet())


async def test_all_means_every_campaign_on_every_page_and_one_refusal_stops_no_other() -> None:
    service, out = Service(), io.StringIO()
    first = {"campaigns": [campaign("running") | {"id": "c1"}], "cursor": "n"}
    service.will("GET", "/campaigns", (200, first), (200, {"campaigns": [{"id": "c2"}, {"id": "c3"}], "cursor": None}),
                 (200, {"campaigns": [], "cursor": None}))  # fmt: skip
    service.will("POST", "/campaigns/c2/pause", (409, problem("wrong_state", 409)))
    for name in ("c1", "c3"):
        service.will("POST", f"/campaigns/{name}/pause", (202, campaign("paused")))
    async with door_to(service) as door:
        found = await act_on_all(door, "pause", {}, Terminal(out, None))
    assert {name for name, one in found.items() if "problem" in one} == {"c2"}
    assert [dict(one.query).get("cursor") for one in service.of("GET", "/campaigns")] == [None, "n", None]
    assert {one.query["state"] for one in service.of("GET", "/campaigns")} == {"running", "draining"}
    assert "c3 is paused" in out.getvalue()


async def test_stop_says_what_becomes_of_live_calls() -> None:
    service = Service()
    service.will("POST", "/campaigns/c1/stop", (202, campaign("stopping")))
    async with door_to(service) as door:
        await act(door, "stop", "c1", {"live": "clear"}, quiet())
    assert json.loads(service.heard[0].body) == {"live": "clear"}


async def test_a_draft_is_started_with_the_number_that_is_shown() -> None:
    service = Service()
    service.will("GET", "/campaigns/c1", (200, campaign("draft")))
    service.will("POST", "/campaigns/c1/start", (202, campaign("running")))
    async with door_to(service) as door:
        assert await start(door, "c1", False, Terminal(io.StringIO(), lambda _question: "no")) is None
        assert service.of("POST", "/campaigns/c1/start") == []
        assert (await start(door, "c1", False, Terminal(io.StringIO(), lambda _question: "yes")) or {})[
            "state"
        ] == "running"
    assert json.loads(service.of("POST", "/campaigns/c1/start")[0].body) == {"contacts": 9}


async def test_freeze_waits_until_it_is_acknowledged() -> None:
    service, out = Service(), io.StringIO()
    frozen = {"frozen": True, "reason": "wrong file", "acknowledged": False}
    service.will("POST", "/outbound/freeze", (202, frozen))
    service.will("GET", "/outbound", (200, frozen), (200, frozen | {"acknowledged": True}))
    service.will("POST", "/outbound/thaw", (202, {"frozen": False}))
    async with door_to(service) as door:
        assert (await freeze(door, "wrong file", Terminal(out, None)))["acknowledged"]
        await thaw(door, Terminal(out, None))
    assert json.loads(service.heard[0].body) == {"reason": "wrong file"}
    assert out.getvalue().splitlines() == [
        "frozen: wrong file", "acknowledged: nothing more is sent", "thawed: campaigns that run go on"
    ]  # fmt: skip


async def test_a_freeze_that_nobody_acknowledges_is_not_waited_for_without_end() -> None:
    service, out = Service(), io.StringIO()
    service.will("POST", "/outbound/freeze", (202, {"frozen": True, "acknowledged": False}))
    service.will("GET", "/outbound", (200, {"frozen": True, "acknowledged": False}))
    async with door_to(service) as door:
        await freeze(door, "wrong file", Terminal(out, None))
    assert len(service.paused) == LOOKS_MAX
    assert "not acknowledged yet" in out.getvalue()


async def test_watching_shows_what_has_changed_and_ends_with_the_campaign() -> None:
    service, out = Service(), io.StringIO()
    running = campaign("running", waiting=9)
    service.will("GET", "/campaigns/c1", *((200, one) for one in (running, running, campaign("stopped", cancelled=9))))
    async with door_to(service) as door:
        assert (await until_over(door, "c1", Terminal(out, None)))["state"] == "stopped"
    assert out.getvalue().count("waiting 9") == 1
    assert len(service.paused) == 2


class TerminalText(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_on_a_terminal_a_block_takes_the_place_of_the_one_before() -> None:
    out = TerminalText()
    terminal = Terminal(out, None)
    terminal.block(["one", "two"])
    terminal.block(["three"])
    terminal.say("said")
    terminal.block(["four"])
    assert out.getvalue() == "\x1b[0Jone\ntwo\n\x1b[2F\x1b[0Jthree\nsaid\n\x1b[0Jfour\n"


def test_a_status_names_every_state_that_has_contacts_and_what_was_refused() -> None:
    found = campaign("running", waiting=3, in_progress=1, reached=5, attempts=6, counted=5, live=1)
    found["progress"] |= {
        "dispositions": {"reached": 5, "busy": 0}, "refused": {"quiet_hours": 2}, "deadlines": {"met": 5, "missed": 0},
        "notices": {"pending": 1}, "eta": "2026-03-04T09:30:00Z",
    }  # fmt: skip
    text = "\n".join(status_lines(found))
    for part in (
        "c1  arrears  march: running", "contacts  9: waiting 3, in_progress 1, reached 5",
        "attempts  6, counted 5, live now 1",
        "reached 5", "not dialled because of quiet_hours 2", "deadlines met 5", "notices pending 1",
        "done by   2026-03-04 17:30 Asia/Shanghai",
    ):  # fmt: skip
        assert part in text
    assert "busy" not in text


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    assert clean("a\x1b[2J\nb") == "a [2J b"
    assert local("2026-03-04T06:00:00Z", "Nowhere/City") == "2026-03-04T06:00:00Z"
    assert local("soon", "UTC") == "soon"
