"""`ringback callback`: add, list, cancel."""

import argparse
import io

import pytest

from campaigns.client import callback_command
from campaigns.client.callbacks import add, cancel, listed
from campaigns.client.door import Problem
from campaigns.client.terminal import Terminal
from tests.campaigns.client.scripted_service import Service, door_to

ONE = {
    "id": "k1", "state": "waiting", "promise": None, "number": "+86138****1234", "moved": False,
    "due_at": "2026-03-04T04:31:00.000Z", "call_at": "2026-03-04T04:28:20.000Z",
}  # fmt: skip


async def test_what_is_added_says_where_the_hours_move_it_and_is_asked_for_once() -> None:
    service, out = Service(), io.StringIO()
    service.will("POST", "/callbacks", (503, {}), (201, ONE | {"moved": True}))
    async with door_to(service) as door:
        await add(door, {"number": "13800001234"}, Terminal(out, None))
    assert out.getvalue().splitlines() == [
        "k1  2026-03-04T04:28:20.000Z  +86138****1234  waiting",
        "the hours do not allow 2026-03-04T04:31:00.000Z: it is made at 2026-03-04T04:28:20.000Z",
    ]
    first, again = service.of("POST", "/callbacks")
    assert first.headers["Idempotency-Key"] == again.headers["Idempotency-Key"]


async def test_all_pages_are_listed() -> None:
    service, out = Service(), io.StringIO()
    missed = ONE | {"id": "k2", "promise": "missed"}
    service.will("GET", "/callbacks", (200, {"callbacks": [ONE], "cursor": "c"}),
                 (200, {"callbacks": [missed], "cursor": None}))  # fmt: skip
    async with door_to(service) as door:
        found = await listed(door, "missed", Terminal(out, None))
    assert [one["id"] for one in found["callbacks"]] == ["k1", "k2"]
    assert out.getvalue().splitlines()[1].endswith("waiting, missed")
    assert [dict(one.query) for one in service.of("GET", "/callbacks")] == [
        {"limit": "100", "promise": "missed"}, {"limit": "100", "promise": "missed", "cursor": "c"},
    ]  # fmt: skip


async def test_one_is_cancelled_though_the_first_answer_was_lost() -> None:
    service, out = Service(), io.StringIO()
    service.will("DELETE", "/callbacks/k1", (502, {}), (409, {"code": "wrong_state"}))
    service.will("GET", "/callbacks/k1", (200, ONE | {"state": "cancelled"}))
    async with door_to(service) as door:
        await cancel(door, "k1", Terminal(out, None))
    assert out.getvalue() == "k1 is cancelled\n"


async def test_one_that_is_over_is_not_cancelled() -> None:
    service = Service()
    service.will("DELETE", "/callbacks/k1", (409, {"code": "wrong_state"}))
    async with door_to(service) as door:
        with pytest.raises(Problem, match="wrong_state"):
            await cancel(door, "k1", Terminal(io.StringIO(), None))


def test_the_command_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RINGBACK_KEY", raising=False)
    parser = argparse.ArgumentParser()
    callback_command.add_arguments(parser)
    with pytest.raises(SystemExit):
        parser.parse_args(["add", "13800001234"])
    capsys.readouterr()
    given = ["add", "13800001234", "--due-at", "x", "--switch", "s", "--trunk-group", "t"]
    assert callback_command.run(parser.parse_args(given)) == callback_command.USAGE
    assert "RINGBACK_KEY" in capsys.readouterr().err
    assert callback_command.run(parser.parse_args(["cancel", "../x", "--key", "k"])) == callback_command.USAGE
